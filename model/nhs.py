"""The NHS England AKI algorithm: a laboratory warning, with its own windows and thresholds in umol/L.

Written for NHS England patient safety alert NHS/PSA/D/2014/010 from the published description of its windows and
bands (Sawhney, BMC Med Inform Decis Mak 2017;17:112; Aylward, J Nephrol 2024). It disagrees with KDIGO by design
(docs/nhs-algorithm.md) and the two are never merged. It knows no urine output, no dialysis, no episodes.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from math import floor
from statistics import median_high, median_low

from model.age import ADULT_AGE_YEARS, age_years
from model.assessment import NhsAlert
from model.creatinine import AT_LEAST, AT_MOST, DAY_SECONDS, HOUR_SECONDS, CreatinineCourse
from model.policy import SitePolicy
from model.snapshot import Sex
from model.unit_tables import CREATININE_UMOL_L_PER_MG_DL

CEILING_UMOL_L = 354
RISE_UMOL_L = 26
NO_ALERT, CANNOT_SAY = "none", "cannot say"
RV1, RV2 = "lowest_0_7_d", "median_8_365_d"


@dataclass(frozen=True, slots=True)
class NhsPatient:
    """What the algorithm asks about the patient; either may be unknown."""

    birth_date: date | None = None
    sex: Sex | None = None


@dataclass(frozen=True, slots=True)
class _Previous:
    """What the results before the current one come down to, in whole umol/L; None where a window is empty."""

    lowest_0_7_d: int | None
    median_8_365_d: float | None
    lowest_48_h: int | None


def to_umol_l(creatinine_mg_dl: float) -> int:
    """The whole number of umol/L a laboratory would report, halves up: what the algorithm's thresholds are for."""
    return floor(creatinine_mg_dl * CREATININE_UMOL_L_PER_MG_DL + 0.5 + 1e-9)


def nhs_alert(course: CreatinineCourse, index: int, patient: NhsPatient, policy: SitePolicy) -> NhsAlert:
    """The warning for the result at `index` of the course, from the results before it."""
    current = to_umol_l(course.mg_dl[index])
    alert = _alert(current, _previous(course, index), course, index, patient, policy)
    comparator = course.measurements[index].comparator
    raised = alert.alert not in (NO_ALERT, "L")
    if (comparator in AT_MOST and raised) or (comparator in AT_LEAST and not raised):
        note = f"The result is only known as {comparator}{current} umol/L."
        return NhsAlert(CANNOT_SAY, creatinine_umol_l=current, note=note)
    return alert


def _alert(
    current: int,
    previous: _Previous,
    course: CreatinineCourse,
    index: int,
    patient: NhsPatient,
    policy: SitePolicy,
) -> NhsAlert:
    age = age_years(patient.birth_date, course.at(index)) if patient.birth_date is not None else None
    if previous.lowest_0_7_d is None and previous.median_8_365_d is None:
        return _flag_alone(current, age, patient.sex, policy)
    ratio, reference, method = _worst_ratio(current, previous)
    rise = current - previous.lowest_48_h if previous.lowest_48_h is not None else None
    if ratio < 1.5:
        word, note = _by_rise(current, rise, previous)
    else:
        word, note = _by_ratio(current, ratio, _ceiling(age, patient.sex, policy))
    return NhsAlert(word, ratio, current, reference, method, rise, note)


def _worst_ratio(current: int, previous: _Previous) -> tuple[float, float, str]:
    """Current over the lowest of days 0-7 (RV1) or the median of days 8-365 (RV2), whichever is higher."""
    both = ((previous.lowest_0_7_d, RV1), (previous.median_8_365_d, RV2))
    reference, method = min((float(value), name) for value, name in both if value is not None)
    return current / reference, reference, method


def _by_rise(current: int, rise: int | None, previous: _Previous) -> tuple[str, str | None]:
    if rise is not None and rise > RISE_UMOL_L:
        return "AKI 1", None
    if previous.lowest_0_7_d is not None and current - previous.lowest_0_7_d > RISE_UMOL_L:
        return NO_ALERT, "Risen by more than 26 umol/L within 7 days, but not within 48 h: consider a repeat."
    return NO_ALERT, None


def _by_ratio(current: int, ratio: float, ceiling: "_Ceiling") -> tuple[str, str | None]:
    if current > ceiling.umol_l or ratio >= 3:
        return "AKI 3", None
    return ("AKI 2" if ratio >= 2 else "AKI 1"), ceiling.note


