"""What pyAKI does with urine output, told in steps from its answer to ours, to find what causes a disagreement."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from tests.builders import naive_staging
from tests.differential.courses import Number, UrineSeries
from tests.differential.rederivation import LONGEST_GAP, our_urine_stages
from tests.differential.window_rules import AGREE, HOUR, UNEXPLAINED

WINDOWS = (6, 12, 24)
LONGEST_FILL = 6
ANURIA = Fraction(1, 10)
ROUNDING = Fraction(1, 10**6)
Rates = Mapping[int, Fraction]
Hourly = Mapping[int, Number | None]

MISSED = "its rolling mean misses a threshold by rounding error"
ANURIC = "anuria is below 0.1 mL/kg/h, for us none at all"
ZERO = "a charted volume of 0 is read as missing and filled from the next"
WHOLE = "gaps of up to 6 h are filled; we stage no window with a gap above 2 h"
WEIGHT = "one weight for the whole stay; we take the one known at the time"
CLOCK = "volumes by clock hours, the first one included; we share them by the time between entries"


def hourly_volumes(series: UrineSeries, *, zero_is_missing: bool) -> dict[int, Number | None]:
    """mL in each clock hour; an empty hour gets its share of the next volume, over 6 hours at most."""
    sums: dict[int, Number] = {}
    for minute, value in series.points:
        hour = int(minute // HOUR)
        sums[hour] = sums.get(hour, 0) + value
    filled: dict[int, Number | None] = {}
    empty: list[int] = []
    for hour in range(min(sums), max(sums) + 1):
        value = sums.get(hour)
        if value is None or (value == 0 and zero_is_missing):
            filled[hour] = None
            empty.append(hour)
            continue
        share = Fraction(value) / (1 + min(len(empty), LONGEST_FILL))
        filled |= dict.fromkeys([*empty[-LONGEST_FILL:], hour], share)
        empty = []
    return filled


def rates_at(hourly: Hourly, hour: int, kg: Number) -> dict[int, Fraction]:
    """mL/kg/h of each window in which no hour is missing."""
    rates = {}
    for window in WINDOWS:
        volumes = [hourly.get(h) for h in range(hour - window + 1, hour + 1)]
        if None not in volumes:
            rates[window] = Fraction(sum(v for v in volumes if v is not None)) / window / kg
    return rates


def stage_from(rates: Rates, *, anuria: Fraction | None, shift: Fraction = Fraction(0)) -> int | None:
    """The stage of these rates; `anuria` None is no urine at all, `shift` moves every threshold."""
    if 6 not in rates:
        return None
    no_urine = 12 in rates and (rates[12] == 0 if anuria is None else rates[12] < anuria + shift)
    if no_urine or (24 in rates and rates[24] < Fraction(3, 10) + shift):
        return 3
    half = Fraction(1, 2) + shift
    if 12 in rates and rates[12] < half:
        return 2
    return 1 if rates[6] < half else 0


@dataclass(frozen=True)
class Steps:
    """The rates at one charted time on the way from pyAKI to us."""

    its: Rates
    zeros_kept: Rates
    between_entries: Rates
    ours: Rates  # with the weight known at the time

    @property
    def windows_whole(self) -> Rates:
        """pyAKI's volumes over the windows we call charted whole."""
        return {window: self.zeros_kept.get(window, rate) for window, rate in self.between_entries.items()}


def cause_of(rates: Steps, theirs: int | None, ours: int | None) -> str:
    """Why the two answers differ, "agree" or "unexplained"."""
    if theirs == ours:
        return AGREE
    answer, causes = stage_from(rates.its, anuria=ANURIA), []
    if answer != theirs:
        if theirs not in [stage_from(rates.its, anuria=ANURIA, shift=s) for s in (ROUNDING, -ROUNDING)]:
            return UNEXPLAINED
        causes.append(MISSED)
    steps = (
        (ANURIC, rates.its),
        (ZERO, rates.zeros_kept),
        (WHOLE, rates.windows_whole),
        (CLOCK, rates.between_entries),
        (WEIGHT, rates.ours),
    )
    for cause, changed in steps:
        before, answer = answer, stage_from(changed, anuria=None)
        if answer != before:
            causes.append(cause)
    return " + ".join(causes) if causes and answer == ours else UNEXPLAINED


def compare(all_series: Iterable[UrineSeries], printed: Mapping[tuple[str, int], int | None]) -> Counter[str]:
    """Causes counted over all charted times; `printed` is pyAKI's stage by (series, clock hour)."""
    counts: Counter[str] = Counter()
    for series in all_series:
        first_kg = series.weights[0][1]
        its = hourly_volumes(series, zero_is_missing=True)
        with_zeros = hourly_volumes(series, zero_is_missing=False)
        for index, ours in enumerate(our_urine_stages(series)):
            hour = int(series.points[index][0] // HOUR)
            kg = series.weight_at(series.points[index][0])
            exact = naive_staging.urine_rates(series.points, index, 1, LONGEST_GAP)
            rates = Steps(
                rates_at(its, hour, first_kg),
                rates_at(with_zeros, hour, first_kg),
                {window: rate / first_kg for window, rate in exact.items()},
                {window: rate / kg for window, rate in exact.items()},
            )
            counts[cause_of(rates, printed.get((series.name, hour)), ours)] += 1
    return counts
