"""Where "low" ends and "high" begins, from out-of-fold risks: a budget of false alerts, checked by net benefit.

Net benefit (Vickers and Elkin 2006): true flags less false ones weighed by the threshold's odds, per landmark.
A category that does no better at its own threshold than flagging everybody or nobody is not worth its name.
"""

import numpy as np
from numpy.typing import NDArray

from model.risk import Categories
from model.training.landmark_table import Floats

FALSE_ALERTS_PER_TRUE_ONE = 2.0
MODERATE_SENSITIVITY = 0.8
LEAST_FLAGGED_SHARE = 0.02  # the precision of a handful of flags is luck
HIGHEST = 0.999  # beyond it a threshold has no odds
RULE = (
    "high: the lowest risk at which at most 2 of 3 flagged out-of-fold landmarks are false; "
    "moderate: the risk that 80 % of out-of-fold landmarks before an event reach, or half of high if not lower"
)


def choose_categories(risk: Floats, outcome: Floats) -> Categories:
    """The categories by RULE, with what they gain. Raises ValueError when no threshold keeps the budget."""
    order = np.argsort(-risk, kind="stable")
    hits = np.cumsum(outcome[order])
    flagged = np.arange(1, len(order) + 1)
    precise = (hits * (1.0 + FALSE_ALERTS_PER_TRUE_ONE) >= flagged) & (flagged >= LEAST_FLAGGED_SHARE * len(order))
    if not precise.any():
        raise ValueError("no threshold keeps false alerts within the budget")
    high = min(round(float(risk[order][np.flatnonzero(precise)[-1]]), 3), HIGHEST)
    moderate = round(float(np.quantile(risk[outcome == 1], 1.0 - MODERATE_SENSITIVITY)), 3)
    moderate = moderate if moderate < high else round(high / 2.0, 3)
    gains = (f"{name} {_gain(at, risk, outcome)}" for name, at in (("high", high), ("moderate", moderate)))
    return Categories(moderate, high, f"{RULE}. Net benefit per 1000 out-of-fold landmarks: {'; '.join(gains)}")


def _gain(threshold: float, risk: Floats, outcome: Floats) -> str:
    by_model = 1000.0 * net_benefit(threshold, risk >= threshold, outcome)
    flag_all = 1000.0 * net_benefit(threshold, np.ones(len(risk), dtype=np.bool_), outcome)
    return f"{by_model:.1f} (flagging all {flag_all:.1f}, none 0)"


def net_benefit(threshold: float, flagged: NDArray[np.bool_], outcome: Floats) -> float:
    """True flags less false flags weighed by the threshold's odds, per landmark; flagging none has 0."""
    true = float(outcome[flagged].sum())
    false = float(flagged.sum()) - true
    return (true - false * threshold / (1.0 - threshold)) / len(outcome)
