"""What every cohort adapter yields: one stay at a time, as the same timeline a chart becomes."""

import hashlib
import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

from model.age import age_years
from model.analytes import Analyte
from model.charting_artefacts import believable
from model.features import WEEK_HOURS, Series, Timeline
from model.unit_tables import PLAUSIBLE

Progress = Callable[[str, int, int], None]  # what is being done, steps done, steps in all
_GRID = 2.0**30  # parts of an hour


def on_grid(hours: float) -> float:
    """Hours to 3 microseconds, as binary fractions: two readings 48 h apart then differ by exactly 48.0."""
    return round(hours * _GRID) / _GRID


@dataclass(frozen=True, slots=True)
class Calendar:
    """The date behind a timeline's hour 0 and the birth date: a chart's age is counted anew at every moment."""

    zero_at: datetime
    birth_date: date


@dataclass(frozen=True, slots=True)
class CohortStay:
    """One stay of one patient.

    `timeline` may reach beyond the stay: predictions and outcomes lie between `begins` and `ends` (hours of its
    clock), what came before is seen as a chart shows it. `known_hours` says, value by value, when each could be
    known; without it, when it was measured. `unit_type` is where the patient lay and `period` when (a year),
    if the cohort says.
    """

    patient_id: str
    hospital: str
    timeline: Timeline
    unit_type: str | None = None
    known_hours: Mapping[Analyte, Sequence[float]] | None = None
    begins: float = -math.inf
    ends: float = math.inf
    period: str | None = None
    calendar: Calendar | None = None

    def timeline_at(self, hour: float) -> Timeline:
        """What could be known at `hour`: nothing later, and the age of that day."""
        found = self.timeline
        if self.known_hours is not None:
            found = replace(found, series=_known(found.series, self.known_hours, hour))
        if self.calendar is not None:
            moment = self.calendar.zero_at + timedelta(hours=hour)
            found = replace(found, age_years=age_years(self.calendar.birth_date, moment))
        return found


def _known(
    series: Mapping[Analyte, Series], known_hours: Mapping[Analyte, Sequence[float]], now: float
) -> dict[Analyte, Series]:
    """The last week's values known at `now`; no feature looks further back."""
    found = {}
    for analyte, course in series.items():
        known = known_hours[analyte]
        week = range(bisect_left(course.hours, now - WEEK_HOURS), bisect_right(course.hours, now))
        kept = [i for i in week if known[i] <= now]
        if kept:
            found[analyte] = Series([course.hours[i] for i in kept], [course.values[i] for i in kept])
    return found


@dataclass(frozen=True, slots=True)
class Source:
    """A file that went into training or validation: its name, SHA-256 and number of stays."""

    name: str
    sha256: str
    stays: int


class CohortUnreadable(Exception):
    """The data are not there or not as described; the message names the file or column, never a value."""


def silent(_what: str, _done: int, _total: int) -> None:
    """Progress that nobody watches."""


def usable(analyte: Analyte, value: float) -> bool:
    """Whether the features may see a value in the canonical unit: possible, and no charting artefact."""
    window = PLAUSIBLE[analyte]
    return window.low <= value <= window.high and believable(analyte, value)


def series_of(points: Iterable[tuple[float, float]], analyte: Analyte) -> Series | None:
    """(hour, canonical value) in any order as a course: usable values only, the last given of one hour."""
    found = known_series_of(((hour, value, hour) for hour, value in points), analyte)
    return None if found is None else found[0]


def known_series_of(
    points: Iterable[tuple[float, float, float]], analyte: Analyte
) -> tuple[Series, list[float]] | None:
    """As `series_of` for (hour, value, hour known), with when each value kept was known."""
    kept = {on_grid(hour): (value, on_grid(known)) for hour, value, known in points if usable(analyte, value)}
    hours = sorted(kept)
    if not hours:
        return None
    return Series(hours, [kept[hour][0] for hour in hours]), [kept[hour][1] for hour in hours]


def digest(path: Path) -> str:
    """The file's SHA-256, read piece by piece."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
