"""The EHR's own pages: patient list, chart, the app in a frame.

They need no login, because this is a demonstration with fictional clinicians; the server listens on the loopback
address unless told otherwise, and forms are taken from the EHR's own pages only.
"""

from __future__ import annotations

from collections import Counter
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, abort, redirect, render_template, request, session
from werkzeug.wrappers import Response as BaseResponse

from sandbox.charts import Chart, current_stay, read_chart
from sandbox.launches import LaunchContext
from sandbox.page_words import add_words
from sandbox.patient_list import CATEGORIES, SORTS, select_rows
from sandbox.practitioners import PRACTITIONERS, Practitioner, find_practitioner
from sandbox.prepared_cases import first_looks
from sandbox.security import refuse_foreign_forms
from sandbox.services import EhrServices
from sandbox.store import PatientStore

DEFAULT_PRACTITIONER = PRACTITIONERS[0]


class EhrPages:
    """What every page needs: the records, the stores and who is at the keyboard."""

    def __init__(self, services: EhrServices, store: PatientStore) -> None:
        self.services = services
        self.store = store

    def clinician(self) -> Practitioner:
        """The clinician chosen in this browser; the first one until somebody chooses."""
        return find_practitioner(session.get("practitioner")) or DEFAULT_PRACTITIONER

    def chart(self, patient_id: str) -> Chart:
        try:
            return read_chart(self.store, patient_id)
        except KeyError:
            abort(404)

    def launch_context(
        self, patient_id: str, app_context: str | None = None, *, framed: bool = False
    ) -> LaunchContext:
        """What the EHR would tell an app started now from this patient's chart.

        In a frame below the EHR's own patient banner the app need not show another (SL-48).
        """
        stay = current_stay(self.store, patient_id)
        return LaunchContext(
            practitioner_id=self.clinician().id,
            patient_id=patient_id,
            encounter_id=stay.id if stay else None,
            need_patient_banner=self.services.switches.banner_in_frame or not framed,
            app_context=app_context,
        )

    def launch_url_without_patient(self) -> str:
        """A fresh launch of the app from the list: the EHR names the user, and nobody else yet."""
        launch = self.services.launches.put(LaunchContext(practitioner_id=self.clinician().id))
        query = urlencode({"iss": self.services.settings.iss, "launch": launch})
        return f"{self.services.settings.app_url}/launch/worklist?{query}"

    def launch_url(self, patient_id: str, *, framed: bool) -> str:
        """A fresh launch of the app, or of the registered launch URL of a card's link; 400 for any other."""
        url, app_context = request.form.get("url"), request.form.get("app_context") or None
        target = url or f"{self.services.settings.app_url}/launch"
        if target.partition("?")[0] not in self.services.clients.launch_urls():
            abort(400, "This launch URL belongs to no registered app.")
        launch = self.services.launches.put(self.launch_context(patient_id, app_context, framed=framed))
        query = urlencode({"iss": self.services.settings.iss, "launch": launch})
        return f"{target}{'&' if '?' in target else '?'}{query}"

    def everywhere(self) -> dict[str, Any]:
        """Template values of the frame around every page."""
        return {
            "clinician": self.clinician(),
            "practitioners": PRACTITIONERS,
            "changed": self.services.changed_switches(),
            "now": self.services.clock(),
            "categories": CATEGORIES,
            "time_zone": self.services.settings.time_zone,
            "vendor": self.services.settings.vendor,
            "app_url": self.services.settings.app_url,
        }


def pages_blueprint(services: EhrServices, store: PatientStore) -> Blueprint:
    """Patient list, chart and launch."""
    ehr = EhrPages(services, store)
    pages = Blueprint("pages", __name__)
    pages.context_processor(ehr.everywhere)
    add_words(pages, services.settings.time_zone)

    @pages.get("/")
    def patients() -> str:
        return _patient_list(store)

    @pages.get("/patients/<patient_id>")
    def chart(patient_id: str) -> str:
        return render_template("chart.html", chart=ehr.chart(patient_id), rows=select_rows(store.patients()))

    @pages.route("/patients/<patient_id>/app", methods=["GET", "POST"])
    def app_in_frame(patient_id: str) -> str:
        chart = ehr.chart(patient_id)
        if request.method == "POST":
            refuse_foreign_forms()
        url = ehr.launch_url(patient_id, framed=True)
        return render_template("app_frame.html", chart=chart, launch_url=url, rows=select_rows(store.patients()))

    @pages.post("/patients/<patient_id>/launch")
    def app_in_tab(patient_id: str) -> BaseResponse:
        refuse_foreign_forms()
        ehr.chart(patient_id)
        url = ehr.launch_url(patient_id, framed=False)
        response = redirect(url, 303)
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    @pages.post("/launch")
    def app_without_patient() -> BaseResponse:
        refuse_foreign_forms()
        response = redirect(ehr.launch_url_without_patient(), 303)
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    @pages.post("/clinician")
    def choose_clinician() -> BaseResponse:
        refuse_foreign_forms()
        practitioner = find_practitioner(request.form.get("practitioner"))
        if practitioner is None:
            abort(400)
        session["practitioner"] = practitioner.id
        return redirect(_local_path(request.form.get("back", "")), 303)

    pages.register_error_handler(404, _not_found)
    return pages


def _patient_list(store: PatientStore) -> str:
    arguments = request.args
    category = arguments.get("category", "")
    sort = arguments.get("sort", "category")
    descending = arguments.get("order") == "down"
    words = arguments.get("q", "")[:100]
    everybody = store.patients()
    rows = select_rows(everybody, words=words, category=category, sort=sort, descending=descending)
    return render_template(
        "patients.html",
        rows=rows,
        total=len(everybody),
        counts=Counter(row.category for row in everybody),
        category=category if category in CATEGORIES else "",
        sort=sort if sort in SORTS else "category",
        descending=descending,
        words=words,
        looks=[] if words or category or "sort" in arguments else first_looks(everybody),
    )


def _local_path(path: str) -> str:
    """Only a path of this server; anything that could leave it becomes the start page."""
    safe = path.startswith("/") and not path.startswith(("//", "/\\")) and "\n" not in path
    return path if safe else "/"


def _not_found(_error: Exception) -> BaseResponse:
    text = "There is no such page or patient in this EHR."
    return Response(render_template("refused.html", error="not_found", description=text, title="Not found"), 404)
