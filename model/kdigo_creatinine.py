"""KDIGO 2012 staging by creatinine, at every time point of a course (KDIGO AKI guideline 2012, tables 2 and 3).

Defined: a rise of >= 0.3 mg/dL (26.5 umol/L) over the lowest of the preceding 48 h, or >= 1.5 times the reference.
Staged: 1.5-1.9 / 2.0-2.9 / >= 3.0 times in half-open bands; >= 4.0 mg/dL (353.6 umol/L), or under 18 years an
eGFR below 35, is stage 3 only once the definition is met.
"""

from dataclasses import dataclass

from model.baseline import NONE, WINDOW_48_H_SECONDS, References
from model.creatinine import AT_LEAST, AT_MOST, CreatinineCourse
from model.egfr import bedside_schwartz
from model.unit_tables import CREATININE_UMOL_L_PER_MG_DL

# KDIGO prints both units; whichever a laboratory reports, a change that reaches the printed number counts. Between
# the two spellings lies less than any reported digit: 26 umol/L and 0.29 mg/dL stay below, 27 and 0.30 reach it.
RISE_MG_DL = min(0.3, 26.5 / CREATININE_UMOL_L_PER_MG_DL)
CEILING_MG_DL = min(4.0, 353.6 / CREATININE_UMOL_L_PER_MG_DL)
TOLERANCE = 1e-9  # far below any reported digit, far above the error of binary arithmetic (1.4 - 1.1 < 0.3)
CHILD_EGFR_LIMIT = 35.0


@dataclass(frozen=True, slots=True)
class StagingRules:
    """What staging needs to know of the patient beside the course.

    `child_height_cm` is set under 18 years when a height is known. `assumed_mg_dl` stands in where there is no
    measured reference; it never makes a stage 1 by itself.
    """

    child_height_cm: float | None = None
    assumed_mg_dl: float | None = None


def meets_rise(rise_mg_dl: float) -> bool:
    """Whether a rise within 48 h reaches 0.3 mg/dL or 26.5 umol/L."""
    return rise_mg_dl >= RISE_MG_DL - TOLERANCE


def ratio_stage(ratio: float) -> int:
    """The stage a ratio to the reference earns by itself: bands [1.5, 2), [2, 3), [3, inf)."""
    ratio += TOLERANCE
    return (ratio >= 1.5) + (ratio >= 2.0) + (ratio >= 3.0)


def creatinine_stage(value: float, ratio: float, rise_48_h: float, child_height_cm: float | None = None) -> int:
    """The stage of one value (mg/dL) from its ratio to the reference and its rise over the lowest of 48 h."""
    stage = ratio_stage(ratio)
    if stage == 0 and not meets_rise(rise_48_h):
        return 0
    if value >= CEILING_MG_DL - TOLERANCE:
        return 3
    if child_height_cm is not None and bedside_schwartz(value, child_height_cm) < CHILD_EGFR_LIMIT:
        return 3
    return max(stage, 1)


def stage_course(
    course: CreatinineCourse, references: References, rules: StagingRules = StagingRules()
) -> list[int | None]:
    """The stage at every time point; None where it cannot be said."""
    return [stage_at(course, references, index, rules) for index in range(len(course))]


def stage_at(course: CreatinineCourse, references: References, index: int, rules: StagingRules) -> int | None:
    """The stage at one time point.

    A value known only as `<x` is stage 0 if even x would be, otherwise unknown; `>x` is at least the stage of x.
    """
    value = course.mg_dl[index]
    reference = reference_mg_dl(course, references, index)
    lowest = references.lowest_48_h[index]
    if reference is None and lowest == NONE:
        return _stage_against_assumed(value, rules)
    rise = value - course.mg_dl[lowest] if lowest != NONE else 0.0
    ratio = value / reference if reference is not None else 0.0
    stage = creatinine_stage(value, ratio, rise, rules.child_height_cm)
    comparator = course.measurements[index].comparator
    if (comparator in AT_MOST and stage > 0) or (comparator in AT_LEAST and stage == 0):
        return None
    return stage


def reference_mg_dl(course: CreatinineCourse, references: References, index: int) -> float | None:
    """The lower of the lowest value of 7 d and the long-term reference."""
    recent, long_term = references.lowest_7_d[index], references.long_term[index]
    if recent == NONE:
        return None if long_term is None else long_term.mg_dl
    lowest = course.mg_dl[recent]
    return lowest if long_term is None or lowest < long_term.mg_dl else long_term.mg_dl


def _stage_against_assumed(value: float, rules: StagingRules) -> int | None:
    if rules.assumed_mg_dl is None:
        return None
    ratio = value / rules.assumed_mg_dl
    stage = creatinine_stage(value, ratio, 0.0, rules.child_height_cm)
    return None if ratio_stage(ratio) == 1 else stage


def direction(course: CreatinineCourse, index: int) -> str | None:
    """ "rising", "falling" or "stable" over the 48 h up to this point; None with nothing earlier in them.

    Walking back, the first earlier value that differs by at least 10 % and 0.1 mg/dL decides; smaller movements
    are within what analysis and biology do by themselves.
    """
    value, start = course.mg_dl[index], course.seconds[index] - WINDOW_48_H_SECONDS
    answer = None
    for i in range(index - 1, -1, -1):
        if course.seconds[i] < start:
            break
        if not (course.exact[i] and course.timed[i]):
            continue
        change = value - course.mg_dl[i]
        if abs(change) >= max(0.1, 0.1 * course.mg_dl[i]) - TOLERANCE:
            return "rising" if change > 0 else "falling"
        answer = "stable"
    return answer
