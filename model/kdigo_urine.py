"""KDIGO 2012 staging by urine output, only where charting has no gap and a weight is known.

A charted volume is what was passed since the entry before it. The mean rate over the last 6, 12 or 24 h of
unbroken charting is compared with 0.5 and 0.3 mL/kg/h; anuria is no urine at all for 12 h. A window that is not
charted whole says nothing: silence is never read as no urine.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from model.creatinine import HOUR_SECONDS
from model.snapshot import Measurement

TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class UrineStage:
    """The stage at one charting time; None when not even 6 h before it are charted whole.

    `since` and `peak` belong to the unbroken oliguria this time is part of.
    """

    at: datetime
    stage: int | None
    since: datetime | None = None
    peak: int | None = None


@dataclass(frozen=True, slots=True)
class _Charting:
    """Unbroken charting: at each time the volume passed since its first entry, which only opens the chart."""

    times: tuple[datetime, ...]
    hours: tuple[float, ...]
    total_ml: tuple[float, ...]

    def mean_rate(self, index: int, window_hours: float) -> float | None:
        """mL/h over the window ending at this entry; a volume straddling its start is shared by time."""
        start = self.hours[index] - window_hours
        if start < self.hours[0] - TOLERANCE:
            return None
        return (self.total_ml[index] - self._passed_by(max(start, self.hours[0]), index)) / window_hours

    def _passed_by(self, hour: float, index: int) -> float:
        """The volume passed between the first entry and this hour, which lies before the entry at `index`."""
        right = bisect_right(self.hours, hour, hi=index)
        left_hour, right_hour = self.hours[right - 1], self.hours[right]
        share = (hour - left_hour) / (right_hour - left_hour)
        return self.total_ml[right - 1] + share * (self.total_ml[right] - self.total_ml[right - 1])


def stage_urine(
    urine: Iterable[Measurement], weights: Sequence[Measurement], now: datetime, *, max_interval_hours: float
) -> list[UrineStage]:
    """The stage at every charted time up to `now`. `weights` must not be empty when any stage is to be said."""
    known = sorted((w for w in weights if usable(w, now)), key=lambda w: (w.at, w.available_at, w.value))
    stages: list[UrineStage] = []
    for charting in _unbroken(charted_volumes(urine, now), max_interval_hours):
        for index, at in enumerate(charting.times):
            weight_kg = weight_at(known, at)
            stage = _stage(charting, index, weight_kg) if weight_kg else None
            stages.append(_within_oliguria(at, stage, stages[-1] if stages else None))
    return stages


def _within_oliguria(at: datetime, stage: int | None, before: UrineStage | None) -> UrineStage:
    if not stage:
        return UrineStage(at, stage)
    if before is None or not before.stage:
        return UrineStage(at, stage, at, stage)
    return UrineStage(at, stage, before.since, max(stage, before.peak or 0))


def _stage(charting: _Charting, index: int, weight_kg: float) -> int | None:
    rates = {hours: charting.mean_rate(index, hours) for hours in (6, 12, 24)}
    per_kg = {hours: rate / weight_kg for hours, rate in rates.items() if rate is not None}
    if 6 not in per_kg:
        return None
    never = float("inf")
    if per_kg.get(24, never) < 0.3 - TOLERANCE or per_kg.get(12, never) <= TOLERANCE:
        return 3
    if per_kg.get(12, never) < 0.5 - TOLERANCE:
        return 2
    return 1 if per_kg[6] < 0.5 - TOLERANCE else 0


def usable(measurement: Measurement, now: datetime) -> bool:
    """Whether a volume or weight may count at `now`: known by then, final, exact and timed to the hour."""
    return (
        measurement.at <= now
        and measurement.available_at <= now
        and measurement.comparator is None
        and not measurement.preliminary
        and not measurement.day_only
    )


def charted_volumes(urine: Iterable[Measurement], now: datetime) -> list[tuple[datetime, float]]:
    """The volume charted at each time: several outputs at one time add up, one entry read twice does not."""
    entries = {(m.at, m.source, m.value) for m in urine if usable(m, now)}
    volumes: dict[datetime, float] = {}
    for at, _, value in sorted(entries):
        volumes[at] = volumes.get(at, 0.0) + value
    return sorted(volumes.items())


def _unbroken(volumes: Sequence[tuple[datetime, float]], max_interval_hours: float) -> Iterable[_Charting]:
    """Cut charting at every interval longer than the site allows."""
    run: list[tuple[datetime, float]] = []
    for entry in volumes:
        if run and _hours(run[-1][0], entry[0]) > max_interval_hours + TOLERANCE:
            yield _charting(run)
            run = []
        run.append(entry)
    if run:
        yield _charting(run)


def _charting(run: Sequence[tuple[datetime, float]]) -> _Charting:
    total, totals = 0.0, [0.0]
    for _, volume in run[1:]:  # how long the first volume took to pass is not known
        total += volume
        totals.append(total)
    first = run[0][0]
    return _Charting(tuple([at for at, _ in run]), tuple([_hours(first, at) for at, _ in run]), tuple(totals))


def _hours(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds() / HOUR_SECONDS


def weight_at(weights: Sequence[Measurement], at: datetime) -> float | None:
    """The last weight before the charting time, else the first known."""
    before = bisect_right(weights, at, key=lambda w: w.at)
    return weights[max(before - 1, 0)].value if weights else None
