"""The reference creatinine of every time point, by named methods; docs/kdigo.md says why they compete as they do.

Known rise: the lowest earlier value of the 48 h and the 7 d before the point, both ends included.
Presumed rise: the median of the values more than 7 and up to 365 days old (the 8th to 365th day before), taken
outside hospital; where there are none, of those from earlier hospital stays. The lower of known and presumed
stages, because KDIGO takes the worst criterion.
"""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from model.assessment import Baseline, BaselineMethod
from model.creatinine import DAY_SECONDS, HOUR_SECONDS, CreatinineCourse
from model.hospital_stays import HospitalTimes

WINDOW_48_H_SECONDS = 48 * HOUR_SECONDS
WINDOW_7_D_SECONDS = 7 * DAY_SECONDS
WINDOW_365_D_SECONDS = 365 * DAY_SECONDS
NONE = -1


class LongTerm(NamedTuple):
    """A reference that does not come from the last 7 days. `last` is the index of the newest value behind it."""

    mg_dl: float
    method: BaselineMethod
    n: int
    last: int


@dataclass(frozen=True, slots=True)
class References:
    """For each time point of a course: the index of the lowest value of two windows, and the long-term one."""

    lowest_48_h: Sequence[int]
    lowest_7_d: Sequence[int]
    long_term: Sequence[LongTerm | None]

    def baseline(self, course: CreatinineCourse, index: int) -> Baseline | None:
        """What the ratio at this time point is measured against, ready to print."""
        recent, long_term = self.lowest_7_d[index], self.long_term[index]
        if long_term is not None and (recent == NONE or long_term.mg_dl <= course.mg_dl[recent]):
            at = course.at(long_term.last) if long_term.last != NONE else None
            return Baseline(long_term.mg_dl, long_term.method, long_term.n, at)
        if recent == NONE:
            return None
        return Baseline(course.mg_dl[recent], BaselineMethod.LOWEST_7_D, 1, course.at(recent))


def find_references(
    course: CreatinineCourse,
    hospital: HospitalTimes,
    methods: Sequence[BaselineMethod],
    supplied_mg_dl: float | None = None,
) -> References:
    """References for every point in one pass. A supplied value replaces the long-term median, not the 7 days."""
    recent = lowest_before(course, WINDOW_7_D_SECONDS)
    if BaselineMethod.LOWEST_7_D not in methods:
        recent = [NONE] * len(course)
    if supplied_mg_dl is not None:
        known = LongTerm(supplied_mg_dl, BaselineMethod.SUPPLIED, 1, NONE)
        long_term: list[LongTerm | None] = [known] * len(course)
    else:
        long_term = _long_term(course, hospital, methods)
    return References(lowest_before(course, WINDOW_48_H_SECONDS), recent, long_term)


def lowest_before(course: CreatinineCourse, window_seconds: float) -> list[int]:
    """For each point, the index of the lowest earlier exact, timed value within the window (-1: none).

    A day-only point gets none: its place in a window of hours is unknown. Of equal values the latest is given.
    """
    seconds, values, exact, timed = course.seconds, course.mg_dl, course.exact, course.timed
    rising: deque[int] = deque()  # indexes with ascending values: the head is the lowest
    lowest: list[int] = []
    for index, second in enumerate(seconds):
        oldest = second - window_seconds
        while rising and seconds[rising[0]] < oldest:
            rising.popleft()
        lowest.append(rising[0] if rising and timed[index] else NONE)
        if exact[index] and timed[index]:
            value = values[index]
            while rising and values[rising[-1]] >= value:
                rising.pop()
            rising.append(index)
    return lowest


@dataclass(frozen=True, slots=True)
class _Placed:
    """A course with what the medians need of each value: the end of its day if that is all that is known of its
    time, and the number of the hospital stay it was taken in."""

    course: CreatinineCourse
    day_ends: Sequence[float]
    stay_of: Sequence[int]


