"""Chooses the demo moment: one instant inside a stay at which the chart is opened, and what it then shows.

The rule, in words, is in sandbox/patients/README.md. Every creatinine result of a stay is a candidate; its
category follows from KDIGO's creatinine criterion read with three references (lowest of the 7 days before, median
of 8-365 days before, the same of results outside stays); it counts only where those that exist give the same
stage. Later results decide only between "AKI within 48 h" and "no AKI". Rare categories choose first.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import median

from sandbox.building.timing import DAY, HOUR

TURNAROUND = 45 * 60.0  # the source has no result time: a result is taken as known 45 minutes after the draw
_EPSILON = 1e-6


class Category(StrEnum):
    """What a patient's moment shows. The order is the order in which categories choose their patients."""

    DIALYSIS = "dialysis"
    TOO_LITTLE = "too_little_data"
    STAGE_3 = "stage_3"
    STAGE_2 = "stage_2"
    RECOVERING = "recovering"
    COMING = "aki_within_48_h"
    STAGE_1 = "stage_1"
    NO_AKI = "no_aki"


WANTED = {
    Category.DIALYSIS: 10,
    Category.TOO_LITTLE: 5,
    Category.STAGE_3: 8,
    Category.RECOVERING: 7,
    Category.COMING: 13,
    Category.STAGE_2: 8,
    Category.STAGE_1: 10,
    Category.NO_AKI: 20,
}


@dataclass(frozen=True, slots=True)
class Stay:
    """One hospital admission in UTC seconds, with the intensive-care periods inside it."""

    number: str
    start: float
    end: float
    intensive: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Course:
    """What choosing a moment needs of one patient. Times are UTC seconds, creatinine is mg/dL."""

    record: str
    creatinine: tuple[tuple[float, float], ...]
    stays: tuple[Stay, ...]
    dialysis: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Moment:
    """A chosen instant, the stay around it and its category."""

    at: float
    stay: str
    category: Category


@dataclass(frozen=True, slots=True)
class _Candidate:
    index: int
    category: Category
    stay: Stay
    merit: float = field(compare=False)


def stage_against(value: float, reference: float, rise_in_48_h: float) -> int:
    """KDIGO 2012 creatinine stage of one value (mg/dL); 4.0 mg/dL counts only once the definition is met."""
    ratio = value / reference
    if ratio < 1.5 - _EPSILON and rise_in_48_h < 0.3 - _EPSILON:
        return 0
    if ratio >= 3.0 - _EPSILON or value >= 4.0 - _EPSILON:
        return 3
    return 2 if ratio >= 2.0 - _EPSILON else 1


def stages(course: Course, index: int) -> tuple[int, ...]:
    """The stage at one result against each reference that exists.

    References: lowest of 7 days, median of 8-365 days, and the same median of results outside hospital stays.
    """
    at, value = course.creatinine[index]
    earlier = course.creatinine[:index]
    week = [v for t, v in earlier if at - t <= 7 * DAY]
    year = [(t, v) for t, v in earlier if 8 * DAY <= at - t <= 365 * DAY]
    outside = [
        [v for t, v in year if not any(stay.start - before <= t <= stay.end for stay in course.stays)]
        for before in (
            0.0,
            DAY,
        )  # bloods just before admission: in or out is a matter of opinion, so both must agree
    ]
    two_days = [v for t, v in earlier if at - t <= 48 * HOUR]
    rise = value - min(two_days) if two_days else 0.0
    references = [min(week)] if week else []
    references += [median(values) for values in ([v for _, v in year], *outside) if values]
    return tuple(stage_against(value, reference, rise) for reference in references)


def choose_moments(courses: Iterable[Course]) -> dict[str, Moment]:
    """One moment per patient by record number; every patient gets one."""
    courses = sorted(courses, key=lambda course: course.record)
    options = {course.record: _candidates(course) for course in courses}
    chosen: dict[str, Moment] = {}
    for category in Category:
        ready = [course for course in courses if course.record not in chosen]
        holders = [course for course in ready if any(c.category is category for c in options[course.record])]
        holders.sort(
            key=lambda course: (len({c.category for c in options[course.record]}), _draw(course.record, "order"))
        )
        for course in holders[: WANTED[category]]:
            chosen[course.record] = _moment(course, _best(options[course.record], category))
    for course in courses:
        if course.record not in chosen:
            chosen[course.record] = _leftover(course, options[course.record], chosen.values())
    return chosen


def _leftover(course: Course, candidates: list[_Candidate], chosen: Iterable[Moment]) -> Moment:
    """A patient no category asked for goes where fewest are; if references never agree, the lower stage counts."""
    filled = Counter(moment.category for moment in chosen)
    candidates = candidates or _candidates(course, agreeing=False)
    open_to = sorted({c.category for c in candidates} - {Category.TOO_LITTLE}, key=lambda c: (filled[c], c))
    if open_to:
        return _moment(course, _best(candidates, open_to[0]))
    stay = course.stays[-1]
    return Moment(min(stay.start + 2 * HOUR, stay.end), stay.number, Category.TOO_LITTLE)


