"""How good predictions were, in plain Python: every interval allows for several predictions of one patient.

Intervals are 95 %, from the patients' summed influence on the number (a sandwich), so one patient seen often does
not pass for many. Too few to say anything is an answer: `CannotSay`.
"""

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from model.risk import logistic

_Z: Final = 1.959964
MIN_EXPECTED_OR_OBSERVED: Final = 5.0
MIN_OF_EACH_FOR_RANKING: Final = 10
MIN_FLAGGED: Final = 20
MIN_EVENTS_FOR_SLOPE: Final = 30
MIN_PREDICTIONS: Final = 20


@dataclass(frozen=True, slots=True)
class Judged:
    """A prediction whose outcome is known. `patient` is a pseudonym; `flagged`: its category was high."""

    patient: str
    probability: float
    flagged: bool
    event: bool


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class CannotSay:
    """Why there is no number."""

    because: str


Statistic = Estimate | CannotSay


def observed_over_expected(judged: Sequence[Judged]) -> Statistic:
    """Calibration in the large: events over the sum of the probabilities.

    Byar's interval for a count, both counts divided by how much more they vary than independent ones would.
    """
    observed, expected = float(sum(one.event for one in judged)), math.fsum(one.probability for one in judged)
    if max(observed, expected) < MIN_EXPECTED_OR_OBSERVED:
        return CannotSay(f"{observed:.0f} events observed and {expected:.1f} expected; 5 are needed")
    residuals = [one.event - one.probability for one in judged]
    alone = math.fsum(value * value for value in residuals)
    inflation = max(1.0, _clustered_square(judged, residuals) / alone) if alone > 0.0 else 1.0
    count, mean = observed / inflation, expected / inflation
    low = count * (1 - 1 / (9 * count) - _Z / (3 * math.sqrt(count))) ** 3 if count >= 1.0 else 0.0
    more = count + 1
    high = more * (1 - 1 / (9 * more) + _Z / (3 * math.sqrt(more))) ** 3
    return Estimate(observed / expected, low / mean, high / mean)


def auroc(judged: Sequence[Judged]) -> Statistic:
    """The chance that an event was given a higher probability than a non-event, ties counted half.

    Interval: DeLong's placements summed per patient (Obuchowski, Biometrics 1997;53:567), on the logit scale.
    """
    events = sorted(one.probability for one in judged if one.event)
    others = sorted(one.probability for one in judged if not one.event)
    if min(len(events), len(others)) < MIN_OF_EACH_FOR_RANKING:
        return CannotSay(f"{len(events)} events and {len(others)} others; 10 of each are needed")
    placements = [
        _share_below(others, one.probability) if one.event else 1.0 - _share_below(events, one.probability)
        for one in judged
    ]
    area = math.fsum(p for p, one in zip(placements, judged, strict=True) if one.event) / len(events)
    if not 0.0 < area < 1.0:
        return CannotSay("events and others do not overlap at all, so no interval can be given")
    pulls = [
        (p - area) / (len(events) if one.event else len(others)) for p, one in zip(placements, judged, strict=True)
    ]
    error = math.sqrt(_clustered_square(judged, pulls)) / (area * (1.0 - area))
    middle = math.log(area / (1.0 - area))
    return Estimate(area, logistic(middle - _Z * error), logistic(middle + _Z * error))


def brier(judged: Sequence[Judged]) -> Statistic:
    """Mean squared distance of probability and outcome; 0 is perfect."""
    return _mean(judged, [(one.probability - one.event) ** 2 for one in judged], MIN_PREDICTIONS, "predictions")


def positive_predictive_value(judged: Sequence[Judged]) -> Statistic:
    """The share of flagged patients who had the event."""
    flagged = [one for one in judged if one.flagged]
    return _mean(flagged, [float(one.event) for one in flagged], MIN_FLAGGED, "flagged predictions")


def flagged_share(judged: Sequence[Judged]) -> Statistic:
    """The share flagged high."""
    return _mean(judged, [float(one.flagged) for one in judged], MIN_PREDICTIONS, "predictions")


def calibration_slope(judged: Sequence[Judged]) -> Statistic:
    """The slope of outcome on the prediction's log-odds: below 1 the predictions are too extreme."""
    events = sum(one.event for one in judged)
    if min(events, len(judged) - events) < MIN_EVENTS_FOR_SLOPE:
        return CannotSay(f"{events} events among {len(judged)}; 30 events and 30 others are needed")
    x = [math.log(one.probability / (1.0 - one.probability)) for one in judged]
    fitted = _logistic_line(x, [float(one.event) for one in judged])
    if fitted is None:
        return CannotSay("the fit does not settle")
    intercept, slope = fitted
    residuals = [one.event - logistic(intercept + slope * value) for value, one in zip(x, judged, strict=True)]
    a, b, c = _information(x, intercept, slope)
    determinant = a * c - b * b
    pulls = [r * (a * value - b) / determinant for r, value in zip(residuals, x, strict=True)]
    reach = _Z * math.sqrt(_clustered_square(judged, pulls))
    return Estimate(slope, slope - reach, slope + reach)


def _mean(judged: Sequence[Judged], values: Sequence[float], needed: int, of_what: str) -> Statistic:
    if len(values) < needed:
        return CannotSay(f"{len(values)} {of_what} with a known outcome; {needed} are needed")
    mean = math.fsum(values) / len(values)
    reach = _Z * math.sqrt(_clustered_square(judged, [(value - mean) / len(values) for value in values]))
    return Estimate(mean, max(0.0, mean - reach), min(1.0, mean + reach))


def _clustered_square(judged: Sequence[Judged], pulls: Sequence[float]) -> float:
    """The sum of squares of each patient's summed pull."""
    sums: dict[str, float] = defaultdict(float)
    for one, pull in zip(judged, pulls, strict=True):
        sums[one.patient] += pull
    return math.fsum(value * value for value in sums.values())


def _share_below(ascending: Sequence[float], value: float) -> float:
    below, not_above = bisect_left(ascending, value), bisect_right(ascending, value)
    return (below + not_above) / (2 * len(ascending))


def _logistic_line(x: Sequence[float], y: Sequence[float]) -> tuple[float, float] | None:
    """Intercept and slope by Newton's method; None when they do not settle."""
    intercept, slope = 0.0, 1.0
    for _ in range(50):
        residuals = [out - logistic(intercept + slope * value) for value, out in zip(x, y, strict=True)]
        a, b, c = _information(x, intercept, slope)
        determinant = a * c - b * b
        if determinant <= 1e-12:
            return None
        up, along = math.fsum(residuals), math.fsum(r * v for r, v in zip(residuals, x, strict=True))
        step = ((c * up - b * along) / determinant, (a * along - b * up) / determinant)
        intercept, slope = intercept + step[0], slope + step[1]
        if max(abs(step[0]), abs(step[1])) < 1e-9:
            return intercept, slope
    return None


def _information(x: Sequence[float], intercept: float, slope: float) -> tuple[float, float, float]:
    """Fisher information of intercept and slope: sums of w, w x, w x squared."""
    weights = [(p := logistic(intercept + slope * value)) * (1.0 - p) for value in x]
    along = [w * value for w, value in zip(weights, x, strict=True)]
    return math.fsum(weights), math.fsum(along), math.fsum(v * value for v, value in zip(along, x, strict=True))
