"""Measurements of one analyte put in order: each result once, conflicts and swapped units listed.

Two results of one moment that contradict each other are never averaged. For the analytes named here a corrected
one stands in the place of a final one, a final one in that of a preliminary one, whatever their ids; of equal
standing the more alarming one is used and the other listed as a conflict. For the rest (a cuff and an arterial
line) both stand.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from datetime import datetime
from itertools import pairwise
from operator import attrgetter
from typing import Any, Final

from model.analytes import Analyte
from model.sentences import Sentence
from model.snapshot import Measurement
from patient_context.chart import Chart
from patient_context.shapes import Refused

# For these, two different results of one moment are a conflict and the more alarming one is kept.
_ALARMING_IS_HIGH: Final = {
    Analyte.CREATININE: True,
    Analyte.UREA_NITROGEN: True,
    Analyte.POTASSIUM: True,
    Analyte.LACTATE: True,
    Analyte.BICARBONATE: False,
    Analyte.PH: False,
}
_NAMES: Final[dict[str, str]] = {
    Analyte.CREATININE: Sentence("creatinine"),
    Analyte.UREA_NITROGEN: Sentence("urea nitrogen"),
    Analyte.POTASSIUM: Sentence("potassium"),
    Analyte.LACTATE: Sentence("lactate"),
    Analyte.BICARBONATE: Sentence("bicarbonate"),
    Analyte.PH: Sentence("ph"),
}
# The same result resulted in two units differs by rounding only.
_ROUNDING: Final = {Analyte.CREATININE: 0.06, Analyte.UREA_NITROGEN: 1.0}
_CORRECTED: Final = Sentence("It was corrected: the corrected result of the same time stands in its place.")
_FINAL_NOW: Final = Sentence("It was preliminary: the final result of the same time stands in its place.")
_SWAPPED: Final = Sentence(
    "It differs from the patient's other results about 88-fold: mg/dL and umol/L may be mixed up. "
    "Please check the result."
)
_SWAPPED_LOW, _SWAPPED_HIGH = 55.0, 140.0  # around 88.4, the factor between creatinine's two units


def settle_series(chart: Chart) -> dict[Analyte, tuple[Measurement, ...]]:
    """Measurements per analyte in time order, each result once, conflicts and swapped units listed."""
    settled: dict[Analyte, tuple[Measurement, ...]] = {}
    for analyte, found in sorted(chart.measurements.items()):
        ordered = sorted(found, key=_WHEN)
        if any(one.at == other.at for one, other in pairwise(ordered)):
            ordered.sort(key=_order)
            if analyte is not Analyte.URINE_OUTPUT:  # two equal volumes of one moment are two volumes
                ordered = _without_duplicates(chart, analyte, ordered)
        if analyte is Analyte.CREATININE:
            ordered = _without_swapped_units(chart, ordered)
        if ordered:
            settled[analyte] = tuple(ordered)
    return settled


_WHEN: Final = attrgetter("at")


def _order(m: Measurement) -> tuple[Any, ...]:
    return (m.at, m.available_at, m.source, m.value, m.comparator or "", m.preliminary, m.day_only)


def _without_duplicates(chart: Chart, analyte: Analyte, ordered: list[Measurement]) -> list[Measurement]:
    moments: dict[tuple[datetime, bool], list[Measurement]] = {}
    for measurement in ordered:
        moments.setdefault((measurement.at, measurement.day_only), []).append(measurement)
    kept = (_known_by_then(chart, analyte, group) if len(group) > 1 else group for group in moments.values())
    return sorted((m for group in kept for m in group), key=_order)


def _known_by_then(chart: Chart, analyte: Analyte, group: list[Measurement]) -> list[Measurement]:
    """A result not reported yet contradicts nothing: it must not displace one that was known."""
    known = [m for m in group if m.available_at <= chart.read_at]
    later = [m for m in group if m.available_at > chart.read_at]
    return [*_one_moment(chart, analyte, known), *later] if known else later


def _one_moment(chart: Chart, analyte: Analyte, group: list[Measurement]) -> list[Measurement]:
    """Several results of one moment: equal ones count once, contradicting ones leave the alarming one."""
    group = _of_best_standing(chart, analyte, group)
    distinct: dict[tuple[float, Any], Measurement] = {}
    for measurement in group:
        distinct.setdefault((measurement.value, measurement.comparator), measurement)
    chart.ignored["duplicate"] += len(group) - len(distinct)
    high = _ALARMING_IS_HIGH.get(analyte)
    if high is None or len(distinct) == 1 or group[0].day_only:
        return list(distinct.values())
    ranked = sorted(distinct.values(), key=lambda m: (m.value, m.comparator or ""), reverse=high)
    for other in ranked[1:]:
        if abs(other.value - ranked[0].value) <= _ROUNDING.get(analyte, 0.0):
            chart.ignored["duplicate"] += 1
            continue
        chart.reject(
            other.source,
            Refused(
                "conflict",
                Sentence(
                    "Another {analyte} of the same time differs; the more alarming one is used.",
                    analyte=_NAMES[analyte],
                ),
            ),
            analyte=analyte,
            at=other.at,
        )
    return ranked[:1]


def _of_best_standing(chart: Chart, analyte: Analyte, group: list[Measurement]) -> list[Measurement]:
    """Those the laboratory stands by: corrected before final before preliminary; the displaced ones are listed.

    Known to the day only, they may be of two samples: all stay.
    """
    if analyte not in _ALARMING_IS_HIGH or group[0].day_only:
        return group
    best = max(_standing(chart, one) for one in group)
    kept = [one for one in group if _standing(chart, one) == best]
    said = {(one.value, one.comparator) for one in kept}
    for other in group:
        if _standing(chart, other) == best:
            continue
        if (other.value, other.comparator) in said:
            chart.ignored["duplicate"] += 1
        else:
            displaced = Refused("displaced", _CORRECTED if best == 2 else _FINAL_NOW)
            chart.reject(other.source, displaced, analyte=analyte, at=other.at)
    return kept


def _standing(chart: Chart, measurement: Measurement) -> int:
    if measurement.source in chart.corrections:
        return 2
    return 0 if measurement.preliminary else 1


def _without_swapped_units(chart: Chart, ordered: list[Measurement]) -> list[Measurement]:
    """Refuse creatinines that differ from the patient's own others as mg/dL differs from umol/L.

    Repeated until nothing is found, so that what is refused has no part in what is kept.
    """
    ranked = sorted(ordered, key=_VALUE)
    while swapped := _swapped(ranked):
        for place in swapped:
            for measurement in ranked[place]:
                swap = Refused("unit-swap-suspected", _SWAPPED)
                chart.reject(measurement.source, swap, analyte=measurement.analyte, at=measurement.at)
            del ranked[place]
    if len(ranked) == len(ordered):
        return ordered
    kept = set(map(id, ranked))
    return [measurement for measurement in ordered if id(measurement) in kept]


_VALUE: Final = attrgetter("value")


def _swapped(ranked: list[Measurement]) -> list[slice]:
    """Where they stand among the values in ascending order, the last place first."""
    if len(ranked) < 2 or ranked[-1].value < ranked[0].value * _SWAPPED_LOW:
        return []
    if len(ranked) == 2:  # which of the two is wrong cannot be told
        ratio = ranked[1].value / ranked[0].value
        return [slice(0, 2)] if _SWAPPED_LOW <= ratio <= _SWAPPED_HIGH else []
    middle = ranked[len(ranked) // 2].value
    above = _between(ranked, _SWAPPED_LOW, _SWAPPED_HIGH, lambda m: m.value / middle)
    below = _between(ranked, -_SWAPPED_HIGH, -_SWAPPED_LOW, lambda m: -(middle / m.value))
    return [place for place in (above, below) if place.start < place.stop]


def _between(ranked: list[Measurement], low: float, high: float, ratio: Callable[[Measurement], float]) -> slice:
    """Where a ratio that ascends with the value lies from `low` to `high`."""
    return slice(bisect_left(ranked, low, key=ratio), bisect_right(ranked, high, key=ratio))
