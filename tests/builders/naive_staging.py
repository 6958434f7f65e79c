"""KDIGO and the NHS algorithm a second time, as plainly as they can be written: exact fractions, no windows kept.

Independent of the product's arithmetic and data structures; slow on purpose. Values are in thousandths of mg/dL
(KDIGO) or whole umol/L (NHS), times in minutes, nobody is in hospital.
"""

from collections.abc import Sequence
from fractions import Fraction
from statistics import median

MINUTES_48_H = 48 * 60
MINUTES_7_D = 7 * 24 * 60
MINUTES_DAY = 24 * 60
Point = tuple[int, int]  # (minute, value)


def kdigo_stage(points: Sequence[Point], index: int) -> int | None:
    """The stage at one point of a course in thousandths of mg/dL, strictly ascending in time."""
    minute, value = points[index]
    earlier = [(minute - m, Fraction(v, 1000)) for m, v in points[:index]]
    now = Fraction(value, 1000)
    last_48_h = [v for age, v in earlier if age <= MINUTES_48_H]
    last_7_d = [v for age, v in earlier if age <= MINUTES_7_D]
    before = [v for age, v in earlier if MINUTES_7_D < age <= 365 * MINUTES_DAY]
    references = [min(last_7_d)] if last_7_d else []
    references += [median(before)] if before else []
    if not references:
        return None
    ratio = now / min(references)
    risen = bool(last_48_h) and now - min(last_48_h) >= Fraction(3, 10)
    if ratio < Fraction(3, 2) and not risen:
        return 0
    if ratio >= 3 or now >= 4:
        return 3
    return 2 if ratio >= 2 else 1


def nhs_alert(points: Sequence[Point], index: int) -> str | None:
    """The warning for an adult; None without a previous result in 365 days."""
    minute, value = points[index]
    earlier = [(minute - m, v) for m, v in points[:index]]
    week = [v for age, v in earlier if age // MINUTES_DAY <= 7]
    year = [v for age, v in earlier if 8 <= age // MINUTES_DAY <= 365]
    two_days = [v for age, v in earlier if age <= MINUTES_48_H]
    references = ([Fraction(min(week))] if week else []) + ([Fraction(median(year))] if year else [])
    if not references:
        return None
    ratio = max(Fraction(value) / reference for reference in references)
    if ratio < Fraction(3, 2):
        return "AKI 1" if two_days and value - min(two_days) > 26 else "none"
    if value > 354 or ratio >= 3:
        return "AKI 3"
    return "AKI 2" if ratio >= 2 else "AKI 1"
