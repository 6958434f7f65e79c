"""What came of a prediction: the training's label, told only when it is known."""

from datetime import UTC, datetime, timedelta

import pytest

from model.analytes import Analyte
from model.features import Series
from model.follow_up import PENDING, FollowUp, follow_up
from model.snapshot import Comparator, Measurement, Stay
from model.training.labels import Course, onset_landmarks

T = datetime(2026, 8, 3, 9, 0, tzinfo=UTC)
DUE = T + timedelta(hours=72)


def creatinine(*points: tuple[float, float], late_hours: float = 0.0, **more: object) -> list[Measurement]:
    """Results at hours from the prediction."""
    return [
        Measurement(
            Analyte.CREATININE,
            value,
            T + timedelta(hours=hour),
            T + timedelta(hours=hour + late_hours),
            f"Observation/{hour:g}",
            **more,  # type: ignore[arg-type]
        )
        for hour, value in points
    ]


def onset(found: list[Measurement], now: datetime = DUE, *stays: Stay) -> FollowUp:
    return follow_up(found, stays, head="onset", predicted_at=T, now=now)


STEADY = ((-20.0, 0.9), (-2.0, 0.9))


def test_a_rise_within_the_horizon_is_an_event_at_its_specimens_time() -> None:
    found = onset(creatinine(*STEADY, (10, 1.0), (20, 1.3)))
    assert found == FollowUp("event", T + timedelta(hours=20))


def test_an_event_counts_as_soon_as_it_is_seen() -> None:
    assert onset(creatinine(*STEADY, (20, 1.3)), T + timedelta(hours=21)).status == "event"


def test_no_event_is_said_only_when_the_horizon_and_a_day_for_late_results_are_over() -> None:
    steady = creatinine(*STEADY, (40, 0.9))
    assert onset(steady, DUE - timedelta(seconds=1)) == PENDING
    assert onset(steady) == FollowUp("no-event")


def test_no_creatinine_within_the_horizon_is_unknown_and_not_no_event() -> None:
    assert onset(creatinine(*STEADY)) == FollowUp("unknown")
    assert onset(creatinine(*STEADY, (49, 3.0))) == FollowUp("unknown")


def test_results_without_those_the_prediction_rested_on_tell_nothing() -> None:
    assert onset(creatinine((20, 1.3), (40, 0.9))) == PENDING


def test_a_result_that_was_not_yet_known_is_not_seen() -> None:
    assert onset(creatinine(*STEADY, (20, 1.3), late_hours=100)) != FollowUp("event", T + timedelta(hours=20))


def test_an_aki_whose_specimen_was_taken_before_the_prediction_was_there_already() -> None:
    assert onset(creatinine((-20, 0.9), (-2, 1.4), (20, 1.5))).status == "not-eligible"


@pytest.mark.parametrize("more", [{"comparator": Comparator.LESS_THAN}, {"preliminary": True}, {"day_only": True}])
def test_an_inexact_result_decides_nothing(more: dict[str, object]) -> None:
    assert onset([*creatinine(*STEADY), *creatinine((20, 3.0), **more)]).status == "unknown"


def test_an_aki_of_an_earlier_stay_does_not_forbid_a_new_one() -> None:
    earlier = ((-900.0, 0.9), (-880.0, 2.0), (-700.0, 0.9))
    assert onset(creatinine(*earlier, *STEADY, (20, 1.3))).status == "event"
    stay = Stay("IMP", "Encounter/1", T - timedelta(hours=24))
    assert onset(creatinine(*earlier, *STEADY, (20, 1.3)), DUE, stay).status == "event"


def test_an_aki_earlier_in_the_same_stay_leaves_nothing_to_predict() -> None:
    stay = Stay("IMP", "Encounter/1", T - timedelta(hours=400))
    earlier = ((-300.0, 0.9), (-280.0, 2.0), (-250.0, 0.9))
    assert onset(creatinine(*earlier, *STEADY, (20, 1.3)), DUE, stay).status == "not-eligible"


def test_progression_is_a_higher_stage_than_at_the_prediction() -> None:
    in_aki = ((-30.0, 1.0), (-1.0, 1.6))

    def progression(*later: tuple[float, float]) -> FollowUp:
        return follow_up(creatinine(*in_aki, *later), (), head="progression", predicted_at=T, now=DUE)

    assert progression((12, 1.9), (30, 2.1)) == FollowUp("event", T + timedelta(hours=30))
    assert progression((12, 1.7)) == FollowUp("no-event")
    assert progression() == FollowUp("unknown")


@pytest.mark.parametrize("peak", [0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.8, 2.7])
def test_the_label_is_the_one_of_the_training_table(peak: float) -> None:
    points = ((-20.0, 0.9), (0.0, 0.9), (12.0, peak), (30.0, 1.0))
    landmark = next(
        mark
        for mark in onset_landmarks(Course.of(Series([p[0] for p in points], [p[1] for p in points])))
        if mark.hour == 0.0
    )
    assert (onset(creatinine(*points)).status == "event") is landmark.outcome


def test_before_anything_was_measured_since_there_is_nothing_to_tell_even_in_aki() -> None:
    for seen in (STEADY, ((-20.0, 0.9), (-2.0, 3.0)), ((-20.0, 4.5),), ()):
        assert onset(creatinine(*seen), DUE - timedelta(seconds=1)) == PENDING
