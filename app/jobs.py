"""What a schedule must do: destroy what has expired, anchor the audit trail, let go of what is old enough.

Called by cron, systemd or a Kubernetes CronJob (`aki jobs run`), on as many hosts as one likes: a lease in the
database lets one of them work.
"""

import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from os import getpid
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.auditing.anchors import Anchor, anchor_now, purge_before
from app.auditing.elapsed import require_vouched
from app.auditing.trail import AuditEvent, AuditTrail, operator
from app.cds.replay import KEPT_AFTER_EXPIRY
from app.launched.destruction import destroy_expired
from app.launched.sessions import Clock
from app.storage.tables import (
    Base,
    CdsCardRow,
    CdsFeedbackRow,
    CdsJtiRow,
    JobLeaseRow,
    PendingLaunchRow,
    PredictionRow,
)

_LEASE: Final = timedelta(minutes=30)
_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAYS_IN_A_YEAR: Final = 365.25
NAME: Final = "housekeeping"


class JobsHeld(Exception):
    """Another process is doing this work now, or died doing it less than half an hour ago."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long each kind of row is kept."""

    session_idle: timedelta
    audit: timedelta
    cards: timedelta
    predictions: timedelta

    @classmethod
    def of(cls, *, idle_minutes: int, audit_years: int, card_days: int, prediction_days: int) -> "Retention":
        """From the settings' units."""
        audit = timedelta(days=audit_years * _DAYS_IN_A_YEAR)
        cards, predictions = timedelta(days=card_days), timedelta(days=prediction_days)
        return cls(timedelta(minutes=idle_minutes), audit, cards, predictions)


@dataclass(frozen=True, slots=True)
class JobsDone:
    """How many rows went, and the anchor made, if the trail had grown."""

    sessions: int
    pending_launches: int
    jwt_ids: int
    audit_events: int
    cards: int
    feedback: int
    predictions: int
    anchor: Anchor | None


def run_jobs(
    engine: Engine,
    clock: Clock,
    retention: Retention,
    *,
    anchor_file: Path | None,
    judge: Callable[[], object] = lambda: None,
    clock_is_right: bool = False,
) -> JobsDone:
    """Do all of it once, and write it down; `judge` the predictions last.

    Raises JobsHeld, AuditFailed; ClockNotVouchedFor, with nothing done, unless somebody says `clock_is_right`.
    """
    if not clock_is_right:
        require_vouched(engine, clock())
    holder = f"{socket.gethostname()[:40]}:{getpid()}"
    if not take_lease(engine, holder, clock()):
        raise JobsHeld
    finished_at: datetime | None = None
    try:
        done = _work(engine, clock, retention, anchor_file)
        judge()
        finished_at = clock()
    finally:
        give_lease_back(engine, holder, finished_at)
    return done


def take_lease(engine: Engine, holder: str, now: datetime) -> bool:
    """Whether the lease is ours now: free, run out with a holder that died, or of a clock that was ahead."""
    values = {"holder": holder, "held_until": now + _LEASE}
    with engine.begin() as connection:
        free = (JobLeaseRow.held_until <= now) | (JobLeaseRow.held_until > now + 2 * _LEASE)
        ours_to_take = (JobLeaseRow.name == NAME) & free
        if connection.execute(update(JobLeaseRow).where(ours_to_take).values(values)).rowcount:
            return True
    try:
        with engine.begin() as connection:
            connection.execute(insert(JobLeaseRow), {"name": NAME, **values})
    except IntegrityError:
        return False
    return True


def give_lease_back(engine: Engine, holder: str, finished_at: datetime | None) -> None:
    """Let the next one in, whatever its clock says; a run that failed leaves the time of the last good one."""
    values = {"held_until": _LONG_AGO} | ({} if finished_at is None else {"finished_at": finished_at})
    ours = (JobLeaseRow.name == NAME) & (JobLeaseRow.holder == holder)
    with engine.begin() as connection:
        connection.execute(update(JobLeaseRow).where(ours).values(values))


def last_finished_at(engine: Engine) -> datetime | None:
    """When the jobs last ran to their end."""
    with engine.connect() as connection:
        return connection.scalar(select(func.max(JobLeaseRow.finished_at)))


def _work(engine: Engine, clock: Clock, retention: Retention, anchor_file: Path | None) -> JobsDone:
    now, who = clock(), operator()
    with Session(engine) as db, db.begin():
        sessions = destroy_expired(db, now, idle=retention.session_idle)
    pending = _destroy(engine, PendingLaunchRow, lambda: PendingLaunchRow.expires_at <= now)
    jwt_ids = _destroy(engine, CdsJtiRow, lambda: CdsJtiRow.expires_at <= now - KEPT_AFTER_EXPIRY)
    audit_events = purge_before(engine, now - retention.audit, now=now, who=who)
    cards = _destroy(engine, CdsCardRow, lambda: CdsCardRow.at <= now - retention.cards)
    feedback = _destroy(engine, CdsFeedbackRow, lambda: CdsFeedbackRow.received_at <= now - retention.cards)
    predictions = _destroy(
        engine, PredictionRow, lambda: PredictionRow.predicted_at <= now - retention.predictions
    )
    outcome = f"sessions={sessions},pending={pending},jti={jwt_ids},audit={audit_events}"
    outcome += f",cards={cards},feedback={feedback},predictions={predictions}"
    AuditTrail(engine, clock).record(AuditEvent("jobs-run", outcome, who=who))
    anchor = anchor_now(engine, now, anchor_file)
    return JobsDone(sessions, pending, jwt_ids, audit_events, cards, feedback, predictions, anchor)


def _destroy(engine: Engine, table: type[Base], which: Callable[[], object]) -> int:
    with engine.begin() as connection:
        return connection.execute(delete(table).where(which())).rowcount  # type: ignore[arg-type]
