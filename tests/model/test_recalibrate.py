"""A recalibration made from a site's patients: what it mends, what it refuses, and that its judgement is fair."""

import numpy as np
import pytest

from model.training.additive import sigmoid
from model.training.recipe import linear_calibration
from model.validation.local import TooFewEvents
from model.validation.recalibrate import NotRising, cross_fitted, fit_curve, overlay_of
from tests.builders.landmarks import head_of_one_feature, table_of

RANDOM = np.random.default_rng(12)
SCORE = RANDOM.normal(-1.5, 1.0, 8000)


def outcomes(true_log_odds: np.ndarray) -> np.ndarray:
    return (np.random.default_rng(13).random(len(true_log_odds)) < sigmoid(true_log_odds)).astype(float)


@pytest.mark.parametrize("method", ["intercept", "slope", "isotonic"])
def test_each_method_finds_a_shift_it_can_express(method: str) -> None:
    curve = fit_curve(SCORE, outcomes(SCORE - 0.8), method)
    assert [curve.at(x) for x in (-3.0, -1.5, 0.0)] == pytest.approx([-3.8, -2.3, -0.8], abs=0.35)


def test_a_slope_is_found_by_slope_and_by_isotonic_alone() -> None:
    outcome = outcomes(0.4 * SCORE - 1.0)
    for method, good in (("slope", True), ("isotonic", True), ("intercept", False)):
        curve = fit_curve(SCORE, outcome, method)
        after = np.array([curve.at(x) for x in SCORE])
        assert (abs(linear_calibration(after, outcome)[1] - 1.0) < 0.2) is good, method


def test_the_intercept_makes_expected_events_as_many_as_observed() -> None:
    outcome = outcomes(SCORE + 0.5)
    after = np.array([fit_curve(SCORE, outcome, "intercept").at(x) for x in SCORE])
    assert sigmoid(after).sum() == pytest.approx(outcome.sum(), rel=1e-4)


def test_an_isotonic_curve_rises_through_steps_that_are_not_small() -> None:
    curve = fit_curve(SCORE, outcomes(SCORE), "isotonic")
    assert 3 <= len(curve.knots) <= len(SCORE) / 50


@pytest.mark.parametrize("method", ["intercept", "slope", "isotonic"])
def test_risks_that_fall_where_the_models_rise_are_not_bent(method: str) -> None:
    with pytest.raises(NotRising):
        fit_curve(SCORE, outcomes(-2.0 - SCORE), method)


def test_after_is_cross_fitted_by_patient() -> None:
    table = table_of(SCORE[:600], outcomes(SCORE[:600]), patients=60)
    after = cross_fitted(SCORE[:600], table, "intercept")
    shifts = np.round(after - SCORE[:600], 9)
    assert len(set(shifts.tolist())) == 5
    for patient in set(table.patient.tolist()):
        assert len(set(shifts[table.patient == patient].tolist())) == 1


def test_an_overlay_says_how_much_it_mends_with_intervals() -> None:
    outcome = outcomes(0.6 * SCORE - 1.0)
    found = overlay_of(head_of_one_feature(), table_of(SCORE, outcome, patients=2000), "slope", 20)
    assert found["events"] == int(outcome.sum())
    assert abs(found["after"]["calibration_slope"]["value"] - 1.0) < 0.1
    assert found["after"]["brier"]["value"] < found["before"]["brier"]["value"]
    for part in ("before", "after"):
        assert found[part]["brier"]["low"] < found[part]["brier"]["value"] < found[part]["brier"]["high"]


def test_too_few_events_for_the_method_are_refused_with_their_number() -> None:
    outcome = np.zeros(500)
    outcome[:60] = 1.0
    table = table_of(SCORE[:500], outcome, patients=500)
    overlay_of(head_of_one_feature(), table, "intercept", 10)
    with pytest.raises(TooFewEvents, match="60 events"):
        overlay_of(head_of_one_feature(), table, "slope", 10)
