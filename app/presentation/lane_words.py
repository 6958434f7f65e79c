"""What every lane of the course says alike: when something was, since when and how wholly it was read."""

from dataclasses import dataclass
from datetime import datetime, time
from typing import Final

from app.chart import Lane
from app.presentation.wording import Wording
from model.snapshot import PatientSnapshot
from patient_context.queries import QUERIES

_QUERIES: Final = {query.key: query for query in QUERIES}


@dataclass(frozen=True, slots=True)
class LaneTable:
    """The lane's values beside the chart: `words` says what was and was not read, or that there is nothing."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: str


@dataclass(frozen=True, slots=True)
class LanesShown:
    """What is drawn of one subject (nothing, where there is nothing in the window), and its table."""

    lanes: tuple[Lane, ...]
    table: LaneTable


@dataclass(frozen=True, slots=True)
class LaneWindow:
    """The part of the chart that is looked at, and for whom it is written."""

    start: datetime
    end: datetime
    say: Wording

    def shows(self, start: datetime | None, end: datetime | None) -> bool:
        """Whether something that lasted from `start` to `end` (None: not known) reaches into the window."""
        return (start is None or start <= self.end) and (end is None or end >= self.start)

    def moment(self, at: datetime) -> str:
        """The moment; the day alone where the chart gives no more, which comes to us as midnight."""
        is_day = at.astimezone(self.say.zone).time() == time(0)
        return self.say.day(at) if is_day else self.say.moment(at)

    def read_from(self, key: str) -> datetime | None:
        """Since when this part of the chart was asked for; None where all of it was."""
        window = _QUERIES[key].window
        return None if window is None else self.end - window

    def read_words(self, snapshot: PatientSnapshot, *keys: str) -> str:
        """That a part could not be read whole, where it could not."""
        if any(gap.part in keys for gap in snapshot.incomplete):
            return self.say.gettext("This could not be read whole: something may be missing.")
        return ""

    def reason_not_read(self, snapshot: PatientSnapshot, key: str) -> str:
        """Why a part that is only shown could not be read, as a sentence; empty where it was."""
        return next((self.say.sentence(gap.reason) for gap in snapshot.not_read if gap.part == key), "")


def joined(*sentences: str) -> str:
    """Those that say something."""
    return " ".join(sentence for sentence in sentences if sentence)
