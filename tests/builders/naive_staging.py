"""Staging a second time, as plainly as it can be written: exact fractions, every window searched anew.

Independent of the product's arithmetic and data structures; slow on purpose. Creatinine is in thousandths of mg/dL
(KDIGO) or whole umol/L (NHS), urine in mL, times in minutes; fractions are welcome everywhere.
"""

from collections.abc import Sequence
from fractions import Fraction
from statistics import median

MINUTES_48_H = 48 * 60
MINUTES_7_D = 7 * 24 * 60
MINUTES_DAY = 24 * 60
Number = int | Fraction
Point = tuple[Number, Number]  # (minute, value)


def kdigo_stage(points: Sequence[Point], index: int, stays: Sequence[Point] = ()) -> int | None:
    """The stage at one point of a course in thousandths of mg/dL, strictly ascending in time.

    `stays` are (start, end) in hospital, ascending and more than a day apart.
    """
    minute, value = points[index]
    earlier = [(minute - m, Fraction(v, 1000)) for m, v in points[:index]]
    now = Fraction(value, 1000)
    last_48_h = [v for age, v in earlier if age <= MINUTES_48_H]
    last_7_d = [v for age, v in earlier if age <= MINUTES_7_D]
    before = presumed(points, index, stays)
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


def presumed(points: Sequence[Point], index: int, stays: Sequence[Point]) -> list[Fraction]:
    """Values of the 8th to the 365th day before: from outside hospital, else from earlier stays."""
    minute = points[index][0]
    here = _stay(minute, stays)
    old = [
        (_stay(m, stays), Fraction(v, 1000))
        for m, v in points[:index]
        if MINUTES_7_D < minute - m <= 365 * MINUTES_DAY
    ]
    outside = [v for stay, v in old if stay is None]
    return outside or [v for stay, v in old if stay != here]


def _stay(minute: Number, stays: Sequence[Point]) -> int | None:
    return next((n for n, (start, end) in enumerate(stays) if start <= minute <= end), None)


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


def urine_stage(points: Sequence[Point], index: int, weight_kg: Number, longest_gap: int) -> int | None:
    """The stage at one charted time, from the rates of `urine_rates`."""
    rates = urine_rates(points, index, weight_kg, longest_gap)
    if 6 not in rates:
        return None
    if (24 in rates and rates[24] < Fraction(3, 10)) or rates.get(12) == 0:
        return 3
    if 12 in rates and rates[12] < Fraction(1, 2):
        return 2
    return 1 if rates[6] < Fraction(1, 2) else 0


def urine_rates(points: Sequence[Point], index: int, weight_kg: Number, longest_gap: int) -> dict[int, Fraction]:
    """mL/kg/h over the 6, 12 and 24 h before one charted time, where they are charted whole.

    `points` are (minute, mL), strictly ascending; a volume was passed evenly since the entry before; an interval
    longer than `longest_gap` minutes breaks the chart.
    """
    last = points[index][0]
    rates: dict[int, Fraction] = {}
    for hours in (6, 12, 24):
        start, k = last - hours * 60, index
        volume: Number = 0
        while k > 0 and points[k][0] > start and points[k][0] - points[k - 1][0] <= longest_gap:
            opened, (closed, passed) = points[k - 1][0], points[k]
            volume += passed if opened >= start else passed * Fraction(closed - start, closed - opened)
            k -= 1
        if points[k][0] <= start:
            rates[hours] = Fraction(volume) / hours / weight_kg
    return rates
