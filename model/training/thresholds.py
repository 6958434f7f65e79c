"""Where "low" ends and "high" begins, from out-of-fold risks."""

import numpy as np

from model.risk import Categories
from model.training.landmark_table import Floats

FALSE_ALERTS_PER_TRUE_ONE = 2.0
MODERATE_SENSITIVITY = 0.8
LEAST_FLAGGED_SHARE = 0.02  # the precision of a handful of flags is luck
RULE = (
    "high: the lowest risk at which at most 2 of 3 flagged out-of-fold landmarks are false; "
    "moderate: the risk that 80 % of out-of-fold landmarks before an event reach, or half of high if not lower"
)


def choose_categories(risk: Floats, outcome: Floats) -> Categories:
    """The categories by RULE, to three decimals."""
    order = np.argsort(-risk, kind="stable")
    hits = np.cumsum(outcome[order])
    flagged = np.arange(1, len(order) + 1)
    precise = (hits * (1.0 + FALSE_ALERTS_PER_TRUE_ONE) >= flagged) & (flagged >= LEAST_FLAGGED_SHARE * len(order))
    if not precise.any():
        raise ValueError("no threshold keeps false alerts within the budget")
    high = round(float(risk[order][np.flatnonzero(precise)[-1]]), 3)
    moderate = round(float(np.quantile(risk[outcome == 1], 1.0 - MODERATE_SENSITIVITY)), 3)
    return Categories(moderate if moderate < high else round(high / 2.0, 3), high, RULE)