@dataclass(frozen=True, slots=True)
class _Ceiling:
    """Above which a raised result is AKI 3, and what to say when only an upper bound of it is known."""

    umol_l: float
    note: str | None = None


def _ceiling(age: float | None, sex: Sex | None, policy: SitePolicy) -> _Ceiling:
    """354 umol/L; under 18 years three times the upper reference limit for age and sex.

    Without the site's own limits a child's limit is only known to be no higher than the adult one, so three times
    that still is AKI 3 for certain, and a lower alert may understate.
    """
    if age is None or age >= ADULT_AGE_YEARS:
        return _Ceiling(CEILING_UMOL_L)
    limit = _upper_limit(age, sex, policy)
    if limit is not None:
        return _Ceiling(3 * limit)
    bound = max(high for _, high in _intervals(sex, policy))
    return _Ceiling(3 * bound, "No upper reference limit for this age is configured: the stage may be higher.")


def _upper_limit(age: float, sex: Sex | None, policy: SitePolicy) -> float | None:
    for below_age, female, male in policy.nhs_paediatric_upper_limits_umol_l:
        if age < below_age:
            return female if sex is Sex.FEMALE else male if sex is Sex.MALE else max(female, male)
    return None


def _intervals(sex: Sex | None, policy: SitePolicy) -> list[tuple[float, float]]:
    """The adult reference intervals that can apply."""
    female, male = policy.nhs_reference_interval_female_umol_l, policy.nhs_reference_interval_male_umol_l
    return [female] if sex is Sex.FEMALE else [male] if sex is Sex.MALE else [female, male]


def _flag_alone(current: int, age: float | None, sex: Sex | None, policy: SitePolicy) -> NhsAlert:
    """Without a result in 365 days the value is only compared with the population's reference interval."""
    note = "No earlier creatinine of the past 365 days to compare with."
    if age is not None and age < ADULT_AGE_YEARS:
        limit = _upper_limit(age, sex, policy)
        if limit is None:
            return NhsAlert(
                CANNOT_SAY, None, current, note=f"{note} No reference limit for this age is configured."
            )
        words = {"H" if current > limit else NO_ALERT}
    else:
        words = {_flag(current, low, high) for low, high in _intervals(sex, policy)}
    if len(words) > 1:
        return NhsAlert(CANNOT_SAY, None, current, note=f"{note} The reference interval depends on sex.")
    word = words.pop()
    advice = " AKI or chronic kidney disease? Consider a repeat." if word == "H" else ""
    return NhsAlert(word, None, current, note=note + advice)


def _flag(current: int, low: float, high: float) -> str:
    return "L" if current < low else "H" if current > high else NO_ALERT


def _previous(course: CreatinineCourse, index: int) -> _Previous:
    """Windows count whole days elapsed, so 7 d 23 h is day 7 and nothing falls between day 7 and day 8.

    A value known to the day may serve RV2 when its whole day does, never RV1 or the 48 h.
    """
    now, seconds = course.seconds[index], course.seconds
    year_from = bisect_right(seconds, now - 366 * DAY_SECONDS, hi=index)
    week_from = bisect_right(seconds, now - 8 * DAY_SECONDS, hi=index)
    two_days_from = bisect_left(seconds, now - 48 * HOUR_SECONDS, hi=index)
    year = [
        course.mg_dl[i]
        for i in range(year_from, week_from)
        if course.exact[i] and (course.timed[i] or now - seconds[i] >= 9 * DAY_SECONDS)
    ]
    if not course.timed[index]:
        return _Previous(None, _median_umol_l(year), None)
    week = [course.mg_dl[i] for i in range(week_from, index) if course.exact[i] and course.timed[i]]
    two_days = [course.mg_dl[i] for i in range(two_days_from, index) if course.exact[i] and course.timed[i]]
    return _Previous(_lowest_umol_l(week), _median_umol_l(year), _lowest_umol_l(two_days))


def _lowest_umol_l(mg_dl: Sequence[float]) -> int | None:
    return to_umol_l(min(mg_dl)) if mg_dl else None


def _median_umol_l(mg_dl: Sequence[float]) -> float | None:
    """The median of the whole numbers, itself not rounded. Rounding keeps order, so only the middle is rounded."""
    if not mg_dl:
        return None
    return (to_umol_l(median_low(mg_dl)) + to_umol_l(median_high(mg_dl))) / 2
