"""Landmarks and outcomes from a creatinine course, with the staging rules the product itself uses.

Onset: a moment while still free of AKI, in stays whose first creatinine is below 4 mg/dL; the outcome is a first
creatinine AKI within 48 h. Progression: a moment in stage 1 or 2; the outcome is a higher creatinine stage within
48 h. Without a later creatinine in those 48 h the outcome is unknown, not negative.

The moments are those at which a creatinine became known or, as a second view, every 6 h from the first one.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from model.features import Series
from model.kdigo_creatinine import CEILING_MG_DL, RISE_MG_DL, creatinine_stage

HORIZON_HOURS = 48.0
RISE_WINDOW_HOURS = 48.0
RATIO_WINDOW_HOURS = 168.0
FIRST_CREATININE_BELOW_MG_DL = 4.0
GRID_HOURS = 6.0


@dataclass(frozen=True, slots=True)
class Course:
    """A patient's creatinine: when taken, how high, when known; and from when to when the stay lasted.

    `until` is when anything was last measured: a grid of moments ends there.
    """

    hours: Sequence[float]
    values: Sequence[float]
    known: Sequence[float]
    begins: float = -math.inf
    ends: float = math.inf
    until: float = math.inf

    @classmethod
    def of(cls, series: Series) -> "Course":
        """A course whose results were known at once, all within one stay."""
        return cls(series.hours, series.values, series.hours)

    def inside(self) -> range:
        """The indices of the results taken during the stay."""
        return range(bisect_left(self.hours, self.begins), bisect_right(self.hours, self.ends))

    def latest_at(self, hour: float) -> int | None:
        """The result of the stay taken last among those known at `hour`, if it is not older than 7 days."""
        for i in reversed(self.inside()):
            if self.known[i] <= hour:
                return i if self.hours[i] >= hour - RATIO_WINDOW_HOURS else None
        return None

    def following(self, hour: float) -> list[int]:
        """The results of the stay taken within the horizon after `hour`."""
        return [i for i in self.inside() if hour < self.hours[i] <= hour + HORIZON_HOURS]


@dataclass(frozen=True, slots=True)
class Landmark:
    """One prediction time. `outcome` is None when unknown.

    `closeness` is the largest later creatinine of the horizon over the value that would have met the definition:
    1 or more is the outcome itself, 0.97 a near miss. `hours_to_event` is NaN when no event comes in the stay.
    """

    hour: float
    outcome: bool | None
    closeness: float = math.nan
    hours_to_event: float = math.nan


@dataclass(frozen=True, slots=True)
class StagedCourse:
    """Per creatinine: the stage (0 for the first, which has nothing before it) and closeness to the definition."""

    stages: list[int]
    closeness: list[float]


def each_result(course: Course) -> list[float]:
    """The moments at which a creatinine of the stay became known."""
    return sorted({course.known[i] for i in course.inside()})


def every_six_hours(course: Course) -> list[float]:
    """A grid from the first creatinine known in the stay to its end or the last measurement of anything."""
    first = min((course.known[i] for i in course.inside()), default=math.inf)
    end = min(course.ends, course.until)
    if first > end:
        return []
    return [first + GRID_HOURS * step for step in range(int((end - first) // GRID_HOURS) + 1)]


def staged(course: Course) -> StagedCourse:
    """Stage every value against the lowest of the preceding 48 h and 7 days, the value itself left out."""
    stages, closeness = [], []
    for i, (hour, value) in enumerate(zip(course.hours, course.values, strict=True)):
        recent = _lowest_before(course, i, hour - RISE_WINDOW_HOURS)
        week = _lowest_before(course, i, hour - RATIO_WINDOW_HOURS)
        ratio = value / week if week < math.inf else 0.0
        rise = value - recent if recent < math.inf else 0.0
        stages.append(creatinine_stage(value, ratio, rise) if week < math.inf else 0)
        closeness.append(value / min(recent + RISE_MG_DL, 1.5 * week))
    return StagedCourse(stages, closeness)


def _lowest_before(course: Course, index: int, since: float) -> float:
    return min(course.values[bisect_left(course.hours, since, 0, index) : index], default=math.inf)


def onset_landmarks(course: Course, hours: Sequence[float] | None = None) -> list[Landmark]:
    """Every moment before the first AKI, with whether that AKI comes within the horizon.

    A moment between an AKI's specimen and its result is left out: the AKI was there.
    """
    inside = course.inside()
    if not inside or course.values[inside[0]] >= FIRST_CREATININE_BELOW_MG_DL:
        return []
    known = staged(course)
    onset = next((course.hours[i] for i in inside if known.stages[i]), math.nan)
    return [
        Landmark(
            hour,
            any(course.hours[j] >= onset for j in later) if later else None,
            max((known.closeness[j] for j in later), default=math.nan),
            onset - hour,
        )
        for hour in (each_result(course) if hours is None else hours)
        if course.latest_at(hour) is not None and not onset <= hour
        for later in [course.following(hour)]
    ]


def progression_landmarks(course: Course, hours: Sequence[float] | None = None) -> list[Landmark]:
    """Every moment in stage 1 or 2, with whether a higher stage comes within the horizon."""
    inside = course.inside()
    if not inside or course.values[inside[0]] >= FIRST_CREATININE_BELOW_MG_DL:
        return []
    stages, marks = staged(course).stages, []
    for hour in each_result(course) if hours is None else hours:
        latest, later = course.latest_at(hour), course.following(hour)
        stage = 0 if latest is None else stages[latest]
        if stage in (1, 2):
            outcome = any(stages[j] > stage for j in later) if later else None
            closeness = max((_closeness_to_higher(course, j, stage) for j in later), default=math.nan)
            marks.append(Landmark(hour, outcome, closeness))
    return marks


def _closeness_to_higher(course: Course, index: int, stage: int) -> float:
    """A value over the value that would be a higher stage than `stage`: the next multiple, or 4 mg/dL."""
    week = _lowest_before(course, index, course.hours[index] - RATIO_WINDOW_HOURS)
    return course.values[index] / min((stage + 1.0) * week, CEILING_MG_DL)
