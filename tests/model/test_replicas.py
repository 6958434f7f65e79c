"""Refits on patients drawn anew: whole patients, the same bytes twice, and the layout the runtime adds up."""

from dataclasses import replace

import numpy as np
import pytest

from model.feature_list import FEATURES
from model.risk import Categories, Head
from model.training.additive import BoostingPlan
from model.training.artifact_writer import runtime_head
from model.training.landmark_table import LandmarkTable
from model.training.recipe import FittedHead, Recipe, fit_calibrated
from model.training.replicas import drawn_rows, spread_of
from model.validation.intervals import check_intervals, standard_errors
from tests.builders.landmarks import table_of

RECIPE = Recipe(plan=BoostingPlan(rounds=6, pairs=1, pair_rounds=4, least_curvature=5.0), bins=6, pair_bins=3)


def made_up() -> LandmarkTable:
    """Three landmarks a patient, an outcome that depends on two known features; nobody real."""
    random = np.random.default_rng(3)
    table = table_of(random.normal(0, 1, 900), np.zeros(900), patients=300)
    lactate = random.normal(2, 1, 900)
    table.values[:, [f.id for f in FEATURES].index("lactate_last")] = np.where(lactate > 3.5, np.nan, lactate)
    risk = 1 / (1 + np.exp(1.2 - table.column("creatinine_step") - 0.5 * lactate))
    outcome = (random.random(900) < risk).astype(float)
    return replace(table, outcome=outcome, closeness=0.8 + 0.3 * outcome)


TABLE = made_up()


def fitted() -> FittedHead:
    return fit_calibrated(TABLE, RECIPE).head


def test_a_drawn_patient_brings_all_landmarks_as_often_as_drawn() -> None:
    rows = drawn_rows(TABLE.patient, np.random.default_rng(1))
    times = {name: int((TABLE.patient[rows] == name).sum()) for name in set(TABLE.patient.tolist())}
    assert sum(times.values()) == len(rows)
    assert {count % 3 for count in times.values()} == {0}
    assert 0 in times.values()
    assert max(times.values()) > 3


def test_replicas_are_the_same_twice_and_have_the_layout_of_their_head() -> None:
    head = fitted()
    found = spread_of(TABLE, RECIPE, head, replicas=10)
    assert found == spread_of(TABLE, RECIPE, head, replicas=10)
    assert found != spread_of(TABLE, RECIPE, head, replicas=10, seed=1)
    made = runtime(head)
    assert [len(steps) for steps in found.shapes] == [len(shape.log_odds) for shape in made.shapes]
    assert abs(sum(found.base)) <= 10  # deviations are from the replicas' own mean


def runtime(head: FittedHead) -> Head:
    return runtime_head(head, head_id="made-up", outcome="made up", categories=Categories(0.1, 0.2, ""))


def test_the_batch_and_the_runtime_find_the_same_standard_errors() -> None:
    head = fitted()
    spread = spread_of(TABLE, RECIPE, head, replicas=10)
    made, batch = runtime(head), standard_errors(head, spread, TABLE.values[:50])
    columns = [FEATURES.index(shape.feature) for shape in made.shapes]
    for row, expected in zip(TABLE.values[:50, columns].tolist(), batch.tolist(), strict=True):
        levels = [shape.level(value) for shape, value in zip(made.shapes, row, strict=True)]
        cells = [pair.cell(row[pair.first], row[pair.second]) for pair in made.pairs]
        assert spread.standard_error(levels, cells) == pytest.approx(expected)


def test_fewer_patients_make_a_wider_spread() -> None:
    few = TABLE.rows(np.arange(240))
    errors = []
    for table in (TABLE, few):
        head = fit_calibrated(table, RECIPE).head
        errors.append(np.median(standard_errors(head, spread_of(table, RECIPE, head, replicas=20), few.values)))
    assert errors[1] > 1.2 * errors[0]


def test_the_check_answers_both_questions_with_shares() -> None:
    found = check_intervals(TABLE, RECIPE)
    for question in ("refits", "halves"):
        assert found[question]["meant"] == 0.8
        assert 0.3 < found[question]["found"] <= 1.0
    assert 0 < found["median_width"] <= found["median_width_at_high_risk"] < 1
