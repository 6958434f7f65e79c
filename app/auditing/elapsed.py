"""How far the trail itself vouches for the time: a clock years ahead must not let go of what must be kept."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Engine, select

from app.auditing.anchors import DAILY
from app.storage.tables import AuditAnchorRow, AuditEventRow

LONGEST_SILENCE: Final = timedelta(days=31)


class ClockNotVouchedFor(Exception):
    """The clock is further ahead of all that was written down than this app ever stands still."""

    def __init__(self, now: datetime, vouched_until: datetime) -> None:
        super().__init__()
        self.now = now
        self.vouched_until = vouched_until


def require_vouched(engine: Engine, now: datetime) -> None:
    """Raises ClockNotVouchedFor where `now` is more than a month after the last time the trail vouches for."""
    last = vouched_until(engine)
    if last is not None and now - last > LONGEST_SILENCE:
        raise ClockNotVouchedFor(now, last)


def vouched_until(engine: Engine) -> datetime | None:
    """The latest time reached from the last anchor, line by line, in steps no longer than a month.

    Lines written under a clock that had jumped lie beyond such a step and vouch for nothing. None: an empty trail.
    """
    newest = select(AuditAnchorRow.seq, AuditAnchorRow.at).where(AuditAnchorRow.kind == DAILY)
    lines = select(AuditEventRow.at).order_by(AuditEventRow.seq)
    with engine.connect() as connection:
        anchor = connection.execute(newest.order_by(AuditAnchorRow.seq.desc()).limit(1)).first()
        reached = anchor.at if anchor else None
        later = lines.where(AuditEventRow.seq > (anchor.seq if anchor else 0))
        for at in connection.execution_options(yield_per=10_000).scalars(later):
            if reached is None or reached < at <= reached + LONGEST_SILENCE:
                reached = at
    return reached
