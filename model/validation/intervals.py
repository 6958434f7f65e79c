"""Whether the interval around a prediction holds what it says it holds. Two questions, the second the harder.

*Refits*: the head fitted anew, its bins, pairs and calibration included, to fresh draws of the patients: how often
does it fall inside the shipped fit's interval? *Halves*: two models of two halves of the patients, who share
nobody: is their difference as wide as their two intervals together say?
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.spread import UNIT, Spread
from model.training.additive import Floats, sigmoid
from model.training.cohort import Progress, silent
from model.training.landmark_table import LandmarkTable
from model.training.recipe import FittedHead, Recipe, codes_of, fit_calibrated, fold_of
from model.training.replicas import replica_of, spread_of

FRESH_REFITS = 10
SEED = 77  # not the replicas' own
HIGH_RISK = 0.2
EVERY = 5  # landmarks looked at: every fifth


@dataclass(frozen=True, slots=True)
class Coverage:
    """The share inside the interval of all landmarks, and of those at a risk of `HIGH_RISK` or more."""

    meant: float
    found: float
    found_at_high_risk: float


def standard_errors(fitted: FittedHead, spread: Spread, values: Floats) -> Floats:
    """Of many landmarks' log-odds at once: the same sums as `Spread.standard_error`."""
    drawn = np.zeros((len(values), len(spread.base)), dtype=np.int64) + np.array(spread.base)
    codes, pair_codes = codes_of(values, fitted.edges), codes_of(values, fitted.pair_edges)
    varying = [j for j, edges in enumerate(fitted.edges) if len(edges)]
    for j, steps in zip(varying, spread.shapes, strict=True):
        drawn += _with_unknown(steps)[codes[j]]
    for (i, j), table in zip(fitted.fit.pairs, spread.pairs, strict=True):
        cells = np.array(table)
        known = (pair_codes[i] > 0) & (pair_codes[j] > 0)
        drawn[known] += cells[pair_codes[i][known] - 1, pair_codes[j][known] - 1]
    return np.asarray(UNIT * drawn.std(axis=1, ddof=1), dtype=np.float64)


def _with_unknown(steps: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    return np.concatenate([np.zeros((1, len(steps[0])), dtype=np.int64), np.array(steps)])


def check_intervals(table: LandmarkTable, recipe: Recipe, *, progress: Progress = silent) -> dict[str, Any]:
    """Both questions for one head, with the widths it comes to."""
    known = table.evaluable()
    fitted = fit_calibrated(known, recipe).head
    spread = spread_of(known, recipe, fitted, progress=progress)
    values = known.values[::EVERY]
    score, error = fitted.log_odds(values), standard_errors(fitted, spread, values)
    reach = spread.multiplier * error
    width = sigmoid(score + reach) - sigmoid(score - reach)
    high = sigmoid(score) >= HIGH_RISK
    return {
        "landmarks": len(values),
        "replicas": len(spread.base),
        "refits": asdict(_refits(known, recipe, values, score, reach, spread.level, progress)),
        "halves": asdict(_halves(known, recipe, progress)),
        "median_width": float(np.median(width)),
        "median_width_at_high_risk": float(np.median(width[high])),
        "high_risk": HIGH_RISK,
    }


def _refits(
    known: LandmarkTable,
    recipe: Recipe,
    values: Floats,
    score: Floats,
    reach: Floats,
    level: float,
    progress: Progress,
) -> Coverage:
    generator, inside = np.random.default_rng(SEED), []
    for done in range(FRESH_REFITS):
        progress("refitting", done, FRESH_REFITS)
        fresh = replica_of(known, recipe, None, generator).log_odds(values)
        inside.append(np.abs(fresh - score) <= reach)
    return _coverage(np.concatenate(inside), np.tile(sigmoid(score) >= HIGH_RISK, FRESH_REFITS), level)


def _halves(known: LandmarkTable, recipe: Recipe, progress: Progress) -> Coverage:
    first = fold_of(known.patient, 2) == 0
    scores, errors, values = [], [], known.values[::EVERY]
    for half in (known.rows(first), known.rows(~first)):
        fitted = fit_calibrated(half, recipe).head
        spread = spread_of(half, recipe, fitted, progress=progress)
        scores.append(fitted.log_odds(values))
        errors.append(standard_errors(fitted, spread, values))
    inside = np.abs(scores[0] - scores[1]) <= spread.multiplier * np.hypot(*errors)
    return _coverage(inside, sigmoid((scores[0] + scores[1]) / 2.0) >= HIGH_RISK, spread.level)


def _coverage(inside: NDArray[np.bool_], high: NDArray[np.bool_], level: float) -> Coverage:
    return Coverage(level, float(inside.mean()), float(inside[high].mean()))
