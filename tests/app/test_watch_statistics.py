"""The watch's own statistics: against numpy's where it is at hand, against known cases, and honest about few."""

import math
import random

import numpy as np
import pytest

from app.watching.statistics import (
    CannotSay,
    Estimate,
    Judged,
    auroc,
    brier,
    calibration_slope,
    flagged_share,
    observed_over_expected,
    positive_predictive_value,
)
from model.training.recipe import linear_calibration
from model.validation.metrics import RankedOutcomes


def sample(count: int, *, truth: float = 1.0, per_patient: int = 1, seed: int = 1) -> list[Judged]:
    """Predictions whose events come with `truth` times the odds told."""
    draw = random.Random(seed)  # noqa: S311
    found = []
    for number in range(count):
        told = min(max(draw.betavariate(1.2, 6.0), 0.005), 0.995)
        odds = truth * told / (1 - told)
        event = draw.random() < odds / (1 + odds)
        found.append(Judged(f"p{number}", told, told >= 0.3, event))
    return [one for one in found for _ in range(per_patient)]


def value(found: object) -> Estimate:
    assert isinstance(found, Estimate), found
    return found


def test_ranking_slope_and_brier_are_those_of_the_validation() -> None:
    judged = sample(800)
    told = np.array([one.probability for one in judged])
    event = np.array([float(one.event) for one in judged])
    log_odds, weight = np.log(told / (1 - told)), np.ones(len(judged))
    assert value(auroc(judged)).value == pytest.approx(RankedOutcomes(told, event).auroc(weight), abs=1e-12)
    assert value(calibration_slope(judged)).value == pytest.approx(
        linear_calibration(log_odds, event)[1], abs=1e-4
    )
    assert value(brier(judged)).value == pytest.approx(float(((told - event) ** 2).mean()))


def test_ties_count_half() -> None:
    same = [Judged(f"p{n}", 0.2, False, n % 2 == 0) for n in range(40)]
    assert value(auroc(same)).value == 0.5


@pytest.mark.parametrize("statistic", [auroc, brier, calibration_slope, flagged_share, observed_over_expected])
def test_a_patient_counted_four_times_does_not_narrow_an_interval(statistic) -> None:
    once, often = value(statistic(sample(600))), value(statistic(sample(600, per_patient=4)))
    assert often.value == pytest.approx(once.value)
    assert (often.high - often.low) == pytest.approx(once.high - once.low, rel=0.12)


@pytest.mark.parametrize("statistic", [auroc, brier, calibration_slope, observed_over_expected])
def test_intervals_hold_the_truth_about_as_often_as_they_say(statistic) -> None:
    large = value(statistic(sample(60_000, seed=999))).value
    found = [value(statistic(sample(700, seed=seed))) for seed in range(80)]
    held = sum(one.low <= large <= one.high for one in found)
    assert 70 <= held <= 80


def test_twice_the_odds_are_seen_as_more_than_expected() -> None:
    assert value(observed_over_expected(sample(1500, truth=2.5))).low > 1.25


def test_no_event_where_many_were_expected_is_a_finding_not_a_gap() -> None:
    found = value(observed_over_expected([Judged(f"p{n}", 0.4, True, False) for n in range(50)]))
    assert (found.value, found.low) == (0.0, 0.0)
    assert found.high < 0.3


@pytest.mark.parametrize(
    ("statistic", "judged"),
    [
        (observed_over_expected, sample(5)),
        (observed_over_expected, []),
        (auroc, sample(20)),
        (auroc, [Judged(f"p{n}", 0.9 if n % 2 else 0.1, False, n % 2 == 1) for n in range(60)]),
        (calibration_slope, sample(100)),
        (positive_predictive_value, sample(20)),
        (brier, sample(19)),
        (flagged_share, []),
    ],
)
def test_too_few_is_said_with_its_reason(statistic, judged: list[Judged]) -> None:
    found = statistic(judged)
    assert isinstance(found, CannotSay)
    assert len(found.because) > 10


def test_every_number_is_finite() -> None:
    for statistic in (auroc, brier, calibration_slope, flagged_share, observed_over_expected):
        found = value(statistic(sample(300)))
        assert all(math.isfinite(part) for part in (found.value, found.low, found.high))
        assert found.low <= found.value <= found.high
