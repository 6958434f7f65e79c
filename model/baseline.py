"""The reference creatinine of every time point, by named methods; docs/kdigo.md says why they compete as they do.

Known rise: the lowest earlier value of the 48 h and the 7 d before the point, both ends included.
Presumed rise: the median of the values more than 7 and up to 365 days old (the 8th to 365th day before), taken
outside hospital; where there are none, of those from earlier hospital stays. The lower of known and presumed
stages, because KDIGO takes the worst criterion.
"""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Sequence
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
    seconds, values = course.seconds, course.mg_dl
    rising: deque[int] = deque()  # indexes with ascending values: the head is the lowest
    lowest: list[int] = []
    for index, measurement in enumerate(course.measurements):
        oldest = seconds[index] - window_seconds
        while rising and seconds[rising[0]] < oldest:
            rising.popleft()
        lowest.append(rising[0] if rising and not measurement.day_only else NONE)
        if measurement.comparator is None and not measurement.day_only:
            while rising and values[rising[-1]] >= values[index]:
                rising.pop()
            rising.append(index)
    return lowest


class _MedianPool:
    """Values entering and leaving in time order, with their median."""

    __slots__ = ("_course", "_method", "_present", "_sorted", "summary")

    def __init__(self, course: CreatinineCourse, method: BaselineMethod) -> None:
        self._course = course
        self._method = method
        self._sorted: list[float] = []
        self._present: list[tuple[float, int]] = []  # (time, index), oldest first
        self.summary: LongTerm | None = None

    def admit(self, index: int) -> None:
        insort(self._sorted, self._course.mg_dl[index])
        insort(self._present, (self._course.seconds[index], index))
        self._summarise()

    def drop_before(self, oldest: float) -> None:
        gone = bisect_left(self._present, (oldest, NONE))
        if gone:
            for _, index in self._present[:gone]:
                del self._sorted[bisect_left(self._sorted, self._course.mg_dl[index])]
            del self._present[:gone]
            self._summarise()

    def _summarise(self) -> None:
        n = len(self._sorted)
        if not n:
            self.summary = None
            return
        middle = n // 2
        median = self._sorted[middle] if n % 2 else (self._sorted[middle - 1] + self._sorted[middle]) / 2
        self.summary = LongTerm(median, self._method, n, self._present[-1][1])


def _long_term(
    course: CreatinineCourse, hospital: HospitalTimes, methods: Sequence[BaselineMethod]
) -> list[LongTerm | None]:
    """The best long-term reference of every point by the methods allowed, in one pass over the course."""
    outside = _MedianPool(course, BaselineMethod.OUTPATIENT_MEDIAN_8_365_D)
    earlier_stays = _MedianPool(course, BaselineMethod.MEDIAN_8_365_D)
    stay_of = [hospital.stay_at(second) for second in course.seconds]
    by_end = sorted((i for i in range(len(course)) if course.is_reference(i)), key=lambda i: _day_end(course, i))
    waiting_outside = deque(i for i in by_end if stay_of[i] == NONE)
    waiting_stays = deque(i for i in by_end if stay_of[i] != NONE)
    first_of_stay = _FirstOfStay(course, stay_of)
    found: list[LongTerm | None] = []
    for index, second in enumerate(course.seconds):
        newest, oldest = second - WINDOW_7_D_SECONDS, second - WINDOW_365_D_SECONDS
        while waiting_outside and _day_end(course, waiting_outside[0]) < newest:
            outside.admit(waiting_outside.popleft())
        while waiting_stays and stay_of[waiting_stays[0]] != stay_of[index]:
            if _day_end(course, waiting_stays[0]) >= newest:
                break
            earlier_stays.admit(waiting_stays.popleft())
        outside.drop_before(oldest)
        earlier_stays.drop_before(oldest)
        candidates = (outside.summary, earlier_stays.summary, first_of_stay.before(index))
        found.append(next((c for c in candidates if c is not None and c.method in methods), None))
    return found


def _day_end(course: CreatinineCourse, index: int) -> float:
    """The latest the sample can have been taken: a day-only value counts from the end of its day."""
    return course.seconds[index] + (0.0 if course.is_timed(index) else DAY_SECONDS)


class _FirstOfStay:
    """The first exact value of the stay a point lies in."""

    def __init__(self, course: CreatinineCourse, stay_of: Sequence[int]) -> None:
        self._course = course
        self._stay_of = stay_of
        self._first: dict[int, int] = {}
        for index, stay in enumerate(stay_of):
            if stay != NONE and course.is_reference(index) and course.is_timed(index):
                self._first.setdefault(stay, index)

    def before(self, index: int) -> LongTerm | None:
        first = self._first.get(self._stay_of[index], index)
        if first >= index:
            return None
        return LongTerm(self._course.mg_dl[first], BaselineMethod.FIRST_OF_STAY, 1, first)
