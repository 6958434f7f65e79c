"""Reading and assessing one patient for somebody's eyes: recorded before anything is shown."""

from collections.abc import Callable
from dataclasses import dataclass

from flask import g, url_for
from sqlalchemy import Connection

from app.auditing.inputs import input_references, unread_parts
from app.auditing.trail import Action, AuditEvent
from app.configured.ehrs import EhrConfig
from app.launched.sessions import LaunchSession, SessionExpired
from app.patient_page.drug_notes import drug_findings
from app.presentation import PageSetting, PatientPage, patient_page
from app.presentation.wording import Wording
from app.services import AppServices
from app.watching.predictions import WriteBeside
from launch.errors import LaunchError
from model.assessment import Outcome
from model.snapshot import PatientSnapshot
from patient_context.errors import PatientContextError
from patient_context.reader import FhirAccess

ReadChart = Callable[..., PatientSnapshot]


@dataclass(frozen=True, slots=True)
class ViewedChart:
    """The chart as the EHR gave it just now, and what can be said of it."""

    snapshot: PatientSnapshot
    outcome: Outcome


def both(first: WriteBeside, second: WriteBeside | None) -> WriteBeside:
    """Two things written beside the same line."""

    def write(connection: Connection) -> None:
        first(connection)
        if second is not None:
            second(connection)

    return write


def fhir_access(session: LaunchSession) -> FhirAccess:
    """The right this launch has at its EHR."""
    return FhirAccess(session.fhir_base_url, session.access_token, session.scopes)


def worklist_url(session: LaunchSession) -> str:
    """The way back to the patients of the session; empty for a launch that has this patient only."""
    return url_for("pages.patient", launch_id=session.parent_id) if session.parent_id else ""


def view_chart(
    services: AppServices, session: LaunchSession, ehr: EhrConfig, read_chart: ReadChart
) -> ViewedChart:
    """Read, assess, write down who looked, also in vain. Raises what `app.web.errors` turns into a page."""
    now = services.clock()

    def read(current: LaunchSession) -> PatientSnapshot:
        return read_chart(
            fhir_access(current),
            patient_id=current.patient_id,
            session=services.http_session_for(current.ehr_id),
            now=now,
            reading=ehr.reading,
            deadline_seconds=services.settings.read_deadline_seconds,
        )

    try:
        snapshot = services.token_life.use(session, read)
    except (PatientContextError, LaunchError, SessionExpired) as problem:
        record_act(services, session, "chart-not-shown", getattr(problem, "code", type(problem).__name__))
        raise
    outcome, kept = services.assess(snapshot, now, ehr.id, "page")
    viewed = ViewedChart(snapshot, outcome)
    beside = both(kept, services.opened.seen(session, snapshot, outcome))
    record_act(services, session, "chart-viewed", type(outcome).__name__, viewed, beside=beside)
    return viewed


def page_of(
    viewed: ViewedChart, session: LaunchSession, ehr: EhrConfig, say: Wording, *, window: str | None = None
) -> PatientPage:
    """What the templates print of a viewed chart, for a reader of `say`."""
    setting = PageSetting(
        ehr_name=ehr.launch.name,
        say=say,
        window=window,
        need_patient_banner=session.need_patient_banner,
        write_back=ehr.launch.write_back,
        granted=session.scopes,
        drug_notes=drug_findings,
        policy=ehr.policy,
    )
    return patient_page(viewed.outcome, viewed.snapshot, setting)


def record_act(
    services: AppServices,
    session: LaunchSession,
    action: Action,
    result: str,
    viewed: ViewedChart | None = None,
    *,
    beside: WriteBeside | None = None,
    patients: tuple[str, ...] | None = None,
) -> None:
    """One line of the audit trail, and what is written beside it. Raises AuditFailed: then it is not done.

    `patients` are those a list shows, by reference.
    """
    services.audit.record(
        AuditEvent(
            action=action,
            outcome=result,
            ehr_id=session.ehr_id,
            who=session.fhir_user or session.user_label,
            patient_id=session.patient_id,
            model_sha256=viewed.outcome.model.sha256 if viewed and viewed.outcome.model else None,
            inputs=input_references(viewed.snapshot, viewed.outcome) if viewed else patients,
            unread=unread_parts(viewed.snapshot) if viewed else None,
            recalibration_sha256=services.recalibration_sha256(session.ehr_id),
            request_id=g.get("request_id"),
        ),
        beside=beside,
    )
