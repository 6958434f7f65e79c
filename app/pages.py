"""The pages people see: the patient's page, the model's card, and what this is."""

import json
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from flask import Blueprint, Response, g, jsonify, render_template, request, url_for
from jinja2 import ChoiceLoader, PackageLoader
from werkzeug.exceptions import NotFound

from app.audit import AuditEvent
from app.chart import NARROW, WIDE, course_svg
from app.ehrs import EhrConfig
from app.presentation import PageSetting, PatientPage, patient_page
from app.services import AppServices
from app.sessions import LaunchSession
from model.assessment import Outcome
from model.snapshot import PatientSnapshot
from patient_context.reader import FhirAccess, read

ReadChart = Callable[..., PatientSnapshot]
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
    pages.jinja_loader = ChoiceLoader([PackageLoader("app"), PackageLoader("nhsuk_frontend_jinja")])

    @pages.get("/")
    def home() -> str:
        """What this is, and the standalone launch of each registered EHR."""
        return render_template("home.html", ehrs=[_launch_link(config) for config in services.ehrs])

    @pages.get("/p/<launch_id>/")
    def patient(launch_id: str) -> str:
        """One patient, read now, for the browser that launched. Raises what `app.errors` turns into a page."""
        session = services.sessions.open(launch_id, request.cookies)
        g.ehr_id = session.ehr_id
        ehr = services.ehrs.by_id(session.ehr_id)
        snapshot, outcome = services.token_life.use(
            session, lambda current: _read_and_assess(services, current, ehr, read_chart)
        )
        _record_view(services, session, outcome)
        setting = PageSetting(
            ehr_name=ehr.launch.name,
            time_zone=ehr.reading.time_zone,
            window=request.args.get("window"),
            need_patient_banner=session.need_patient_banner,
        )
        return _render_patient(patient_page(outcome, snapshot, setting), session)

    @pages.get("/model")
    def model_card() -> Response | str:
        """The model's card, as a page or as JSON."""
        card = read_card()
        if request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json":
            return jsonify(card)
        return render_template("model.html", card=card)

    return pages


def _read_and_assess(
    services: AppServices, session: LaunchSession, ehr: EhrConfig, read_chart: ReadChart
) -> tuple[PatientSnapshot, Outcome]:
    """The chart as the EHR gives it now, and what can be said of it."""
    now = services.clock()
    snapshot = read_chart(
        FhirAccess(session.fhir_base_url, session.access_token, session.scopes),
        patient_id=session.patient_id,
        session=services.http_session_for(session.ehr_id),
        now=now,
        reading=ehr.reading,
        deadline_seconds=services.settings.read_deadline_seconds,
    )
    return snapshot, services.assess(snapshot, now, ehr.id)


def _record_view(services: AppServices, session: LaunchSession, outcome: Outcome) -> None:
    """Recording comes before showing."""
    services.audit.record(
        AuditEvent(
            action="chart-viewed",
            outcome=type(outcome).__name__,
            ehr_id=session.ehr_id,
            who=session.fhir_user or session.user_label,
            patient_id=session.patient_id,
            model_sha256=outcome.model.sha256 if outcome.model else None,
            request_id=g.get("request_id"),
        )
    )


def _render_patient(page: PatientPage, session: LaunchSession) -> str:
    course = page.course.course
    return render_template(
        "patient.html",
        page=page,
        self_url=url_for("pages.patient", launch_id=session.id),
        expires_at=session.expires_at.isoformat(),
        chart_wide=course_svg(course, WIDE) if course else "",
        chart_narrow=course_svg(course, NARROW) if course else "",
    )


def _launch_link(config: EhrConfig) -> Mapping[str, str]:
    return {
        "name": config.launch.name,
        "iss": config.launch.iss,
        "href": url_for("launch.launch_standalone", ehr=config.id),
    }
