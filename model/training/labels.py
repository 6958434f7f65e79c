"""Landmarks and outcomes from a creatinine course, with the staging rules the product itself uses.

Onset: every creatinine result while still free of AKI, in stays whose first creatinine is below 4 mg/dL; the
outcome is a first creatinine AKI within 48 h. Progression: every result in stage 1 or 2; the outcome is a higher
creatinine stage within 48 h. Without a later creatinine in those 48 h the outcome is unknown, not negative.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from model.features import Series
from model.kdigo_creatinine import CEILING_MG_DL, RISE_MG_DL, creatinine_stage

HORIZON_HOURS = 48.0
RISE_WINDOW_HOURS = 48.0
RATIO_WINDOW_HOURS = 168.0
FIRST_CREATININE_BELOW_MG_DL = 4.0


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


def staged(course: Series) -> StagedCourse:
    """Stage every value against the lowest of the preceding 48 h and 7 days, the value itself left out."""
    stages, closeness = [], []
    for i, (hour, value) in enumerate(zip(course.hours, course.values, strict=True)):
        recent = _lowest_before(course, i, hour - RISE_WINDOW_HOURS)
        week = _lowest_before(course, i, hour - RATIO_WINDOW_HOURS)
        ratio = value / week if week < math.inf else 0.0
        rise = value - recent if recent < math.inf else 0.0
        stages.append(creatinine_stage(value, ratio, rise) if i else 0)
        closeness.append(value / min(recent + RISE_MG_DL, 1.5 * week))
    return StagedCourse(stages, closeness)


def _lowest_before(course: Series, index: int, since: float) -> float:
    return min((course.values[j] for j in range(index) if course.hours[j] >= since), default=math.inf)


def onset_landmarks(course: Series) -> list[Landmark]:
    """Every result up to the first AKI, with whether that AKI comes within the horizon."""
    if not course.values or course.values[0] >= FIRST_CREATININE_BELOW_MG_DL:
        return []
    known = staged(course)
    first = next((i for i, stage in enumerate(known.stages) if stage), len(known.stages))
    return [
        Landmark(
            course.hours[i],
            any(j >= first for j in later) if later else None,
            max((known.closeness[j] for j in later), default=math.nan),
            course.hours[first] - course.hours[i] if first < len(known.stages) else math.nan,
        )
        for i in range(first)
        for later in [_later(course.hours, i)]
    ]


def progression_landmarks(course: Series) -> list[Landmark]:
    """Every result in stage 1 or 2, with whether a higher stage comes within the horizon."""
    if not course.values or course.values[0] >= FIRST_CREATININE_BELOW_MG_DL:
        return []
    stages = staged(course).stages
    return [
        Landmark(
            course.hours[i],
            any(stages[j] > stage for j in later) if later else None,
            max((_closeness_to_higher(course, j, stage) for j in later), default=math.nan),
        )
        for i, stage in enumerate(stages)
        if stage in (1, 2)
        for later in [_later(course.hours, i)]
    ]


def _closeness_to_higher(course: Series, index: int, stage: int) -> float:
    """A value over the value that would be a higher stage than `stage`: the next multiple, or 4 mg/dL."""
    week = _lowest_before(course, index, course.hours[index] - RATIO_WINDOW_HOURS)
    return course.values[index] / min((stage + 1.0) * week, CEILING_MG_DL)


def _later(hours: Sequence[float], index: int) -> list[int]:
    return [j for j in range(index + 1, len(hours)) if hours[j] <= hours[index] + HORIZON_HOURS]
