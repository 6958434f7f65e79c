"""Hands the CDS services what they need of this application, and writes every call into the audit trail."""

from datetime import datetime

from flask import g

from app.auditing.trail import Action, AuditEvent
from app.services import AppServices
from cds_hooks.services import CdsDependencies, CdsEvent
from model.assessment import Outcome
from model.snapshot import PatientSnapshot


def cds_dependencies(services: AppServices) -> CdsDependencies:
    """The CDS room's collaborators: same assessment, sessions, clock and registry as the pages."""
    return CdsDependencies(
        clients=services.ehrs.cds_clients,
        assess=lambda snapshot, now, ehr_id: _assess(services, snapshot, now, ehr_id),
        session_for=services.http_session_for,
        jti_store=services.used_jwt_ids,
        public_url=services.settings.public_url,
        record=lambda event: _record(services, event),
        clock=services.clock,
        cards_mode=lambda ehr_id: services.switches.mode(ehr_id, "cards"),
        reading_for=lambda ehr_id: services.ehrs.by_id(ehr_id).reading,
        budget_seconds=services.settings.cds_budget_seconds,
    )


def _assess(services: AppServices, snapshot: PatientSnapshot, now: datetime, ehr_id: str) -> Outcome:
    """The assessment; what is kept of it waits for the call's audit line."""
    outcome, g.kept_prediction = services.assess(snapshot, now, ehr_id, "hook")
    return outcome


def _record(services: AppServices, event: CdsEvent) -> None:
    """Into the trail first; then what the metrics say of this call, if it is answered with 200."""
    services.audit.record(_audit_event(services, event), beside=g.pop("kept_prediction", None))
    g.hook_outcome = {"card-returned": "card", "card-suppressed": "silent"}.get(_action(event), "empty-for-412")


def _audit_event(services: AppServices, event: CdsEvent) -> AuditEvent:
    """A call as the trail keeps it: the kinds of cards shown, or why there was none."""
    shown = ",".join(sorted(card.kind.value for card in event.cards))
    return AuditEvent(
        action=_action(event),
        outcome=shown or event.reason or str(event.status),
        ehr_id=event.ehr_id,
        who=event.user_id,
        patient_id=event.patient_id,
        model_sha256=event.model_sha256 or services.model_sha256,
        request_id=g.get("request_id"),
        encounter_id=event.encounter_id,
        service=event.service_id,
        hook_instance=event.hook_instance,
        jti=event.jti,
    )


def _action(event: CdsEvent) -> Action:
    if event.status != 200:
        return "cds-refused"
    return "card-returned" if event.cards else "card-suppressed"
