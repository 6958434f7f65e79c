"""Discrimination and calibration of risks, with bootstrap intervals that resample patients, not landmarks."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.training.additive import Floats, sigmoid
from model.training.recipe import linear_calibration

RESAMPLES = 1000
SEED = 48


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


class RankedOutcomes:
    """Outcomes in falling order of score, ties kept together, so that weighted ranks cost one pass."""

    def __init__(self, score: Floats, outcome: Floats) -> None:
        self._order = np.argsort(-score, kind="stable")
        ranked = score[self._order]
        self._starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])
        self._hit = outcome[self._order]

    def _weights(self, weight: Floats) -> tuple[Floats, Floats]:
        ranked = weight[self._order]
        events = np.add.reduceat(ranked * self._hit, self._starts)
        return events, np.add.reduceat(ranked, self._starts) - events

    def auroc(self, weight: Floats) -> float:
        """The chance that an event ranks above a non-event, ties counted half; NaN when either is lacking."""
        events, others = self._weights(weight)
        if not events.any() or not others.any():
            return float("nan")
        above = np.cumsum(events) - 0.5 * events
        return float((others * above).sum() / (events.sum() * others.sum()))

    def auprc(self, weight: Floats) -> float:
        """Average precision: precision summed over the steps of recall."""
        events, others = self._weights(weight)
        hits, flagged = np.cumsum(events), np.cumsum(events + others)
        precision = np.divide(hits, flagged, out=np.zeros_like(hits), where=flagged > 0)
        return float((precision * events).sum() / events.sum())


def patient_weights(patient: NDArray[np.str_], resamples: int, seed: int) -> list[Floats]:
    """Per resample, how often each landmark counts: as often as its patient was drawn."""
    _, which = np.unique(patient, return_inverse=True)
    count, generator = int(which.max()) + 1, np.random.default_rng(seed)
    return [
        np.bincount(generator.integers(0, count, count), minlength=count).astype(np.float64)[which]
        for _ in range(resamples)
    ]


def estimate(statistic: Callable[[Floats], float], weights: list[Floats]) -> Estimate:
    """The statistic with all weights one, and the middle 95 % of it over the resamples."""
    drawn = np.array([statistic(weight) for weight in weights])
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return Estimate(statistic(np.ones_like(weights[0])), float(low), float(high))


def performance(
    log_odds: Floats, outcome: Floats, patient: NDArray[np.str_], *, resamples: int = RESAMPLES
) -> dict[str, Estimate]:
    """AUROC, AUPRC, Brier score, calibration slope and intercept, and observed over expected events."""
    weights = patient_weights(patient, resamples, SEED)
    ranked, risk = RankedOutcomes(log_odds, outcome), sigmoid(log_odds)
    squared = (risk - outcome) ** 2
    line = np.array([linear_calibration(log_odds, outcome, weight) for weight in weights])
    whole = linear_calibration(log_odds, outcome)
    slopes = {"calibration_intercept": 0, "calibration_slope": 1}
    return {
        "auroc": estimate(ranked.auroc, weights),
        "auprc": estimate(ranked.auprc, weights),
        "brier": estimate(lambda w: float(np.average(squared, weights=w)), weights),
        "observed_over_expected": estimate(lambda w: float((w * outcome).sum() / (w * risk).sum()), weights),
        **{
            name: Estimate(whole[i], *np.quantile(line[:, i], [0.025, 0.975]).tolist())
            for name, i in slopes.items()
        },
    }


def difference(
    first: Floats, second: Floats, outcome: Floats, patient: NDArray[np.str_], *, resamples: int = RESAMPLES
) -> Estimate:
    """AUROC of the first score minus that of the second, over the same resamples."""
    weights = patient_weights(patient, resamples, SEED)
    one, two = RankedOutcomes(first, outcome), RankedOutcomes(second, outcome)
    return estimate(lambda weight: one.auroc(weight) - two.auroc(weight), weights)


@dataclass(frozen=True, slots=True)
class Operation:
    """What flagging at a risk does: shares of events flagged, of flags that are right, of landmarks flagged."""

    threshold: float
    sensitivity: float
    specificity: float
    ppv: float
    flagged: float
    net_benefit: float
    net_benefit_flag_all: float


def operation_at(threshold: float, risk: Floats, outcome: Floats) -> Operation:
    """Sensitivity, PPV and net benefit (per landmark) of flagging at or above `threshold`."""
    flagged = risk >= threshold
    hits, events, count = float(outcome[flagged].sum()), float(outcome.sum()), len(outcome)
    false = float(flagged.sum()) - hits
    odds = threshold / (1.0 - threshold)
    return Operation(
        threshold=threshold,
        sensitivity=hits / events,
        specificity=1.0 - false / (count - events),
        ppv=hits / float(flagged.sum()) if flagged.any() else float("nan"),
        flagged=float(flagged.mean()),
        net_benefit=(hits - false * odds) / count,
        net_benefit_flag_all=(events - (count - events) * odds) / count,
    )


def calibration_curve(risk: Floats, outcome: Floats, groups: int = 10) -> list[tuple[float, float, int]]:
    """Mean risk, observed share and count in tenths of the risk."""
    parts = np.array_split(np.argsort(risk, kind="stable"), groups)
    return [(float(risk[part].mean()), float(outcome[part].mean()), len(part)) for part in parts if len(part)]
