"""The same fit on patients drawn anew: what the interval around a prediction is made from.

Patients are drawn with replacement, as many as there are, so that one patient's landmarks stay together. Each
replica keeps the bins and the pairs of the shipped fit and is calibrated on the patients it did not draw.
"""

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from model.spread import UNIT, Deviations, Spread
from model.training.additive import Floats
from model.training.cohort import Progress, silent
from model.training.landmark_table import LandmarkTable
from model.training.recipe import FittedHead, Recipe, fit_head, linear_calibration

REPLICAS = 40
LEVEL = 0.8
WIDENING = 1.1  # for bins and pairs, which the replicas hold fixed; `model.validation.intervals` checks the whole
SEED = 4840
METHOD = "{count} refits on patients drawn with replacement"


def drawn_rows(patient: NDArray[np.str_], generator: np.random.Generator) -> NDArray[np.int64]:
    """Which rows a draw of patients holds; those of a patient drawn twice are there twice."""
    names, which = np.unique(patient, return_inverse=True)
    times = np.bincount(generator.integers(0, len(names), len(names)), minlength=len(names))
    return np.repeat(np.arange(len(patient)), times[which])


def replica_of(
    table: LandmarkTable, recipe: Recipe, like: FittedHead | None, generator: np.random.Generator
) -> FittedHead:
    """One fit to a draw of patients, calibrated on those not drawn."""
    rows = drawn_rows(table.patient, generator)
    left_out = np.bincount(rows, minlength=len(table)) == 0
    fitted = fit_head(table.rows(rows), recipe, like)
    score = fitted.log_odds(table.values[left_out])
    if np.ptp(score) == 0.0:
        return fitted  # too few patients for any step: nothing to calibrate
    return fitted.calibrated(*linear_calibration(score, table.outcome[left_out]))


def spread_of(
    table: LandmarkTable,
    recipe: Recipe,
    fitted: FittedHead,
    *,
    replicas: int = REPLICAS,
    seed: int = SEED,
    progress: Progress = silent,
) -> Spread:
    """The spread of a fitted head over `replicas` draws of its evaluable landmarks' patients."""
    generator, fits = np.random.default_rng(seed), []
    for done in range(replicas):
        progress("drawing patients anew", done, replicas)
        fits.append(replica_of(table, recipe, fitted, generator).fit)
    varying = [j for j, edges in enumerate(fitted.edges) if len(edges)]
    return Spread(
        level=LEVEL,
        multiplier=round(WIDENING * NormalDist().inv_cdf(0.5 + LEVEL / 2.0), 4),
        method=METHOD.format(count=replicas),
        base=_deviations(np.array([fit.intercept for fit in fits])),
        shapes=tuple(_steps(np.stack([fit.shapes[j] for fit in fits], axis=-1)) for j in varying),
        pairs=tuple(
            tuple(_steps(row) for row in np.stack([fit.tables[k] for fit in fits], axis=-1)[1:, :])
            for k in range(len(fitted.fit.pairs))
        ),
    )


def _steps(heights: Floats) -> tuple[Deviations, ...]:
    """Per known level the replicas' deviations; level 0 is unknown."""
    return tuple(_deviations(level) for level in heights[1:])


def _deviations(drawn: Floats) -> Deviations:
    return tuple(int(one) for one in np.rint((drawn - drawn.mean()) / UNIT))
