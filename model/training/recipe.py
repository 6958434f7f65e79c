"""How one head is fitted: bins, soft targets, boosting, and a linear calibration on out-of-fold scores.

What is decided here, and why, is in DECISIONS.md.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from model.feature_directions import DIRECTIONS
from model.feature_list import FEATURES
from model.training.additive import AdditiveFit, BoostingPlan, Codes, Floats, fit_additive, sigmoid
from model.training.landmark_table import LandmarkTable

FOLDS = 5


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that is decided about a head's fit."""

    plan: BoostingPlan = field(default_factory=BoostingPlan)
    bins: int = 32
    pair_bins: int = 8
    soft_share: float = 0.5
    soft_width: float = 0.1
    unused: tuple[str, ...] = ()

    def used(self) -> NDArray[np.bool_]:
        """Which of FEATURES this head may use."""
        return np.array([feature.id not in self.unused for feature in FEATURES])


ONSET_RECIPE = Recipe(unused=("creatinine_to_next_stage",))
PROGRESSION_RECIPE = Recipe(BoostingPlan(rounds=20, pairs=0), bins=16, soft_share=1.0, soft_width=0.15)


@dataclass(frozen=True, slots=True)
class FittedHead:
    """Boosted tables over their bins, with the linear calibration folded in by `calibrated`."""

    edges: list[Floats]
    pair_edges: list[Floats]
    fit: AdditiveFit

    def log_odds(self, values: Floats) -> Floats:
        return self.fit.log_odds(codes_of(values, self.edges), codes_of(values, self.pair_edges))

    def calibrated(self, intercept: float, slope: float) -> "FittedHead":
        """The same head with log-odds `intercept + slope * score`: still a sum of shapes."""
        fit = AdditiveFit(
            intercept + slope * self.fit.intercept,
            [slope * shape for shape in self.fit.shapes],
            self.fit.pairs,
            [slope * table for table in self.fit.tables],
        )
        return FittedHead(self.edges, self.pair_edges, fit)


def bin_edges(values: Floats, bins: int, used: NDArray[np.bool_]) -> list[Floats]:
    """Per feature, cuts near its quantiles, each halfway between two values that occur, to six digits.

    A feature not used has no cuts, hence one level, hence nothing to say.
    """
    columns = zip(values.T, used, strict=True)
    return [_cuts(column[~np.isnan(column)], bins) if use else np.empty(0) for column, use in columns]


def _cuts(known: Floats, bins: int) -> Floats:
    distinct = np.unique(known)
    if len(distinct) < 2:
        return np.empty(0)
    wanted = np.quantile(known, np.linspace(0.0, 1.0, bins + 1)[1:-1])
    above = np.clip(np.searchsorted(distinct, wanted), 1, len(distinct) - 1)
    halfway = (distinct[above - 1] + distinct[above]) / 2.0
    return np.unique([float(f"{cut:.6g}") for cut in halfway])


def directions_of(edges: list[Floats]) -> list[Codes]:
    """Per feature and cut, which way the risk may step (`model.feature_directions`)."""
    known = [DIRECTIONS.get(feature.id) for feature in FEATURES]
    return [
        np.array([0 if way is None else way.of_cut(edge) for edge in cuts.tolist()], dtype=np.int64)
        for way, cuts in zip(known, edges, strict=True)
    ]


def codes_of(values: Floats, edges: list[Floats]) -> Codes:
    """Bin numbers from 1, and 0 for unknown; features by rows."""
    codes = np.empty((values.shape[1], values.shape[0]), dtype=np.int64)
    for j, cuts in enumerate(edges):
        column = values[:, j]
        codes[j] = np.where(np.isnan(column), 0, 1 + np.searchsorted(cuts, column, side="right"))
    return codes


def targets(table: LandmarkTable, recipe: Recipe) -> Floats:
    """The outcome, softened by how near it was: a rise of 0.2 mg/dL is not the same as none."""
    if not recipe.soft_share:
        return table.outcome
    near = sigmoid((table.closeness - 1.0) / recipe.soft_width)
    return np.asarray(recipe.soft_share * near + (1.0 - recipe.soft_share) * table.outcome, dtype=np.float64)


def fit_head(table: LandmarkTable, recipe: Recipe, like: FittedHead | None = None) -> FittedHead:
    """Fit one head to evaluable landmarks, not yet calibrated; with the bins and pairs of `like`, if given."""
    if like is None:
        edges = bin_edges(table.values, recipe.bins, recipe.used())
        pair_edges = bin_edges(table.values, recipe.pair_bins, recipe.used())
    else:
        edges, pair_edges = like.edges, like.pair_edges
    fit = fit_additive(
        codes_of(table.values, edges),
        codes_of(table.values, pair_edges),
        targets(table, recipe),
        [len(cuts) + 2 for cuts in edges],
        [len(cuts) + 2 for cuts in pair_edges],
        directions_of(edges),
        recipe.plan,
        None if like is None else like.fit.pairs,
    )
    return FittedHead(edges, pair_edges, fit)


def fold_of(patients: NDArray[np.str_], folds: int = FOLDS) -> NDArray[np.int64]:
    """A fold per patient from a hash of the id: the same whatever the order or the company."""
    names, which = np.unique(patients, return_inverse=True)
    digests = [int(hashlib.sha256(str(name).encode()).hexdigest(), 16) % folds for name in names]
    return np.asarray(digests, dtype=np.int64)[which]


Scorer = Callable[[Floats], Floats]


def out_of_fold(table: LandmarkTable, fit: Callable[[LandmarkTable], Scorer]) -> Floats:
    """Scores of every landmark, of known outcome or not, by a fit that never saw its patient."""
    fold, scores = fold_of(table.patient), np.empty(len(table))
    for k in range(FOLDS):
        held = fold == k
        scores[held] = fit(table.rows(~held).evaluable())(table.values[held])
    return scores


def linear_calibration(score: Floats, outcome: Floats, weight: Floats | None = None) -> tuple[float, float]:
    """Intercept and slope of the logistic regression of the outcome on the score, by Newton's method."""
    weight = np.ones_like(score) if weight is None else weight
    design = np.stack([np.ones_like(score), score])
    beta = np.array([0.0, 1.0])
    for _ in range(25):
        risk = sigmoid(beta @ design)
        gradient = design @ (weight * (outcome - risk))
        hessian = (design * (weight * risk * (1.0 - risk))) @ design.T
        step = np.linalg.solve(hessian, gradient)
        beta = beta + step
        if np.abs(step).max() < 1e-12:
            break
    return float(beta[0]), float(beta[1])


@dataclass(frozen=True, slots=True)
class CalibratedFit:
    """A calibrated head and the calibrated out-of-fold log-odds of its own training landmarks."""

    head: FittedHead
    out_of_fold: Floats


def fit_calibrated(table: LandmarkTable, recipe: Recipe) -> CalibratedFit:
    """Fit on all of `table`; calibrate on scores made without the scored patient."""
    raw = out_of_fold(table, lambda part: fit_head(part, recipe).log_odds)
    intercept, slope = linear_calibration(raw, table.outcome)
    return CalibratedFit(fit_head(table, recipe).calibrated(intercept, slope), intercept + slope * raw)
