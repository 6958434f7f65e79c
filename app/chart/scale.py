"""Scales and ticks: where a value or a time stands on the plot, and which of them get a label."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from app.chart.words import ENGLISH

WriteTick = Callable[[datetime, str], str]


@dataclass(frozen=True, slots=True)
class Scale:
    """A straight map from a domain to pixels. Values outside the domain stop at its edge."""

    low: float
    high: float
    start_px: float
    end_px: float

    def __call__(self, value: float) -> float:
        """The pixel of `value`, never outside the plot."""
        inside = min(max(value, self.low), self.high)
        share = (inside - self.low) / (self.high - self.low)
        return self.start_px + share * (self.end_px - self.start_px)


@dataclass(frozen=True, slots=True)
class TimeTick:
    """A labelled moment; `major` opens a new day, month or year."""

    at: datetime
    label: str
    major: bool


def value_ticks(high: float, *, at_most: int) -> tuple[float, ...]:
    """Round values from 0 to `high`, in steps of 1, 2 or 5 times a power of ten."""
    magnitude = 10.0 ** math.floor(math.log10(high / at_most))
    step = next(m * magnitude for m in (1, 2, 5, 10, 20) if high / (m * magnitude) <= at_most)
    return tuple(round(step * n, 10) for n in range(int(high / step + 1e-9) + 1))


_HOUR_STEPS = (1, 3, 6, 12)
_DAY_STEPS = (1, 2, 7, 14)
_MONTH_STEPS = (1, 3, 6, 12, 24, 60, 120, 240)


def time_ticks(
    start: datetime, end: datetime, zone: ZoneInfo, *, at_most: int, write: WriteTick = ENGLISH.tick
) -> tuple[TimeTick, ...]:
    """Ticks at local hours, midnights or first days of a month, whichever gives at most `at_most`."""
    span = end - start
    for hours in _HOUR_STEPS:
        if span / timedelta(hours=hours) <= at_most:
            return tuple(_ticks(start, end, _hours(start, zone, hours), "hour", write))
    for days in _DAY_STEPS:
        if span / timedelta(days=days) <= at_most:
            return tuple(_ticks(start, end, _days(start, zone, days), "day", write))
    months = next((m for m in _MONTH_STEPS if span / timedelta(days=30.4 * m) <= at_most), _MONTH_STEPS[-1])
    kind = "month" if months < 12 else "year"
    return tuple(_ticks(start, end, _months(start, zone, months), kind, write))


def _ticks(
    start: datetime, end: datetime, moments: Iterator[datetime], kind: str, write: WriteTick
) -> Iterator[TimeTick]:
    for at in moments:
        if at > end:
            return
        if at >= start:
            yield TimeTick(at, *_label(at, kind, write))


def _label(at: datetime, kind: str, write: WriteTick) -> tuple[str, bool]:
    if kind == "hour" and at.hour:
        return f"{at:%H:%M}", False
    if kind in ("hour", "day"):
        return write(at, "MMMd"), True
    if kind == "month":
        return write(at, "yMMM" if at.month == 1 else "MMM"), at.month == 1
    return write(at, "y"), True


def _hours(start: datetime, zone: ZoneInfo, step: int) -> Iterator[datetime]:
    at = start.astimezone(zone).replace(minute=0, second=0, microsecond=0)
    at = at.replace(hour=at.hour - at.hour % step)
    while True:  # wall-clock arithmetic: labels stay at round hours across a change of daylight saving
        yield at
        at += timedelta(hours=step)


def _days(start: datetime, zone: ZoneInfo, step: int) -> Iterator[datetime]:
    at = start.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    while True:
        yield at
        at += timedelta(days=step)


def _months(start: datetime, zone: ZoneInfo, step: int) -> Iterator[datetime]:
    local = start.astimezone(zone)
    first = datetime(local.year, local.month, 1, tzinfo=zone)
    number = first.year * 12 + first.month - 1
    number -= number % step
    while number < 9999 * 12:
        yield first.replace(year=number // 12, month=number % 12 + 1)
        number += step
