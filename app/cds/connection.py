"""Hands the CDS services what they need of this application, and writes every call into the audit trail."""

from collections.abc import Iterable
from datetime import datetime

from flask import g
from sqlalchemy import Connection

from app.auditing.inputs import input_references, unread_parts
from app.auditing.trail import Action, AuditEvent
from app.services import AppServices
from app.telemetry.counters import CARDS
from app.watching.predictions import WriteBeside
from cds_hooks.record import CardShown, CdsEvent
from cds_hooks.services import LIVE, OFF, SHADOW, CdsDependencies
from model.assessment import Outcome
from model.snapshot import PatientSnapshot


def cds_dependencies(services: AppServices) -> CdsDependencies:
    """The CDS room's collaborators: same assessment, sessions, clock and registry as the pages."""
    return CdsDependencies(
        clients=services.ehrs.cds_clients,
        assess=lambda snapshot, now, ehr_id: _assess(services, snapshot, now, ehr_id),
        session_for=services.http_session_for,
        used_tokens=services.used_jwts,
        public_url=services.settings.public_url,
        record=lambda event: _record(services, event),
        clock=services.clock,
        cards_mode=lambda ehr_id: _cards_mode(services, ehr_id),
        card_policy_for=lambda ehr_id: services.ehrs.by_id(ehr_id).cards,
        history=services.cards.shown_before,
        store_feedback=services.feedback.store,
        prefetch_variant=services.ehrs.prefetch_variant,
        reading_for=lambda ehr_id: services.ehrs.by_id(ehr_id).reading,
        budget_seconds=services.settings.cds_budget_seconds,
    )


def _assess(services: AppServices, snapshot: PatientSnapshot, now: datetime, ehr_id: str) -> Outcome:
    """The assessment; what is kept of it, and what it rests on, wait for the call's audit line."""
    outcome, g.kept_prediction = services.assess(snapshot, now, ehr_id, "hook")
    g.inputs, g.unread = input_references(snapshot, outcome), unread_parts(snapshot)
    return outcome


def _record(services: AppServices, event: CdsEvent) -> None:
    """Into the trail with token and cards; then what the metrics say of this call. Raises CallerRefused."""
    keep_prediction: WriteBeside | None = g.pop("kept_prediction", None)

    def write_beside(connection: Connection) -> None:
        services.used_jwts.use_up(connection, event.token)
        services.cards.write(connection, event)
        if keep_prediction is not None:
            keep_prediction(connection)

    services.audit.record(_audit_event(services, event), beside=write_beside)
    for shown in event.cards:
        CARDS.labels(event.ehr_id, shown.kind.value, "shown").inc()
    for withheld in event.withheld:
        CARDS.labels(event.ehr_id, withheld.card.kind.value, withheld.reason).inc()
    g.hook_outcome = {"card-returned": "card", "card-suppressed": "silent"}.get(_action(event), "empty-for-412")


def _audit_event(services: AppServices, event: CdsEvent) -> AuditEvent:
    """A call as the trail keeps it: the kinds of cards shown, or why there was none."""
    shown = _kinds(event.cards)
    withheld = _kinds(one.card for one in event.withheld)
    silence = f"{event.reason}: {withheld}" if event.reason and withheld else event.reason
    return AuditEvent(
        action=_action(event),
        outcome=shown or silence or str(event.status),
        ehr_id=event.ehr_id,
        who=event.user_id,
        patient_id=event.patient_id,
        model_sha256=event.model_sha256 or services.model_sha256,
        recalibration_sha256=services.recalibration_sha256(event.ehr_id),
        request_id=g.get("request_id"),
        encounter_id=event.encounter_id,
        service=event.service_id,
        hook_instance=event.hook_instance,
        jti=event.token.jti if event.token else None,
        inputs=g.get("inputs"),
        unread=g.get("unread"),
    )


def _kinds(cards: Iterable[CardShown]) -> str:
    return ",".join(sorted(card.kind.value for card in cards))


def _cards_mode(services: AppServices, ehr_id: str) -> str:
    """The stricter of what the registry says and what the site has switched since."""
    modes = {services.ehrs.by_id(ehr_id).cards.mode, services.switches.mode(ehr_id, "cards")}
    return OFF if OFF in modes else SHADOW if SHADOW in modes else LIVE


def _action(event: CdsEvent) -> Action:
    if event.status != 200:
        return "cds-refused"
    return "card-returned" if event.cards else "card-suppressed"
