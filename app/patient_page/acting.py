"""Writing to the chart: a preview, one click, and what became of it. Nothing is written without that click.

The routes hang below the patient's page. The preview keeps the very resource it shows (`write_drafts`); the click
carries the launch's CSRF token and the draft's key, is written down before anything is sent, and is answered
with a redirect, so that a reload shows the result and sends nothing.
"""

from dataclasses import dataclass, replace
from typing import Final

from flask import Blueprint, Response, abort, render_template, request, url_for

from app.configured.ehrs import EhrConfig
from app.languages.reader import site_wording, wording_for
from app.launched.entry import enter, require_form_token, require_patient
from app.launched.sessions import LaunchSession
from app.patient_page.drafts import Draft, WriteDrafts
from app.patient_page.plans import KINDS, NoPlan, WritePlan, plan
from app.patient_page.viewing import ReadChart, fhir_access, page_of, record_act, view_chart, worklist_url
from app.presentation.wording import Wording
from app.presentation.write_preview import write_preview
from app.services import AppServices
from app.storage.encryption import sealed_box
from model.sentences import Sentence
from patient_context.writer import Capabilities, ChartWriter, Refused, WriteResult, Written, may_create
from patient_context.writing_forms import provenance

_TITLES: Final = {
    "draft": Sentence("Not written"),
    "writing": Sentence("Being written"),
    "written": Sentence("Written to the chart"),
    "refused": Sentence("Not written"),
    "unconfirmed": Sentence("Not confirmed"),
}
#: Found by its identifier: another launch, or a click whose answer was lost, wrote it.
_FOUND: Final = Sentence("Written already")


def add_acting_routes(pages: Blueprint, services: AppServices, read_chart: ReadChart) -> None:
    """`/p/<launch>/write/<kind>` (preview, then the click) and `/p/<launch>/written/<draft>`."""
    acting = _Acting(
        services, WriteDrafts(services.engine, sealed_box(services.settings), services.clock), read_chart
    )
    pages.add_url_rule("/p/<launch_id>/write/<kind>", "preview", acting.preview, methods=["GET"])
    pages.add_url_rule("/p/<launch_id>/write/<kind>", "write", acting.write, methods=["POST"])
    pages.add_url_rule("/p/<launch_id>/written/<draft_id>", "written", acting.written, methods=["GET"])


