"""Landmarks and outcomes, and that the labels are what the product itself would have staged."""

import math
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.analytes import Analyte
from model.assess import assess
from model.assessment import Assessment, Reason
from model.snapshot import PatientSnapshot
from model.training.labels import (
    Course,
    every_six_hours,
    onset_landmarks,
    progression_landmarks,
    staged,
)
from tests.builders.outcomes import MODEL
from tests.builders.timelines import NOW, chart

COURSES = st.lists(
    st.tuples(st.integers(-160, 0).map(float), st.integers(3, 60).map(lambda tenths: tenths / 10)),
    min_size=1,
    max_size=7,
    unique_by=lambda point: point[0],
).map(sorted)


def course(*points: tuple[float, float], lag: float = 0.0, **stay: float) -> Course:
    hours = [hour for hour, _ in points]
    return Course(hours, [value for _, value in points], [hour + lag for hour in hours], **stay)


def outcomes(*points: tuple[float, float]) -> list[bool | None]:
    return [landmark.outcome for landmark in onset_landmarks(course(*points))]


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([(0, 1.1), (24, 1.4)], [True]),  # 1.4 - 1.1 is less than 0.3 in binary arithmetic
        ([(0, 1.0), (24, 1.29)], [False, None]),
        ([(0, 1.0), (48, 1.3)], [True]),
        ([(0, 1.0), (49, 1.3)], [None, None]),
        ([(0, 1.0), (40, 1.2), (80, 1.5)], [False, True]),  # 1.5 times the lowest of 7 days
        ([(0, 1.0), (10, 1.1), (70, 1.2)], [False, None, None]),
        ([(0, 4.0), (20, 6.5)], []),
        ([(0, 1.0), (20, 1.6), (30, 1.7)], [True]),  # nothing after the onset
    ],
)
def test_outcome_of_each_creatinine_while_free_of_aki(
    points: list[tuple[float, float]], expected: list[bool | None]
) -> None:
    assert outcomes(*points) == expected


def test_closeness_tells_a_near_miss_from_no_change_and_reaches_one_with_the_outcome() -> None:
    near, far, met = (onset_landmarks(course((0, 1.0), (24, value)))[0] for value in (1.2, 1.0, 1.3))
    assert far.closeness < near.closeness < 1.0 <= met.closeness + 1e-9
    assert math.isnan(onset_landmarks(course((0, 1.0)))[0].closeness)


def test_hours_to_event_count_to_the_first_aki() -> None:
    marks = onset_landmarks(course((0, 1.0), (30, 1.1), (60, 1.6)))
    assert [mark.hours_to_event for mark in marks] == [60, 30]


def test_progression_is_a_higher_stage_within_48_h() -> None:
    marks = progression_landmarks(course((0, 1.0), (10, 1.5), (20, 1.6), (40, 2.1), (90, 2.2)))
    assert [(mark.hour, mark.outcome) for mark in marks] == [(10, True), (20, True), (40, None), (90, None)]
    assert marks[0].closeness == pytest.approx(2.1 / 2.0)


def test_a_result_becomes_a_landmark_when_it_is_known_and_the_horizon_counts_from_there() -> None:
    marks = onset_landmarks(course((0, 1.0), (50, 1.0), (99, 1.5), lag=2.0))
    assert [(mark.hour, mark.outcome, mark.hours_to_event) for mark in marks] == [(2, False, 97), (52, True, 47)]


def test_nothing_is_predicted_between_the_specimen_that_shows_aki_and_its_result() -> None:
    assert [mark.hour for mark in onset_landmarks(course((0, 1.0), (5, 1.5), lag=6.0))] == []


def test_results_before_the_stay_are_its_reference_and_never_its_landmarks() -> None:
    points = [(-100.0, 1.0), (10.0, 1.1), (30.0, 1.6), (400.0, 1.0)]
    marks = onset_landmarks(course(*points, begins=0.0, ends=100.0))
    assert [(mark.hour, mark.outcome) for mark in marks] == [(10, True)]
    assert onset_landmarks(course(*points, begins=20.0, ends=100.0)) == []  # came with AKI: 1.6 times 1.0


def test_the_second_view_asks_every_six_hours_from_the_first_result_to_the_last_measurement() -> None:
    seen = course((3, 1.0), (20, 1.0), (30, 1.6), until=40.0)
    assert every_six_hours(seen) == [3, 9, 15, 21, 27, 33, 39]
    marks = onset_landmarks(seen, every_six_hours(seen))
    assert [(mark.hour, mark.outcome) for mark in marks] == [(hour, True) for hour in (3, 9, 15, 21, 27)]
    assert [mark.hour for mark in progression_landmarks(seen, every_six_hours(seen))] == [33, 39]
    assert every_six_hours(course(until=10.0)) == []


def test_a_creatinine_older_than_seven_days_gives_no_landmark() -> None:
    assert onset_landmarks(course((0, 1.0)), [100.0, 168.0, 169.0])[-1].hour == 168


class Silent:
    """A model that says nothing, so that only staging speaks."""

    identity = MODEL

    def onset(self, snapshot: PatientSnapshot, *, now: object) -> Reason:
        return Reason("test", "test")

    def progression(self, snapshot: PatientSnapshot, *, now: object, current_stage: int) -> Reason:
        return Reason("test", "test")


@settings(deadline=None, max_examples=60)
@given(COURSES)
def test_labels_are_the_stages_the_product_gives_at_each_result(points: list[tuple[float, float]]) -> None:
    stages = staged(course(*points)).stages
    for index in range(1, len(points)):
        hour = points[index][0]
        now = NOW + timedelta(hours=hour)
        seen = chart({Analyte.CREATININE: [(h - hour, v) for h, v in points[: index + 1]]}, now=now)
        outcome = assess(seen, now=now, model=Silent())
        assert isinstance(outcome, Assessment)
        assert outcome.kdigo is not None
        assert outcome.kdigo.stage == stages[index]
