"""The audit trail: append-only, each line chained to the one before by SHA-256, so a change or a gap shows.

Who looked at which patient, what was answered, by which model. Recording comes before showing: when it fails,
nothing of the patient is shown (45 CFR 164.312(b)).
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from sqlalchemy import Engine, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from app.sessions import Clock
from app.tables import AuditEventRow

Action = Literal["launch-accepted", "launch-refused", "chart-viewed", "card-returned", "cds-refused", "write-back"]

_FIRST_HASH: Final = "0" * 64
_ATTEMPTS: Final = 20


class AuditFailed(Exception):
    """The event could not be written; what it describes must not happen."""

    code = "audit-failed"


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One thing that happened to one patient's data. Never a name, a value or a token."""

    action: Action
    outcome: str
    ehr_id: str
    who: str | None = None
    patient_id: str | None = None
    model_sha256: str | None = None
    request_id: str | None = None


class AuditTrail:
    """Appends events; several workers may append at once."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def record(self, event: AuditEvent) -> None:
        """Append an event. Raises AuditFailed when it cannot be written."""
        for _ in range(_ATTEMPTS):
            try:
                self._append(event)
            except IntegrityError:
                continue  # another worker took this place in the chain: join behind it
            except SQLAlchemyError:
                break  # the driver has waited its own busy timeout already
            return
        raise AuditFailed

    def verify(self) -> int | None:
        """The number of the first line that does not fit the chain, or None when all do."""
        previous, expected_seq = _FIRST_HASH, 1
        for row in self._rows():
            if row.seq != expected_seq or row.previous_hash != previous or row.hash != _hash(previous, row.body):
                return expected_seq
            previous, expected_seq = row.hash, expected_seq + 1
        return None

    def events(self) -> Iterator[dict[str, Any]]:
        """Every event in order, as written."""
        return (json.loads(row.body) for row in self._rows())

    def _append(self, event: AuditEvent) -> None:
        with Session(self._engine) as db, db.begin():
            last = db.execute(
                select(AuditEventRow.seq, AuditEventRow.hash).order_by(AuditEventRow.seq.desc()).limit(1)
            ).first()
            seq, previous = (last.seq + 1, last.hash) if last else (1, _FIRST_HASH)
            at = self._clock()
            body = _body(event, seq, at)
            db.add(AuditEventRow(seq=seq, at=at, body=body, previous_hash=previous, hash=_hash(previous, body)))

    def _rows(self) -> Iterator[AuditEventRow]:
        with Session(self._engine) as db:
            yield from db.scalars(select(AuditEventRow).order_by(AuditEventRow.seq)).yield_per(1000)


def _body(event: AuditEvent, seq: int, at: datetime) -> str:
    """Canonical JSON: sorted keys, no spaces, absent rather than null."""
    fields = {name: value for name, value in asdict(event).items() if value is not None}
    fields |= {"seq": seq, "at": at.astimezone(UTC).isoformat()}
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def _hash(previous: str, body: str) -> str:
    return hashlib.sha256(f"{previous}{body}".encode()).hexdigest()
