"""A patient unlike those the model learned from is said to be so, in clinical words; the number stands."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from model.analytes import Analyte
from model.artifact import load_bundled_model
from model.assess import assess
from model.assessment import Assessment, Prediction, outcome_to_json
from model.familiarity import Familiarity, Span
from model.feature_list import FEATURE_BY_ID, FEATURES
from model.features import NAN
from model.risk import RiskModel
from model.training.ranges import familiarity_of
from tests.builders.timelines import NOW, SEPTIC, Points, chart

POTASSIUM = FEATURE_BY_ID["potassium_last"]
RISE = FEATURE_BY_ID["potassium_change_48h"]
LACTATE = FEATURE_BY_ID["lactate_last"]
HEADROOM = FEATURE_BY_ID["creatinine_headroom"]
WIDE = Span(0.0, 1.0, 9.0, 10.0)
MADE = Familiarity({f.id: WIDE for f in FEATURES}, unusual_concepts=1, known_concepts=1)


@cache
def bundled() -> RiskModel:
    return load_bundled_model()


def risk_of(series: dict[Analyte, Points], *, age: int = 60) -> Prediction:
    found = bundled().onset(chart(series, age=age), now=NOW)
    assert isinstance(found, Prediction)
    return found


def test_a_value_beyond_the_training_values_is_named_with_their_range() -> None:
    (caution,) = MADE.cautions([(POTASSIUM, 10.4, 0.7)])
    assert caution.code == "input_beyond_training"
    assert caution.text == (
        "Potassium, 10.4 mmol/L, is above what the model learned from: 99.9 % of its training values lay between "
        "0.0 and 10.0 mmol/L."
    )
    (below,) = MADE.cautions([(POTASSIUM, -0.1, 0.7)])
    assert "is below what" in below.text


@pytest.mark.parametrize("value", [0.0, 5.0, 10.0, NAN])
def test_the_ends_of_the_range_and_the_unknown_are_not_beyond_it(value: float) -> None:
    assert MADE.cautions([(POTASSIUM, value, 0.0), (LACTATE, 5.0, 0.0)]) == ()


def test_one_quantity_is_named_once_by_its_value_farthest_out() -> None:
    cautions = MADE.cautions([(POTASSIUM, 11.0, 0.0), (RISE, 14.0, 0.0)])
    assert [c.text.split(",")[0] for c in cautions if c.code == "input_beyond_training"] == ["Potassium"]
    assert "change within 48 h" in cautions[0].text


def test_a_value_worked_out_from_others_and_shown_as_a_phrase_is_left_to_those() -> None:
    assert MADE.cautions([(HEADROOM, 12.0, 0.0)]) == ()


def test_many_unusual_findings_at_once_are_said_even_when_none_is_beyond_the_range() -> None:
    cautions = MADE.cautions([(POTASSIUM, 9.5, 0.0), (RISE, 9.5, 0.0), (LACTATE, 0.5, 0.0)])
    assert [c.code for c in cautions] == ["patient_unlike_training"]
    assert "Unusual in 2 respects at once (potassium, lactate)" in cautions[0].text
    assert MADE.cautions([(POTASSIUM, 9.5, 0.0), (RISE, 9.5, 0.0)]) == ()


def test_a_chart_that_holds_less_than_the_training_patients_did_is_said_to() -> None:
    found = replace(MADE, known_concepts=2).cautions([(POTASSIUM, 5.0, 0.0), (LACTATE, NAN, 0.0)])
    assert [c.code for c in found] == ["few_inputs"]
    assert "(potassium)" in found[0].text


def test_the_bundled_model_warns_of_an_extreme_patient_and_not_of_a_common_one() -> None:
    extreme = risk_of({**SEPTIC, Analyte.POTASSIUM: [(-1.0, 9.4)]}, age=60)
    assert any(c.code == "input_beyond_training" and c.text.startswith("Potassium, 9.4") for c in extreme.cautions)
    assert not [c for c in risk_of(SEPTIC).cautions if c.code == "input_beyond_training"]


def test_creatinine_alone_is_given_a_risk_with_a_word_about_how_little_that_is() -> None:
    assert [c.code for c in risk_of({Analyte.CREATININE: [(0.0, 0.9)]}).cautions] == ["few_inputs"]


def test_a_caution_changes_no_number() -> None:
    series = {**SEPTIC, Analyte.POTASSIUM: [(-1.0, 9.4)]}
    without = replace(bundled(), onset_head=replace(bundled().onset_head, familiarity=None))
    found = without.onset(chart(series), now=NOW)
    assert isinstance(found, Prediction)
    assert found.cautions == ()
    assert found.probability == risk_of(series).probability


def test_cautions_and_interval_are_in_the_json() -> None:
    outcome = assess(chart({**SEPTIC, Analyte.POTASSIUM: [(-1.0, 9.4)]}), now=NOW, model=bundled())
    assert isinstance(outcome, Assessment)
    risk = outcome_to_json(outcome)["risk"]
    assert set(risk["interval"]) == {"low", "high", "level", "method"}
    assert {"code", "text"} == set(risk["cautions"][0])


def test_ranges_are_quantiles_that_occur_and_counts_are_of_concepts() -> None:
    values = np.full((10_000, len(FEATURES)), np.nan)
    for feature in (POTASSIUM, RISE, LACTATE):
        values[:, FEATURES.index(feature)] = np.arange(10_000.0)
    values[:5, FEATURES.index(LACTATE)] = np.nan
    found = familiarity_of(values, [POTASSIUM, RISE, LACTATE])
    assert found.spans["potassium_last"] == Span(4.0, 99.0, 9899.0, 9994.0)
    assert (found.unusual_concepts, found.known_concepts) == (2, 2)
    values[:20, FEATURES.index(LACTATE)] = np.nan
    assert familiarity_of(values, [POTASSIUM, RISE, LACTATE]).known_concepts == 1
