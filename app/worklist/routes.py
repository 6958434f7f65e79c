"""The page of a launch without a patient, its search, and the way to one patient's page.

The page stands where a patient's would (`/p/<launch>/`). Both forms are answered with a redirect, so that Back and
reload show the list and ask nothing of the EHR.
"""

from dataclasses import dataclass, replace

from flask import Blueprint, Response, render_template, request, url_for

from app.configured.ehrs import EhrConfig
from app.languages.reader import wording_for
from app.launched.entry import enter, require_form_token, require_patient
from app.launched.sessions import LaunchSession
from app.patient_page.viewing import record_act
from app.presentation.worklist import worklist_page
from app.services import AppServices
from app.worklist.searching import search


def add_worklist_routes(pages: Blueprint, services: AppServices) -> "Worklist":
    """`POST /p/<launch>/search` and `POST /p/<launch>/open`; the page itself is the launch's own address."""
    worklist = Worklist(services)
    pages.add_url_rule("/p/<launch_id>/search", "search_patients", worklist.search, methods=["POST"])
    pages.add_url_rule("/p/<launch_id>/open", "open_patient", worklist.open, methods=["POST"])
    return worklist


@dataclass(frozen=True, slots=True)
class Worklist:
    """The views and what they share."""

    services: AppServices

    def page(self, session: LaunchSession, ehr: EhrConfig, style_url: str) -> str:
        """Who was opened in this session and whom the last search found; written down before it is shown."""
        services, now = self.services, self.services.clock()
        opened, found = services.opened.recent(session.id), services.searches.last(session.id)
        ids = [each.patient.patient_id for each in opened]
        ids += [row.patient.patient_id for row in (found.rows if found else ())]
        shown = tuple(f"Patient/{each}" for each in dict.fromkeys(ids))
        record_act(services, session, "worklist-viewed", str(len(shown)), patients=shown)
        say = wording_for(ehr)
        return render_template(
            "worklist.html",
            page=worklist_page(opened, found, say, ehr_name=ehr.launch.name, now=now),
            style_url=style_url,
            self_url=url_for("pages.patient", launch_id=session.id),
            search_url=url_for("pages.search_patients", launch_id=session.id),
            open_url=url_for("pages.open_patient", launch_id=session.id),
            end_url=url_for("session.end", launch_id=session.id),
            csrf_token=session.csrf_token,
            shown_seconds=int(services.sessions.shown_for(session).total_seconds()),
        )

    def search(self, launch_id: str) -> Response:
        """Search with the user's right; the list is on the page the browser is sent to."""
        session, ehr = self._enter(launch_id)
        search(self.services, session, ehr, request.form)
        return _see_other(url_for("pages.patient", launch_id=session.id, _anchor="found"))

    def open(self, launch_id: str) -> Response:
        """A patient of the last search, as a launch of its own. Written down in the act, or it does not happen."""
        session, _ = self._enter(launch_id)
        services = self.services
        chosen = services.searches.chosen(session.id, request.form.get("row", ""))
        child_id, write = services.opened.open(session, chosen, services.clock())
        whose = replace(session, patient_id=chosen.patient_id)
        record_act(services, whose, "patient-opened", "success", beside=write)
        return _see_other(url_for("pages.patient", launch_id=child_id))

    def _enter(self, launch_id: str) -> tuple[LaunchSession, EhrConfig]:
        session = enter(self.services.sessions, launch_id)
        require_form_token(session)
        require_patient(session, is_there=False)
        return session, self.services.ehrs.by_id(session.ehr_id)


def _see_other(address: str) -> Response:
    response = Response(status=303)
    response.headers["Location"] = address
    return response
