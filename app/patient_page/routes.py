"""The pages people see: the patient's page, the model's card, and what this is."""

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cache
from importlib.resources import files
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, render_template, request, url_for
from jinja2 import ChoiceLoader, PackageLoader
from werkzeug.exceptions import NotFound

from app.chart import NARROW, WIDE, course_svg
from app.configured.ehrs import EhrConfig
from app.languages.reader import wording_for
from app.launched.entry import enter
from app.launched.sessions import LaunchSession
from app.patient_page.acting import add_acting_routes
from app.patient_page.first_paint import FirstPaint
from app.patient_page.looks import PATIENCE_SECONDS, Looks
from app.patient_page.plans import KINDS
from app.patient_page.viewing import ReadChart, ViewedChart, page_of, view_chart, worklist_url
from app.presentation import PatientPage
from app.services import AppServices
from app.web.error_pages import error_response
from app.worklist.routes import add_worklist_routes
from launch.styling import css_variables
from patient_context.reader import read

ReadCard = Callable[[], Any]


@cache
def bundled_card() -> Any:
    """`model/card.json`, written with the model: one source for page, JSON and Markdown (REG-28)."""
    try:
        return json.loads(files("model").joinpath("card.json").read_text(encoding="utf-8"))
    except FileNotFoundError as missing:
        raise NotFound from missing


def pages_blueprint(
    services: AppServices, *, read_chart: ReadChart = read, read_card: ReadCard = bundled_card
) -> Blueprint:
    """`/`, `/p/<launch>/` and `/model`, with their templates and static files."""
    pages = Blueprint("pages", "app", static_folder="static", static_url_path="/static")
    first_paint, looks = FirstPaint(threads=services.settings.threads), Looks(services.styles)
    pages.jinja_loader = ChoiceLoader([PackageLoader("app"), PackageLoader("nhsuk_frontend_jinja")])

    @pages.get("/")
    def home() -> str:
        """What this is, and the standalone launch of each registered EHR."""
        return render_template("home.html", ehrs=[_launch_links(config) for config in services.ehrs])

    @pages.get("/p/<launch_id>/", strict_slashes=False)
    def patient(launch_id: str) -> Response | str:
        """One patient, read now, for the browser that launched. Raises what `app.web.errors` turns into a page."""
        session = enter(services.sessions, launch_id)
        ehr = services.ehrs.by_id(session.ehr_id)
        say, window = wording_for(ehr), request.args.get("window")
        has_looks = bool(looks.now(ehr.launch, session.smart_style_url))
        style_url = url_for("pages.ehr_style", launch_id=session.id) if has_looks else ""
        if session.patient_id is None:
            return worklist.page(session, ehr, style_url)

        def render(viewed: ViewedChart) -> str:
            page = page_of(viewed, session, ehr, say, window=window)
            return _render_patient(page, session, style_url, services.sessions.shown_for(session))

        return first_paint.page(
            lambda: view_chart(services, session, ehr, read_chart),
            somebody_waits=request.headers.get("Sec-Fetch-Mode") == "navigate",
            render=render,
            waiting=lambda: render_template(
                "waiting.html",
                ehr_name=ehr.launch.name,
                style_url=style_url,
                self_url=url_for("pages.patient", launch_id=session.id),
            ),
            refusal=error_response,
        )

    add_acting_routes(pages, services, read_chart)
    worklist = add_worklist_routes(pages, services)

    @pages.get("/p/<launch_id>/style.css")
    def ehr_style(launch_id: str) -> Response:
        """The EHR's looks for apps, as custom properties; empty where none are usable (SL-49)."""
        session = enter(services.sessions, launch_id)
        registration = services.ehrs.by_id(session.ehr_id).launch
        style = looks.now(registration, session.smart_style_url, patience_seconds=PATIENCE_SECONDS)
        return Response(css_variables(style), mimetype="text/css")

    @pages.get("/model")
    def model_card() -> Response | str:
        """The model's card, as a page or as JSON."""
        card = read_card()
        if request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json":
            return jsonify(card)
        return render_template("model.html", card=card)

    return pages


def _render_patient(page: PatientPage, session: LaunchSession, style_url: str, shown_for: timedelta) -> str:
    course = page.course.course
    return render_template(
        "patient.html",
        page=page,
        self_url=url_for("pages.patient", launch_id=session.id),
        worklist_url=worklist_url(session),
        style_url=style_url,
        write_urls={kind: url_for("pages.preview", launch_id=session.id, kind=kind) for kind in KINDS},
        end_url=url_for("session.end", launch_id=session.id)
        if "session.end" in current_app.view_functions
        else "",
        csrf_token=session.csrf_token,
        shown_seconds=int(shown_for.total_seconds()),
        chart_wide=course_svg(course, WIDE) if course else "",
        chart_narrow=course_svg(course, NARROW) if course else "",
    )


def _launch_links(config: EhrConfig) -> Mapping[str, str]:
    """The ways to begin at an EHR that its entry offers; both may be empty."""
    offered = config.launch.choose_patient
    return {
        "name": config.launch.name,
        "iss": config.launch.iss,
        "href": url_for("launch.launch_standalone", ehr=config.id) if "ehr" in offered else "",
        "worklist_href": url_for("launch.launch_worklist", ehr=config.id) if "worklist" in offered else "",
    }