class _MedianPool:
    """The values of one kind that are more than 7 and up to 365 days old, with their median."""

    __slots__ = ("_method", "_placed", "_present", "_sorted", "_waiting", "summary")

    def __init__(self, placed: _Placed, method: BaselineMethod, members: Iterable[int]) -> None:
        self._placed = placed
        self._method = method
        self._waiting = deque(sorted(members, key=placed.day_ends.__getitem__))  # in the order they come of age
        self._sorted: list[float] = []
        self._present: list[tuple[float, int]] = []  # (time, index), oldest first
        self.summary: LongTerm | None = None

    def move_to(self, second: float, stay: int) -> LongTerm | None:
        """The median at this time for somebody in this stay, whose own values stay out; times must ascend."""
        if self._admit(second - WINDOW_7_D_SECONDS, stay) | self._drop(second - WINDOW_365_D_SECONDS):
            self.summary = self._summarised()
        return self.summary

    def _admit(self, newest: float, stay: int) -> bool:
        placed, waiting, admitted = self._placed, self._waiting, False
        while waiting and placed.day_ends[waiting[0]] < newest:
            index = waiting[0]
            if stay != NONE and placed.stay_of[index] == stay:
                break
            insort(self._sorted, placed.course.mg_dl[index])
            insort(self._present, (placed.course.seconds[index], index))
            waiting.popleft()
            admitted = True
        return admitted

    def _drop(self, oldest: float) -> bool:
        if not self._present or self._present[0][0] >= oldest:
            return False
        gone = bisect_left(self._present, (oldest, NONE))
        for _, index in self._present[:gone]:
            del self._sorted[bisect_left(self._sorted, self._placed.course.mg_dl[index])]
        del self._present[:gone]
        return True

    def _summarised(self) -> LongTerm | None:
        n = len(self._sorted)
        if not n:
            return None
        middle = n // 2
        median = self._sorted[middle] if n % 2 else (self._sorted[middle - 1] + self._sorted[middle]) / 2
        return LongTerm(median, self._method, n, self._present[-1][1])


def _long_term(
    course: CreatinineCourse, hospital: HospitalTimes, methods: Sequence[BaselineMethod]
) -> list[LongTerm | None]:
    """The best long-term reference of every point by the methods allowed, in one pass over the course."""
    day_ends = [s if timed else s + DAY_SECONDS for s, timed in zip(course.seconds, course.timed, strict=True)]
    placed = _Placed(course, day_ends, [hospital.stay_at(second) for second in course.seconds])
    pools = list(_pools(placed, methods))
    first_of_stay = _first_of_stay(placed) if BaselineMethod.FIRST_OF_STAY in methods else {}
    found: list[LongTerm | None] = []
    for index, second in enumerate(course.seconds):
        stay, reference = placed.stay_of[index], None
        for pool in pools:
            reference = reference or pool.move_to(second, stay)
        if reference is None and (first := first_of_stay.get(stay, index)) < index:
            reference = LongTerm(course.mg_dl[first], BaselineMethod.FIRST_OF_STAY, 1, first)
        found.append(reference)
    return found


def _pools(placed: _Placed, methods: Sequence[BaselineMethod]) -> Iterator[_MedianPool]:
    """Values from outside hospital first, those of earlier stays after them."""
    exact, stay_of = placed.course.exact, placed.stay_of
    if BaselineMethod.OUTPATIENT_MEDIAN_8_365_D in methods:
        members = [i for i, stay in enumerate(stay_of) if stay == NONE and exact[i]]
        yield _MedianPool(placed, BaselineMethod.OUTPATIENT_MEDIAN_8_365_D, members)
    if BaselineMethod.MEDIAN_8_365_D in methods:
        members = [i for i, stay in enumerate(stay_of) if stay != NONE and exact[i]]
        yield _MedianPool(placed, BaselineMethod.MEDIAN_8_365_D, members)


def _first_of_stay(placed: _Placed) -> dict[int, int]:
    """The first exact, timed value of each hospital stay."""
    first: dict[int, int] = {}
    for index, stay in enumerate(placed.stay_of):
        if stay != NONE and placed.course.exact[index] and placed.course.timed[index]:
            first.setdefault(stay, index)
    return first
