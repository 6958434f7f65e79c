"""A site's recalibration made from its own patients: a rising curve per head, and what it mends, cross-fitted.

*Before* is the model as it is; *after* judges every patient by a curve made without that patient. Intervals are by
bootstrap over patients.
"""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import numpy as np
from sklearn.isotonic import IsotonicRegression

from model.log_odds_curve import LogOddsCurve
from model.risk import Head, RiskModel
from model.training.additive import Floats, sigmoid
from model.training.cohort import CohortStay, Progress, silent
from model.training.labels import onset_landmarks, progression_landmarks
from model.training.landmark_table import LandmarkTable, build_table
from model.training.recipe import FOLDS, fold_of, linear_calibration
from model.validation.local import TooFewEvents, head_log_odds
from model.validation.metrics import performance

LEAST_EVENTS = {"intercept": 50, "slope": 100, "isotonic": 500}
LEAST_IN_STEP = 50  # landmarks behind one step of the isotonic curve
MEASURES = ("calibration_slope", "calibration_intercept", "observed_over_expected", "brier")
DECIMALS = 6


class NotRising(Exception):
    """At this site a higher risk does not come with more events: no curve can mend that."""


def recalibrate(
    stays: Iterable[CohortStay], model: RiskModel, *, method: str, resamples: int, progress: Progress = silent
) -> dict[str, Any]:
    """Per head id its curve with what it mends; a head with too few events is left out with the reason.

    Raises TooFewEvents when onset is left out, NotRising when the site's risks do not rise with the model's.
    """
    held = list(stays)
    roles = [(model.onset_head, onset_landmarks)]
    if model.progression_head is not None:
        roles.append((model.progression_head, progression_landmarks))
    made: dict[str, Any] = {"heads": {}, "left_out": {}}
    for head, landmarks_of in roles:
        table = build_table(held, landmarks_of, progress=progress, expected=len(held))
        try:
            made["heads"][head.id] = overlay_of(head, table.evaluable(), method, resamples)
        except TooFewEvents as few:
            if head is model.onset_head:
                raise
            made["left_out"][head.id] = str(few)
    return made


def overlay_of(head: Head, known: LandmarkTable, method: str, resamples: int) -> dict[str, Any]:
    """One head's curve, from landmarks of known outcome."""
    events = int(known.outcome.sum())
    least = LEAST_EVENTS[method]
    if min(events, len(known) - events) < least:
        raise TooFewEvents(f"{events} events are in these data; {method} needs {least}, and as many without.")
    score = head_log_odds(head, known.values)
    curve = fit_curve(score, known.outcome, method)
    after = cross_fitted(score, known, method)
    before, mended = (performance(s, known.outcome, known.patient, resamples=resamples) for s in (score, after))
    return {
        "curve": {"knots": [list(knot) for knot in curve.knots], "slope": curve.slope},
        "patients": len(np.unique(known.patient)),
        "landmarks": len(known),
        "events": events,
        "before": {name: asdict(before[name]) for name in MEASURES},
        "after": {name: asdict(mended[name]) for name in MEASURES},
    }


def cross_fitted(score: Floats, known: LandmarkTable, method: str) -> Floats:
    """Every landmark's log-odds by a curve that never saw its patient."""
    fold, after = fold_of(known.patient), np.empty(len(score))
    for k in range(FOLDS):
        held = fold == k
        curve = fit_curve(score[~held], known.outcome[~held], method)
        after[held] = [curve.at(one) for one in score[held].tolist()]
    return after


def fit_curve(score: Floats, outcome: Floats, method: str) -> LogOddsCurve:
    """The curve from the model's log-odds to the site's. Raises NotRising."""
    if score[outcome == 1].mean() <= score[outcome == 0].mean():
        raise NotRising("Those with an event had no higher risks than those without.")
    if method == "intercept":
        return LogOddsCurve(((0.0, round(_shift(score, outcome), DECIMALS)),), 1.0)
    if method == "slope":
        intercept, slope = linear_calibration(score, outcome)
        return LogOddsCurve(((0.0, round(intercept, DECIMALS)),), round(slope, DECIMALS))
    return _isotonic(score, outcome)


def _shift(score: Floats, outcome: Floats) -> float:
    """The constant that makes the expected events as many as the observed, by Newton's method."""
    shift = 0.0
    for _ in range(50):
        risk = sigmoid(score + shift)
        step = float((outcome - risk).sum() / (risk * (1.0 - risk)).sum())
        shift += step
        if abs(step) < 1e-12:
            break
    return shift


def _isotonic(score: Floats, outcome: Floats) -> LogOddsCurve:
    """Steps pooled until they rise and none is small, each a knot at its mean; straight lines in between."""
    order = np.argsort(score, kind="stable")
    fitted = IsotonicRegression().fit_transform(score[order], outcome[order])
    knots: list[tuple[float, float]] = []
    pooled: list[int] = []
    for step in np.split(np.arange(len(order)), np.flatnonzero(np.diff(fitted) > 0.0) + 1):
        pooled += step.tolist()
        events, count = float(outcome[order[pooled]].sum()), len(pooled)
        if count < LEAST_IN_STEP or not 0.0 < events < count:
            continue
        x, y = float(score[order[pooled]].mean()), float(np.log(events / (count - events)))
        if knots and y <= knots[-1][1]:
            continue
        knots.append((round(x, DECIMALS), round(y, DECIMALS)))
        pooled = []
    if len(knots) < 2:
        raise NotRising("The observed share of events does not rise with the risk.")
    return LogOddsCurve(tuple(knots), 1.0)