def _best(candidates: list[_Candidate], category: Category) -> _Candidate:
    return max((c for c in candidates if c.category is category), key=lambda c: (c.merit, -c.index))


def _moment(course: Course, candidate: _Candidate) -> Moment:
    if candidate.category is Category.TOO_LITTLE:
        return Moment(candidate.stay.start + 90 * 60, candidate.stay.number, candidate.category)
    wait = (5 + 85 * _draw(course.record, "wait")) * 60
    at = course.creatinine[candidate.index][0] + TURNAROUND + wait
    following = [t for t, _ in course.creatinine[candidate.index + 1 :]]
    latest = min([candidate.stay.end, *(t + TURNAROUND for t in following)]) - 60
    return Moment(float(round(min(at, latest))), candidate.stay.number, candidate.category)


def _candidates(course: Course, *, agreeing: bool = True) -> list[_Candidate]:
    found = []
    for index in range(len(course.creatinine)):
        stay = _stay_at(course, index)
        category = _category(course, index, stay, agreeing) if stay else None
        if stay and category:
            found.append(_Candidate(index, category, stay, _merit(course, index, stay, category)))
    first = _first_hours(course)
    return [*found, first] if first else found


def _stay_at(course: Course, index: int) -> Stay | None:
    """The stay in which this result can be looked at for at least five minutes before the next one arrives."""
    at = course.creatinine[index][0]
    if index + 1 < len(course.creatinine) and course.creatinine[index + 1][0] - at < 10 * 60:
        return None
    return next((s for s in course.stays if s.start - 6 * HOUR <= at and at + TURNAROUND + 600 < s.end), None)


def _category(course: Course, index: int, stay: Stay, agreeing: bool) -> Category | None:
    at = course.creatinine[index][0]
    known = at + TURNAROUND
    if any(start <= known and end >= known - DAY for start, end in course.dialysis):
        return Category.DIALYSIS
    if any(start <= stay.end and end >= at - 90 * DAY for start, end in course.dialysis):
        return None  # neither a clean course nor on dialysis
    now = stages(course, index)
    if not now or (agreeing and len(set(now)) > 1):
        return None
    return _category_of_stage(course, index, min(now))


def _category_of_stage(course: Course, index: int, stage: int) -> Category | None:
    if _recovering(course, index, stage):
        return Category.RECOVERING
    if stage:
        return (Category.STAGE_1, Category.STAGE_2, Category.STAGE_3)[stage - 1]
    if any(max(stages(course, i), default=0) for i in _window(course, index, -7 * DAY, 0)):
        return None  # AKI of the last week, now below every threshold without a clear fall
    later = _window(course, index, 0, 48 * HOUR)
    if not later:
        return None  # nobody knows what came
    return Category.COMING if any(_agreed(course, i) for i in later) else Category.NO_AKI


def _agreed(course: Course, index: int) -> bool:
    found = stages(course, index)
    return bool(found) and min(found) >= 1


def _recovering(course: Course, index: int, stage: int) -> bool:
    """A stage 2 or 3 of the last week with creatinine down by 30 % since, and a lower stage now."""
    week = _window(course, index, -7 * DAY, 0)
    if len(week) < 2:
        return False
    peak = max(week, key=lambda i: course.creatinine[i][1])
    value, before = course.creatinine[index][1], course.creatinine[index - 1][1]
    peak_stage = max(stages(course, peak), default=0)
    fallen = value <= course.creatinine[peak][1] * 0.7 and value <= before
    return peak_stage >= max(2, stage + 1) and fallen


def _window(course: Course, index: int, start: float, end: float) -> list[int]:
    """Indices of the other results between `start` and `end` seconds of this one."""
    at = course.creatinine[index][0]
    return [i for i, (t, _) in enumerate(course.creatinine) if i != index and start <= t - at <= end]


def _first_hours(course: Course) -> _Candidate | None:
    """The first 90 minutes of a first stay, when no creatinine of the last year is known yet."""
    for stay in course.stays[:1]:
        if stay.end - stay.start > 6 * HOUR and all(
            t + TURNAROUND > stay.start + 90 * 60 for t, _ in course.creatinine
        ):
            return _Candidate(0, Category.TOO_LITTLE, stay, 0.0)
    return None


def _merit(course: Course, index: int, stay: Stay, category: Category) -> float:
    """Prefers intensive care (richer charts), a course to look at, no tiny numbers; ties go by record."""
    at, value = course.creatinine[index]
    intensive = any(start + 6 * HOUR <= at <= end for start, end in stay.intensive)
    inside = sum(1 for t, _ in course.creatinine[:index] if t >= stay.start)
    history = any(8 * DAY <= at - t <= 365 * DAY for t, _ in course.creatinine[:index])
    convincing = value >= 1.0 or category in (Category.NO_AKI, Category.COMING)
    return (
        2.0 * intensive
        + min(inside, 4) * 0.4
        + 0.5 * history
        + 2.0 * convincing
        + _draw(course.record, str(index))
    )


def _draw(record: str, salt: str) -> float:
    """A number in [0, 1) that depends on the record number alone: spread without chance."""
    return int.from_bytes(hashlib.sha256(f"{record}/{salt}".encode()).digest()[:4], "big") / 2**32
