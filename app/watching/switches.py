"""What each site has switched: the prediction and the cards, each `live`, `shadow` or `off`.

Read from the database at most every two seconds per process, so a change reaches every worker within seconds and
costs the hot path nothing. Without an answer the last known state holds; what was never known is not shown.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, get_args

from sqlalchemy import Engine, delete, insert, select
from sqlalchemy.exc import SQLAlchemyError

from app.auditing.trail import AuditEvent, append
from app.storage.tables import SiteSwitchRow
from app.storage.turns import serialized

Mode = Literal["live", "shadow", "off"]
Part = Literal["prediction", "cards"]
MODES: Final[tuple[Mode, ...]] = get_args(Mode)
PARTS: Final[tuple[Part, ...]] = get_args(Part)
LONGEST_REASON_CHARS: Final = 200
_READ_EVERY_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Switch:
    """One part of one site. `since` is None while nobody has ever switched it, or it could not be read."""

    mode: Mode
    since: datetime | None = None
    reason: str = ""
    who: str = ""


LIVE: Final = Switch("live")
UNKNOWN: Final = Switch("off")
_Known = dict[tuple[str, str], Switch]


class Switches:
    """The sites' switches as this process knows them."""

    def __init__(self, engine: Engine, *, ticks: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._ticks = ticks
        self._known: _Known | None = None
        self._read_again_at = float("-inf")
        self._reading = threading.Lock()

    def mode(self, ehr_id: str, part: Part = "prediction") -> Mode:
        """Whether a part of a site is live, in shadow or off."""
        return self.switch(ehr_id, part).mode

    def switch(self, ehr_id: str, part: Part = "prediction") -> Switch:
        """The switch with its time and reason; `UNKNOWN`, which is off, while the database never answered."""
        self._refresh()
        known = self._known
        return UNKNOWN if known is None else known.get((ehr_id, part), LIVE)

    def _refresh(self) -> None:
        """Read anew when it is time. One thread reads; the others go on with what is known, if anything is."""
        if self._ticks() < self._read_again_at or not self._reading.acquire(blocking=self._known is None):
            return
        try:
            if self._ticks() >= self._read_again_at:
                self._known = read_switches(self._engine)
        except SQLAlchemyError:
            pass  # the last known state holds
        finally:
            self._read_again_at = self._ticks() + _READ_EVERY_SECONDS
            self._reading.release()


def read_switches(engine: Engine) -> _Known:
    """Every switch ever set, by site and part."""
    asked = select(SiteSwitchRow)
    with engine.connect() as connection:
        rows = connection.execute(asked).all()
    return {(row.ehr_id, row.part): Switch(_mode(row.mode), row.switched_at, row.reason, row.who) for row in rows}


def set_switch(engine: Engine, ehr_id: str, part: Part, switch: Switch) -> None:
    """Set it and write it into the audit trail, both or neither. Raises SQLAlchemyError.

    `switch` must say since when, why and by whom.
    """
    if switch.since is None or not switch.reason or not switch.who:
        raise ValueError("a switch is set with its time, its reason and who did it")
    row = {
        "ehr_id": ehr_id,
        "part": part,
        "mode": switch.mode,
        "switched_at": switch.since,
        "reason": switch.reason,
        "who": switch.who,
    }
    event = AuditEvent(
        "site-switched", f"{part} {switch.mode}", ehr_id=ehr_id, who=switch.who, reference=switch.reason
    )
    ours = (SiteSwitchRow.ehr_id == ehr_id) & (SiteSwitchRow.part == part)
    with serialized(engine) as connection:
        append(connection, event, switch.since)
        connection.execute(delete(SiteSwitchRow).where(ours))
        connection.execute(insert(SiteSwitchRow), row)


def _mode(text: str) -> Mode:
    """A mode a later release may have written and this one does not know is not shown."""
    return next((mode for mode in MODES if mode == text), "off")
