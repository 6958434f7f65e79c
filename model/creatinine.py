"""The creatinine results staging may use, in time order, one for each time.

Rules (docs/kdigo.md, "Which results count"): known by `now`; final; one value at one instant, the one made known
last. A value with a comparator is never a reference, nor one that dialysis lowered. A value known to the day
serves windows of days alone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from operator import itemgetter

from model.snapshot import Comparator, Measurement

HOUR_SECONDS = 3600.0
DAY_SECONDS = 86400.0
AT_MOST = frozenset({Comparator.LESS_THAN, Comparator.LESS_OR_EQUAL})
AT_LEAST = frozenset({Comparator.GREATER_THAN, Comparator.GREATER_OR_EQUAL})


@dataclass(frozen=True, slots=True)
class CreatinineCourse:
    """Results in ascending time, as parallel columns: `seconds` since 1970 and `mg_dl` for `measurements`.

    `exact` says which may be compared with at all (no comparator), `timed` which are known to the hour.
    """

    measurements: tuple[Measurement, ...]
    seconds: tuple[float, ...]
    mg_dl: tuple[float, ...]
    exact: tuple[bool, ...]
    timed: tuple[bool, ...]

    def __len__(self) -> int:
        return len(self.seconds)

    def at(self, index: int) -> datetime:
        return self.measurements[index].at


def creatinine_course(
    measurements: Iterable[Measurement], now: datetime, *, accept_preliminary: bool = False
) -> CreatinineCourse:
    """The usable course as of `now`. The order of `measurements` does not matter."""
    horizon = now.timestamp()
    timed = [
        (second, m)
        for m in measurements
        if (second := m.at.timestamp()) <= horizon
        and m.available_at <= now
        and (accept_preliminary or not m.preliminary)
    ]
    timed.sort(key=itemgetter(0))
    kept = _one_at_a_time(timed)
    return CreatinineCourse(
        measurements=tuple([m for _, m in kept]),
        seconds=tuple([second for second, _ in kept]),
        mg_dl=tuple([m.value for _, m in kept]),
        exact=tuple([m.comparator is None for _, m in kept]),
        timed=tuple([not m.day_only for _, m in kept]),
    )


def without_references(course: CreatinineCourse, cleared: Sequence[tuple[datetime, datetime]]) -> CreatinineCourse:
    """The course with no value of the `cleared` spans among those that others may be compared with.

    Dialysis lowered them: one would be the baseline, and what comes after dialysis a rise over it.
    """
    if not cleared:
        return course
    washed = [any(start <= m.at <= end for start, end in cleared) for m in course.measurements]
    exact = tuple([usable and not out for usable, out in zip(course.exact, washed, strict=True)])
    return replace(course, exact=exact)


def _one_at_a_time(timed: list[tuple[float, Measurement]]) -> list[tuple[float, Measurement]]:
    kept: list[tuple[float, Measurement]] = []
    for second, m in timed:
        if kept and kept[-1][0] == second:
            if _rank(m) > _rank(kept[-1][1]):
                kept[-1] = (second, m)
        else:
            kept.append((second, m))
    return kept


def _rank(m: Measurement) -> tuple[bool, bool, datetime, float, str]:
    """Two results of one instant: timed before day-only, exact before bounded, then last known, then higher."""
    return (not m.day_only, m.comparator is None, m.available_at, m.value, m.source)