@dataclass(frozen=True, slots=True)
class _Acting:
    """The views and what they share."""

    services: AppServices
    drafts: WriteDrafts
    read_chart: ReadChart

    def preview(self, launch_id: str, kind: str) -> str:
        """Read and assess anew, choose the form, keep it and show it. Writes nothing to the EHR."""
        session, ehr = self._enter(launch_id, kind)
        viewed = view_chart(self.services, session, ehr, self.read_chart)
        say, site = wording_for(ehr), site_wording(ehr)
        page = page_of(viewed, session, ehr, say)
        whose = say.gettext("{name}, born {born}", name=page.banner.name, born=page.banner.birth_line)
        handover = page_of(viewed, session, ehr, site).actions.handover
        capabilities = self._writer(session).capabilities()
        planned = plan(kind, viewed, session, capabilities, reader=say, site=site, handover=handover)
        already = self._already(session, kind, planned)
        draft = (
            self._keep(session, kind, planned, whose) if isinstance(planned, WritePlan) and not already else None
        )
        return render_template(
            "write/preview.html",
            banner=page.banner,
            kind=kind,
            draft=draft,
            no_plan=planned if isinstance(planned, NoPlan) else None,
            preview=write_preview(draft.resource, say) if draft else None,
            already=self._when_and_where(already, say) if already else "",
            csrf_token=session.csrf_token,
            shown_seconds=int(self.services.sessions.shown_for(session).total_seconds()),
            patient_url=url_for("pages.patient", launch_id=session.id),
            worklist_url=worklist_url(session),
            write_url=url_for("pages.write", launch_id=session.id, kind=kind),
        )

    def write(self, launch_id: str, kind: str) -> Response:
        """The click. Audit first; then, of several clicks, one sends."""
        session, _ = self._enter(launch_id, kind)
        require_form_token(session)
        draft = self.drafts.open(request.form.get("draft", ""), session.id)
        if draft.kind == kind and draft.may_be_sent:
            resource_type = draft.resource["resourceType"]
            record_act(self.services, session, "write-back", f"asked {resource_type}")
            if self.drafts.claim(draft):
                self._send(session, draft)
        response = Response(status=303)
        response.headers["Location"] = url_for("pages.written", launch_id=session.id, draft_id=draft.id)
        return response

    def written(self, launch_id: str, draft_id: str) -> str:
        """What became of a draft, as often as it is looked at."""
        session, ehr = self._enter(launch_id, KINDS[0])
        draft, say = self.drafts.open(draft_id, session.id), wording_for(ehr)
        return render_template(
            "write/written.html",
            draft=draft,
            title=say.sentence(_FOUND if draft.existed else _TITLES[draft.state]),
            preview=write_preview(draft.resource, say),
            ehr_name=ehr.launch.name,
            settled_at=say.moment(draft.settled_at) if draft.settled_at and not draft.existed else "",
            csrf_token=session.csrf_token,
            shown_seconds=int(self.services.sessions.shown_for(session).total_seconds()),
            patient_url=url_for("pages.patient", launch_id=session.id),
            write_url=url_for("pages.write", launch_id=session.id, kind=draft.kind),
        )

    def _enter(self, launch_id: str, kind: str) -> tuple[LaunchSession, EhrConfig]:
        """The session of this browser, at an EHR that may be written to; 404 elsewhere."""
        session = enter(self.services.sessions, launch_id)
        require_patient(session)
        ehr = self.services.ehrs.by_id(session.ehr_id)
        if not ehr.launch.write_back or kind not in KINDS:
            abort(404)
        return self.services.token_life.fresh(session), ehr

    def _already(self, session: LaunchSession, kind: str, planned: WritePlan | NoPlan) -> Draft | None:
        """What this launch has written that says the same: there is no second click to be had for it."""
        if isinstance(planned, NoPlan):
            return None
        return next((d for d in self.drafts.written_in(session.id, kind) if d.same_as == planned.same_as), None)

    def _writer(self, session: LaunchSession) -> ChartWriter:
        return ChartWriter(fhir_access(session), self.services.http_session_for(session.ehr_id))

    def _keep(self, session: LaunchSession, kind: str, planned: WritePlan, whose: str) -> Draft:
        return self.drafts.keep(
            session.id,
            kind=kind,
            whose=whose,
            why_this_form=planned.why_this_form,
            resource=planned.resource,
            identifiable=planned.identifiable,
            same_as=planned.same_as,
        )

    def _send(self, session: LaunchSession, draft: Draft) -> None:
        writer = self._writer(session)
        capabilities = writer.capabilities()
        result = writer.write(draft.resource, capabilities)
        settled = replace(_settled(draft, result), settled_at=self.services.clock())
        self.drafts.settle(settled)
        if settled.state == "written" and not settled.existed:
            self._add_provenance(session, settled, capabilities)
        outcome = " ".join(
            part for part in (settled.state, settled.reference or draft.resource["resourceType"]) if part
        )
        record_act(self.services, session, "write-back", outcome)

    def _add_provenance(self, session: LaunchSession, draft: Draft, capabilities: Capabilities) -> None:
        """Where the EHR takes it: who stands behind what was written. Its failure changes nothing (FH-30)."""
        offered = "Provenance" in capabilities.creatable and may_create(session.scopes, "Provenance")
        if offered and draft.reference:
            made = provenance(draft.resource, draft.reference, who=session.fhir_user, at=self.services.clock())
            self._writer(session).add(made)

    def _when_and_where(self, draft: Draft, say: Wording) -> str:
        when = say.moment(draft.settled_at) if draft.settled_at else ""
        return f"{draft.reference or draft.resource['resourceType']}, {when}"


def _settled(draft: Draft, result: WriteResult) -> Draft:
    match result:
        case Written():
            return replace(
                draft,
                state="written",
                reference=result.reference,
                verified=result.verified,
                altered=result.altered,
                existed=result.existed,
            )
        case Refused():
            return replace(draft, state="refused", words=result.words or f"HTTP {result.status}")
        case _:
            return replace(draft, state="unconfirmed", words=result.code)
