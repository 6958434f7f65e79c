"""Whether a creatinine is steady enough for an eGFR to mean what it says."""

from model.assessment import KdigoStaging
from model.creatinine import DAY_SECONDS, CreatinineCourse
from model.kdigo_creatinine import TOLERANCE, meets_rise

WINDOW_SECONDS = 7 * DAY_SECONDS
MAX_RELATIVE_CHANGE = 0.25


def is_steady(course: CreatinineCourse, kdigo: KdigoStaging) -> bool:
    """Steady: no AKI, no dialysis, and at least one earlier value with which the last one agrees.

    The earlier values asked are those of the last 7 days, else the long-term baseline; agreeing means within
    0.3 mg/dL over 48 h-like movements and within 25 % either way. A lone value shows nothing and is not steady.
    """
    if kdigo.stage is None or kdigo.stage > 0 or not len(course):
        return False
    last = course.mg_dl[-1]
    oldest = course.seconds[-1] - WINDOW_SECONDS
    recent = [
        value
        for index, value in enumerate(course.mg_dl[:-1])
        if course.seconds[index] >= oldest and course.exact[index]
    ]
    if not recent and kdigo.baseline is not None and kdigo.baseline.n > 0:
        recent = [kdigo.baseline.creatinine_mg_dl]
    return bool(recent) and all(_agrees(last, value) for value in recent)


def _agrees(last: float, earlier: float) -> bool:
    change = abs(last - earlier)
    return not meets_rise(change) and change <= MAX_RELATIVE_CHANGE * earlier + TOLERANCE
