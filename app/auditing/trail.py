"""The audit trail: append-only, each line chained to the one before by SHA-256, so a change or a gap shows.

Who looked at which patient, what was answered, by which model. Recording comes before showing: when it fails,
nothing of the patient is shown (45 CFR 164.312(b)). Anchors hold the end of the chain fast: `audit_anchors`.
"""

import getpass
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, Final, Literal

from sqlalchemy import Connection, Engine, insert, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from app.launched.sessions import Clock
from app.storage.tables import AuditEventRow
from app.storage.turns import serialized

Action = Literal[
    "launch-accepted",
    "launch-refused",
    "launch-ended",
    "worklist-viewed",
    "patients-searched",
    "patient-opened",
    "chart-viewed",
    "chart-not-shown",
    "card-returned",
    "card-suppressed",
    "cds-refused",
    "cds-feedback",
    "write-back",
    "trail-exported",
    "trail-purged",
    "key-changed",
    "configuration-changed",
    "database-changed",
    "site-switched",
    "outcomes-joined",
    "jobs-run",
]

FIRST_HASH: Final = "0" * 64
_ATTEMPTS: Final = 20
# Built once: both run for every event.
_APPEND: Final = insert(AuditEventRow)
_LAST: Final = select(AuditEventRow.seq, AuditEventRow.hash).order_by(AuditEventRow.seq.desc()).limit(1)
_PAGE_ROWS: Final = 1000


class AuditFailed(Exception):
    """The event could not be written; what it describes must not happen."""

    code = "audit-failed"


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One thing that happened to one patient's data, or to the installation. Never a name, a value or a token.

    `outcome` is a code or a count; `service` the CDS service asked, `jti` the id of its caller's token (never
    the token), `reference` what was written or changed, such as `RiskAssessment/1` or a key's id; `inputs` the
    chart's entries the answer rests on, or the patients a list showed, `unread` what the EHR did not answer whole;
    `tenant` the organisation within the EHR, `opened_from_card` the id of the card whose link opened the app.
    """

    action: Action
    outcome: str
    ehr_id: str | None = None
    who: str | None = None
    patient_id: str | None = None
    model_sha256: str | None = None
    recalibration_sha256: str | None = None
    request_id: str | None = None
    encounter_id: str | None = None
    service: str | None = None
    hook_instance: str | None = None
    jti: str | None = None
    reference: str | None = None
    inputs: tuple[str, ...] | None = None
    unread: tuple[str, ...] | None = None
    tenant: str | None = None
    opened_from_card: str | None = None


_FIELDS: Final = tuple(field.name for field in fields(AuditEvent))  # flat: nothing to copy


class AuditTrail:
    """Appends events; several workers and hosts may append at once."""

    def __init__(self, engine: Engine, clock: Clock, *, on_failure: Callable[[], None] | None = None) -> None:
        self._engine = engine
        self._clock = clock
        self._on_failure = on_failure

    def record(self, event: AuditEvent, *, beside: Callable[[Connection], None] | None = None) -> None:
        """Append an event, and in the same transaction what `beside` writes. Raises AuditFailed: neither was."""
        for _ in range(_ATTEMPTS):
            try:
                with serialized(self._engine) as connection:
                    append(connection, event, self._clock())
                    if beside is not None:
                        beside(connection)
            except IntegrityError:
                continue  # a worker of an older release took this place in the chain: join behind it
            except SQLAlchemyError:
                break  # the driver has waited its own busy timeout already
            return
        if self._on_failure is not None:
            self._on_failure()
        raise AuditFailed

    def events(self, *, since: datetime | None = None, until: datetime | None = None) -> Iterator[dict[str, Any]]:
        """Events in order, as written; of a period when given (`since` included, `until` not)."""
        for row in rows_in_order(self._engine):
            if (since is None or row.at >= since) and (until is None or row.at < until):
                yield json.loads(row.body)


def rows_in_order(engine: Engine) -> Iterator[AuditEventRow]:
    """Every line from the first on, read a page at a time so that no transaction stays open between them."""
    seq = 0
    while True:
        asked = select(AuditEventRow).where(AuditEventRow.seq > seq).order_by(AuditEventRow.seq).limit(_PAGE_ROWS)
        with Session(engine) as db:
            page = db.scalars(asked).all()
        yield from page
        if len(page) < _PAGE_ROWS:
            return
        seq = page[-1].seq


def append(connection: Connection, event: AuditEvent, at: datetime) -> tuple[int, str]:
    """Add an event at the end of the chain, inside a `serialized` transaction; its place and hash."""
    seq, previous = last_place(connection)
    seq += 1
    body = _body(event, seq, at)
    digest = chain_hash(previous, body)
    row = {"seq": seq, "at": at, "body": body, "previous_hash": previous, "hash": digest}
    connection.execute(_APPEND, row)
    return seq, digest


def last_place(connection: Connection) -> tuple[int, str]:
    """Number and hash of the last line; (0, zeros) before the first."""
    last = connection.execute(_LAST).first()
    return (last.seq, last.hash) if last else (0, FIRST_HASH)


def chain_hash(previous: str, body: str) -> str:
    """The hash of a line: over the hash of the line before and its own text."""
    return hashlib.sha256(f"{previous}{body}".encode()).hexdigest()


def operator() -> str:
    """Who runs a command, for events that no EHR's user caused."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):
        return f"cli:uid-{os.getuid()}"  # a container's user without a name


def _body(event: AuditEvent, seq: int, at: datetime) -> str:
    """Canonical JSON: sorted keys, no spaces, absent rather than null."""
    given = {name: value for name in _FIELDS if (value := getattr(event, name)) not in (None, ())}
    given |= {"seq": seq, "at": at.astimezone(UTC).isoformat()}
    return json.dumps(given, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
