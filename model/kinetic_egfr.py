"""Kinetic eGFR: what the kidneys filter while creatinine moves. Information beside a stage, never to dose by.

Mass balance between two results (Chen, J Am Soc Nephrol 2013;24:877). Made per day: baseline creatinine times
baseline GFR. Of that, the share `rise per day / largest rise per day` stays in the body; the rest is cleared from
the mean concentration. The largest rise, of a body without any filtration, is assumed: Chen's 1.5 mg/dL a day.
"""

from typing import Final

from model.creatinine import HOUR_SECONDS, CreatinineCourse

MAX_RISE_MG_DL_PER_DAY: Final = 1.5
# Nearer results differ by analytical noise, farther ones hide what happened between them.
MIN_HOURS: Final = 6.0
MAX_HOURS: Final = 48.0


def kinetic_egfr(
    *, baseline_mg_dl: float, baseline_egfr: float, earlier_mg_dl: float, latest_mg_dl: float, hours: float
) -> float:
    """GFR in the unit of `baseline_egfr` over the `hours` between two creatinine values (mg/dL); never below 0."""
    accumulating = (latest_mg_dl - earlier_mg_dl) * 24.0 / hours / MAX_RISE_MG_DL_PER_DAY
    mean_mg_dl = (earlier_mg_dl + latest_mg_dl) / 2.0
    return max(0.0, baseline_mg_dl * baseline_egfr / mean_mg_dl * (1.0 - accumulating))


def result_before(course: CreatinineCourse) -> tuple[float, float] | None:
    """The latest exact, timed result 6 to 48 h before the last one: its value in mg/dL and the hours between."""
    last = len(course) - 1
    for index in range(last - 1, -1, -1):
        hours = (course.seconds[last] - course.seconds[index]) / HOUR_SECONDS
        if hours > MAX_HOURS:
            return None
        if hours >= MIN_HOURS and course.exact[index] and course.timed[index]:
            return course.mg_dl[index], hours
    return None
