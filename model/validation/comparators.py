"""What the model is measured against: creatinine alone, itself without pairs, and boosting without limits."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from model.feature_list import FEATURES
from model.training.additive import Floats
from model.training.landmark_table import LandmarkTable
from model.training.recipe import Recipe, fit_head, linear_calibration, out_of_fold, targets

# Latest value, lowest of 48 h and of 7 d, rise, ratio, last step: the bar a model must clear to be worth having.
CREATININE_ONLY = (
    "creatinine_last",
    "creatinine_low_48h",
    "creatinine_low_7d",
    "creatinine_above_low_48h",
    "creatinine_ratio_low_7d",
    "creatinine_step",
)
Scorer = Callable[[Floats], Floats]
Fitter = Callable[[LandmarkTable], Scorer]


class LinearFit(NamedTuple):
    """A logistic regression on standardised features."""

    mean: Floats
    spread: Floats
    slopes: Floats
    intercept: float


def _creatinine_design(values: Floats) -> Floats:
    """The creatinine course of each landmark. A first value has had no step: 0."""
    where = [[feature.id for feature in FEATURES].index(name) for name in CREATININE_ONLY]
    return np.nan_to_num(values[:, where], nan=0.0)


def creatinine_only_fit(table: LandmarkTable) -> LinearFit:
    """Logistic regression on the creatinine course."""
    raw = _creatinine_design(table.values)
    mean, spread = raw.mean(0), raw.std(0)
    spread[spread == 0.0] = 1.0  # a column that never varies says nothing
    fitted = LogisticRegression(max_iter=1000).fit((raw - mean) / spread, table.outcome)
    return LinearFit(mean, spread, fitted.coef_[0], float(fitted.intercept_[0]))


def creatinine_only(table: LandmarkTable) -> Scorer:
    """The regression as something that scores."""
    fit = creatinine_only_fit(table)
    return lambda values: ((_creatinine_design(values) - fit.mean) / fit.spread) @ fit.slopes + fit.intercept


def additive_only(recipe: Recipe) -> Fitter:
    """The shipped recipe without its pairwise tables."""
    plain = replace(recipe, plan=replace(recipe.plan, pairs=0))
    return lambda table: fit_head(table, plain).log_odds


def full_boosting(recipe: Recipe) -> Fitter:
    """Gradient-boosted trees with every interaction on the same features and targets: the ceiling.

    Unknown values take the training median, so that it cannot learn from being measured either.
    """

    def fit(table: LandmarkTable) -> Scorer:
        used = recipe.used()
        medians = np.nanmedian(table.values[:, used], axis=0)

        def filled(values: Floats) -> Floats:
            return np.where(np.isnan(values[:, used]), medians, values[:, used])

        target, known = targets(table, recipe), filled(table.values)
        trees = HistGradientBoostingClassifier(
            max_iter=150,
            learning_rate=0.08,
            max_leaf_nodes=15,
            min_samples_leaf=60,
            l2_regularization=5.0,
            max_features=0.3,
            early_stopping=False,
            random_state=0,
        )
        outcomes = np.r_[np.ones(len(known)), np.zeros(len(known))]
        trees.fit(np.r_[known, known], outcomes, sample_weight=np.r_[target, 1.0 - target])
        return lambda values: np.asarray(trees.decision_function(filled(values)))

    return fit


@dataclass(frozen=True, slots=True)
class CalibratedScores:
    """Calibrated log-odds: of the test landmarks, and of the training landmarks by fits that never saw them."""

    test: Floats
    training: Floats


def transported(fit: Fitter, training: LandmarkTable, test: LandmarkTable) -> CalibratedScores:
    """Fit and calibrate on `training` alone, then score `test`, known outcome or not."""
    raw = out_of_fold(training, fit)
    intercept, slope = _calibration(raw, training)
    scores = fit(training.evaluable())(test.values)
    return CalibratedScores(intercept + slope * scores, intercept + slope * raw)


def cross_fitted(fit: Fitter, table: LandmarkTable) -> CalibratedScores:
    """Score every landmark by fits that never saw its patient, calibrated together."""
    raw = out_of_fold(table, fit)
    intercept, slope = _calibration(raw, table)
    return CalibratedScores(intercept + slope * raw, intercept + slope * raw)


def _calibration(raw: Floats, table: LandmarkTable) -> tuple[float, float]:
    known = ~np.isnan(table.outcome)
    return linear_calibration(raw[known], table.outcome[known])
