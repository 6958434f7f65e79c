"""What became of cards, stored once however often it is told, joined to the card, the user's comment sealed."""

import hashlib
import json
from typing import Any

from flask import g
from sqlalchemy import Connection, insert, select

from app.auditing.trail import AuditEvent, AuditTrail
from app.cds.replay import UsedJwts
from app.storage.encryption import SealedBox
from app.storage.tables import CdsCardRow, CdsFeedbackRow
from app.telemetry.counters import FEEDBACK
from cds_hooks.feedback import CardFeedback, FeedbackEvent, FeedbackReceipt


class FeedbackStore:
    """Writes `cds_feedback`, the audit event of it and the used token in one transaction."""

    def __init__(self, audit: AuditTrail, used_jwts: UsedJwts, box: SealedBox) -> None:
        self._audit = audit
        self._used_jwts = used_jwts
        self._box = box

    def store(self, event: FeedbackEvent) -> FeedbackReceipt:
        """What was stored, known already, and of cards not known here.

        Raises CallerRefused or AuditFailed: nothing was stored.
        """
        receipts: list[FeedbackReceipt] = []
        entries, refused = len(event.batch.entries), len(event.batch.refused)
        said = AuditEvent(
            "cds-feedback",
            f"entries={entries},refused={refused}",
            ehr_id=event.ehr_id,
            request_id=g.get("request_id"),
            service=event.service_id,
            jti=event.token.jti if event.token else None,
        )
        self._audit.record(said, beside=lambda connection: receipts.append(self._write(connection, event)))
        for entry in event.batch.entries:
            FEEDBACK.labels(event.ehr_id, event.service_id, entry.outcome.value).inc()
        return receipts[-1]

    def _write(self, connection: Connection, event: FeedbackEvent) -> FeedbackReceipt:
        self._used_jwts.use_up(connection, event.token)
        told = {_identity(event, entry): entry for entry in event.batch.entries}
        there = set(connection.scalars(select(CdsFeedbackRow.id).where(CdsFeedbackRow.id.in_(told))))
        named = {entry.card_uuid for entry in told.values()}
        of_this_ehr = (CdsCardRow.ehr_id == event.ehr_id) & CdsCardRow.uuid.in_(named)
        known = set(connection.scalars(select(CdsCardRow.uuid).where(of_this_ehr)))
        rows = [
            self._row(identity, entry, event, matched=entry.card_uuid in known)
            for identity, entry in told.items()
            if identity not in there
        ]
        if rows:
            connection.execute(insert(CdsFeedbackRow), rows)
        unmatched = sum(not row["matched"] for row in rows)
        return FeedbackReceipt(len(rows), len(event.batch.entries) - len(rows), unmatched)

    def _row(self, identity: str, entry: CardFeedback, event: FeedbackEvent, *, matched: bool) -> dict[str, Any]:
        comment = entry.comment
        return {
            "id": identity,
            "card_uuid": entry.card_uuid,
            "ehr_id": event.ehr_id,
            "service_id": event.service_id,
            "outcome": entry.outcome.value,
            "outcome_at": entry.outcome_at,
            "received_at": event.at,
            "matched": matched,
            "reason_system": entry.reason_system,
            "reason_code": entry.reason_code,
            "suggestions": " ".join(entry.accepted_suggestions),
            "sealed": self._box.seal(comment.encode(), context=f"cds_feedback/{identity}") if comment else None,
        }


def _identity(event: FeedbackEvent, entry: CardFeedback) -> str:
    """The same for the same feedback told again (CH-42); the comment is left out, for it may be cut on the way."""
    told = [
        event.ehr_id,
        entry.card_uuid,
        entry.outcome.value,
        entry.outcome_at.isoformat(),
        sorted(entry.accepted_suggestions),
        entry.reason_system,
        entry.reason_code,
    ]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()
