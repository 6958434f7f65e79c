"""The risk model: exact contributions, and reasons instead of numbers where it must not speak."""

import math
from dataclasses import replace
from datetime import date, timedelta
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.analytes import Analyte
from model.artifact import load_bundled_model
from model.assessment import Prediction, Reason
from model.feature_list import CONCEPTS, FEATURE_BY_ID, USED_ANALYTES
from model.features import NAN
from model.risk import Categories, PairTable, RiskModel, Shape
from tests.builders.timelines import NOW, SEPTIC, chart, measurement

POINTS = st.lists(
    st.tuples(st.integers(-100, 0).map(float), st.floats(0.2, 20.0)), max_size=4, unique_by=lambda point: point[0]
)


@cache
def bundled_model() -> RiskModel:
    return load_bundled_model()


@pytest.fixture
def model() -> RiskModel:
    return bundled_model()


def predicted(found: Prediction | Reason) -> Prediction:
    assert isinstance(found, Prediction)
    return found


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(USED_ANALYTES), POINTS), st.floats(0.2, 3.9))
def test_base_and_contributions_add_up_to_the_log_odds_of_the_probability(
    series: dict[Analyte, list[tuple[float, float]]], creatinine: float
) -> None:
    bundled = bundled_model()
    snapshot = chart({**series, Analyte.CREATININE: [(-3.0, creatinine)]})
    for found in (bundled.onset(snapshot, now=NOW), bundled.progression(snapshot, now=NOW, current_stage=1)):
        risk = predicted(found)
        log_odds = math.log(risk.probability / (1.0 - risk.probability))
        total = risk.base_log_odds + sum(c.log_odds for c in risk.contributions)
        assert total == pytest.approx(log_odds, abs=1e-9)


def test_contributions_come_by_concept_weightiest_first_with_their_source(model: RiskModel) -> None:
    risk = predicted(model.onset(chart(SEPTIC), now=NOW))
    weights = [abs(c.log_odds) for c in risk.contributions]
    assert weights == sorted(weights, reverse=True)
    names = [c.feature for c in risk.contributions]
    assert len(set(names)) == len(names)
    assert set(names) <= set(CONCEPTS)
    for found in risk.contributions:
        assert found.value
        assert (found.source is None) == (found.feature in ("age", "sex"))
        assert found.source is None or found.at is not None


def test_a_contribution_names_the_very_result_it_came_from(model: RiskModel) -> None:
    snapshot = chart({Analyte.CREATININE: [(-1.0, 0.9)], Analyte.POTASSIUM: [(-30.0, 4.0), (-2.0, 5.6)]})
    risk = predicted(model.onset(snapshot, now=NOW))
    potassium = next(c for c in risk.contributions if c.feature == "potassium")
    assert potassium.source == "Observation/potassium--2"
    assert potassium.at == NOW - timedelta(hours=2)
    assert potassium.unit == "mmol/L"
    assert potassium.value in ("5.6", "+1.6")


def test_what_is_unknown_contributes_nothing(model: RiskModel) -> None:
    bare = predicted(model.onset(chart({Analyte.CREATININE: [(0.0, 1.0)]}), now=NOW))
    assert {c.feature for c in bare.contributions} == {"creatinine_level", "creatinine_course", "age", "sex"}
    for shape in model.onset_head.shapes:
        assert shape.at(NAN) == 0.0
    for pair in model.onset_head.pairs:
        assert pair.at(NAN, 1.0) == pair.at(1.0, NAN) == 0.0


def test_a_step_function_includes_its_lower_edge() -> None:
    shape = Shape(FEATURE_BY_ID["age"], (50.0, 70.0), (-1.0, 0.5, 2.0))
    assert [shape.at(v) for v in (49.9, 50.0, 69.9, 70.0, 200.0)] == [-1.0, 0.5, 0.5, 2.0, 2.0]


def test_a_pair_is_halved_between_its_two_features(model: RiskModel) -> None:
    head = model.onset_head
    rows = ((0.0, 0.0), (0.0, 3.0))
    age = next(i for i, s in enumerate(head.shapes) if s.feature.id == "age")
    creatinine = next(i for i, s in enumerate(head.shapes) if s.feature.id == "creatinine_last")
    flat = tuple(replace(s, edges=(), log_odds=(0.0,)) for s in head.shapes)
    pair = PairTable(age, creatinine, (50.0,), (1.0,), rows)
    made = replace(model, onset_head=replace(head, shapes=flat, pairs=(pair,), spread=None))
    risk = predicted(made.onset(chart({Analyte.CREATININE: [(0.0, 1.2)]}), now=NOW))
    assert {c.feature: c.log_odds for c in risk.contributions if c.log_odds} == {
        "age": 1.5,
        "creatinine_level": 1.5,
    }


def test_a_sicker_course_has_a_higher_risk_than_a_quiet_one(model: RiskModel) -> None:
    quiet = {
        Analyte.CREATININE: [(-40.0, 0.9), (-20.0, 0.9), (0.0, 0.9)],
        Analyte.UREA_NITROGEN: [(0.0, 11.0)],
        Analyte.MEAN_BP: [(float(h), 85.0) for h in range(-30, 1)],
    }
    calm = predicted(model.onset(chart(quiet, age=45), now=NOW))
    ill = predicted(model.onset(chart(SEPTIC, age=75), now=NOW))
    assert ill.probability > 2 * calm.probability
    assert (calm.category, ill.category) == ("low", "high")


def test_categories_begin_at_their_thresholds() -> None:
    categories = Categories(0.1, 0.2, "made up")
    assert [categories.of(p) for p in (0.0999, 0.1, 0.1999, 0.2)] == ["low", "moderate", "moderate", "high"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"birth_date": None}, "age_unknown"),
        ({"birth_date": date(2013, 5, 5)}, "child"),
        ({"sex": None}, "sex_unknown"),
        ({"series": {}}, "no_recent_creatinine"),
        ({"series": {Analyte.CREATININE: (measurement(Analyte.CREATININE, -48.5, 1.0),)}}, "no_recent_creatinine"),
        (
            {"series": {Analyte.CREATININE: (measurement(Analyte.CREATININE, -1.0, 4.0),)}},
            "creatinine_above_range",
        ),
    ],
)
def test_where_it_must_not_speak_the_model_gives_a_reason(
    model: RiskModel, changes: dict[str, object], code: str
) -> None:
    snapshot = replace(chart(SEPTIC), **changes)  # type: ignore[arg-type]
    for found in (model.onset(snapshot, now=NOW), model.progression(snapshot, now=NOW, current_stage=1)):
        assert isinstance(found, Reason)
        assert found.code == code


def test_the_eighteenth_birthday_is_adult(model: RiskModel) -> None:
    assert isinstance(model.onset(chart(SEPTIC, age=18), now=NOW), Prediction)


@pytest.mark.parametrize(("stage", "code"), [(0, "not_in_aki"), (3, "highest_stage")])
def test_progression_is_asked_only_in_stage_1_and_2(model: RiskModel, stage: int, code: str) -> None:
    found = model.progression(chart(SEPTIC), now=NOW, current_stage=stage)
    assert isinstance(found, Reason)
    assert found.code == code


def test_a_model_without_a_progression_head_says_so(model: RiskModel) -> None:
    found = replace(model, progression_head=None).progression(chart(SEPTIC), now=NOW, current_stage=1)
    assert isinstance(found, Reason)
    assert found.code == "no_progression_model"
