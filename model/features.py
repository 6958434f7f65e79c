"""The one feature function: the page, the card, the batch and the training all call `feature_values`.

It reads a `Timeline`: per analyte, ascending times in hours and values in canonical units, nothing else.
`chart_from_snapshot` makes one from a chart, `model.training.physionet2019` from cohort tables.

Nothing here encodes that, how often or how long ago something was measured: no counts, no gaps, no ages of
values, no missing-indicators. Those are the clinician's suspicion, not the patient's state, and they do not
transport between hospitals. A feature that cannot be known is NaN, and NaN contributes nothing to the score.
A laboratory value is carried forward 48 h, a vital sign 6 h, and then it is unknown.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from model.age import age_years
from model.analytes import Analyte
from model.charting_artefacts import believable
from model.snapshot import Measurement, PatientSnapshot, Sex

NAN = math.nan
LAB_WINDOW_HOURS = 48.0
WEEK_HOURS = 168.0


@dataclass(frozen=True, slots=True)
class Series:
    """One analyte's course: ascending times in hours on the timeline's clock, values in canonical units."""

    hours: Sequence[float]
    values: Sequence[float]


@dataclass(frozen=True, slots=True)
class Timeline:
    """What the features may see of one patient. Hours may count from any zero, the same for all series."""

    age_years: float | None
    sex: Sex | None
    series: Mapping[Analyte, Series]


_EMPTY = Series((), ())


class View:
    """A timeline seen from one moment: windows end there and include both of their ends."""

    __slots__ = ("_ends", "_timeline", "now")

    def __init__(self, timeline: Timeline, now: float) -> None:
        self._timeline = timeline
        self.now = now
        self._ends: dict[Analyte, int] = {}

    @property
    def age(self) -> float:
        return NAN if self._timeline.age_years is None else self._timeline.age_years

    @property
    def sex(self) -> Sex | None:
        return self._timeline.sex

    def span(self, analyte: Analyte, window: float) -> tuple[Series, int, int]:
        """The series and the index range of its values in the last `window` hours."""
        series = self._timeline.series.get(analyte, _EMPTY)
        end = self._ends.get(analyte)
        if end is None:
            end = self._ends[analyte] = bisect_right(series.hours, self.now)
        return series, bisect_left(series.hours, self.now - window, 0, end), end

    def values(self, analyte: Analyte, window: float) -> Sequence[float]:
        series, start, end = self.span(analyte, window)
        return series.values[start:end]


Pick = Literal["last", "low", "high"]


@dataclass(frozen=True, slots=True)
class Feature:
    """One number the model sees. `analyte` is the measurement it is shown to come from; None for age and sex.

    `pick` says which of the window's values that is: the "last", the "low"est or the "high"est. The rest says
    how the value is shown: its decimals, whether with its sign, `words[value]` in place of the number, or the
    number inside `phrase[0]`, a negative one inside `phrase[1]`.
    """

    id: str
    concept: str
    label: str
    unit: str
    compute: Callable[[View], float]
    analyte: Analyte | None = None
    window_hours: float = LAB_WINDOW_HOURS
    pick: Pick = "last"
    decimals: int = 1
    signed: bool = False
    words: tuple[str, ...] = ()
    phrase: tuple[str, ...] = ()


def feature_values(features: Sequence[Feature], timeline: Timeline, now: float) -> list[float]:
    """Every feature at hour `now`, in the order given; NaN where the chart does not say."""
    view = View(timeline, now)
    return [feature.compute(view) for feature in features]


# --- charts become timelines ---------------------------------------------------------------------------------


def usable_measurements(snapshot: PatientSnapshot, analyte: Analyte, now: datetime) -> dict[float, Measurement]:
    """The analyte's measurements of the last 7 days that may enter the features at `now`, ascending, by second.

    Known by then, final, exact (no comparator), timed to the hour, no charting artefact, one per time (the one
    made known last).
    Instants are compared, not wall clocks: a clock change inside the window moves nothing.
    """
    end = now.timestamp()
    since = end - WEEK_HOURS * 3600.0
    kept: dict[float, Measurement] = {}
    for m in snapshot.measurements(analyte):
        at = m.at.timestamp()
        if not since <= at <= end or (m.available_at is not m.at and m.available_at.timestamp() > end):
            continue
        if m.comparator is not None or m.preliminary or m.day_only or not believable(analyte, m.value):
            continue
        if at not in kept or _rank(kept[at]) <= _rank(m):
            kept[at] = m
    return {at: kept[at] for at in sorted(kept)}


def _rank(measurement: Measurement) -> tuple[float, float, str]:
    """As in staging: of two results of one instant the one known last, then the higher."""
    return measurement.available_at.timestamp(), measurement.value, measurement.source


@dataclass(frozen=True, slots=True)
class Chart:
    """A snapshot's timeline, its zero at `now`, and the measurements behind each of its values."""

    timeline: Timeline
    measurements: Mapping[Analyte, Sequence[Measurement]]


def chart_from_snapshot(snapshot: PatientSnapshot, analytes: Iterable[Analyte], *, now: datetime) -> Chart:
    """The chart as the features may see it at `now`."""
    zero = now.timestamp()
    series: dict[Analyte, Series] = {}
    behind: dict[Analyte, Sequence[Measurement]] = {}
    for analyte in analytes:
        found = usable_measurements(snapshot, analyte, now)
        if found:
            measurements = list(found.values())
            series[analyte] = Series([(at - zero) / 3600.0 for at in found], [m.value for m in measurements])
            behind[analyte] = measurements
    age = None if snapshot.birth_date is None else age_years(snapshot.birth_date, now)
    return Chart(Timeline(age, snapshot.sex, series), behind)


# --- statistics: each answers NaN when the window holds nothing ----------------------------------------------


def last(view: View, analyte: Analyte, window: float) -> float:
    """The latest value, carried forward at most `window` hours."""
    series, start, end = view.span(analyte, window)
    return series.values[end - 1] if end > start else NAN


def mean(view: View, analyte: Analyte, window: float) -> float:
    values = view.values(analyte, window)
    return sum(values) / len(values) if values else NAN


def low(view: View, analyte: Analyte, window: float) -> float:
    return min(view.values(analyte, window), default=NAN)


def high(view: View, analyte: Analyte, window: float) -> float:
    return max(view.values(analyte, window), default=NAN)


def change(view: View, analyte: Analyte, window: float) -> float:
    """Latest minus earliest value of the window; NaN unless there are two."""
    series, start, end = view.span(analyte, window)
    return series.values[end - 1] - series.values[start] if end - start > 1 else NAN


def trend(view: View, analyte: Analyte, window: float) -> float:
    """Mean of the last quarter of the window minus the mean of it all: which way the patient is going."""
    return mean(view, analyte, window / 4.0) - mean(view, analyte, window)


def slope(view: View, analyte: Analyte, window: float) -> float:
    """Least-squares slope per hour over the window; NaN unless there are two times."""
    series, start, end = view.span(analyte, window)
    count = end - start
    if count < 2:
        return NAN
    hours = [hour - view.now for hour in series.hours[start:end]]
    values = series.values[start:end]
    mean_hour, mean_value = sum(hours) / count, sum(values) / count
    spread = sum((h - mean_hour) ** 2 for h in hours)
    return sum((h - mean_hour) * (v - mean_value) for h, v in zip(hours, values, strict=True)) / spread
