"""What the drug rules know of the kidneys: nothing too old, nothing beyond a limit, nothing dialysis cleared."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from model.analytes import Analyte
from model.assess import assess
from model.assessment import InsufficientData, KdigoCriterion
from model.egfr import ckd_epi_2021, cockcroft_gault
from model.errors import ModelError
from model.kidney_facts import KidneyFacts, kidney_facts
from model.snapshot import Comparator, Concept, Measurement, PatientSnapshot, Problem, ProcedureDone, Sex

NOW = datetime(2026, 3, 12, 9, tzinfo=UTC)


def result(analyte: Analyte, value: float, hours_ago: float, **changes: Any) -> Measurement:
    at = NOW - timedelta(hours=hours_ago)
    return Measurement(analyte, value, at, at, f"Observation/{analyte.value}", **changes)


def facts(*results: Measurement, **changes: Any) -> KidneyFacts:
    series: dict[Analyte, tuple[Measurement, ...]] = {}
    for one in results:
        series[one.analyte] = (*series.get(one.analyte, ()), one)
    fields: dict[str, Any] = {"birth_date": date(1946, 3, 12), "sex": Sex.FEMALE, "series": series, **changes}
    snapshot = PatientSnapshot("p-1", NOW, **fields)
    return kidney_facts(assess(snapshot, now=NOW, model=ModelError("none")), snapshot, NOW)


def test_stage_numbers_and_clearance_are_those_of_the_latest_creatinine() -> None:
    found = facts(
        result(Analyte.CREATININE, 0.9, 40),
        result(Analyte.CREATININE, 1.9, 2),
        result(Analyte.WEIGHT, 62.0, 500),
    )
    assert (found.aki_stage, found.in_aki, found.steady) == (2, True, False)
    assert found.egfr == pytest.approx(ckd_epi_2021(1.9, 80.0, Sex.FEMALE))
    assert found.clearance == pytest.approx(cockcroft_gault(1.9, 80.0, Sex.FEMALE, 62.0))


def test_without_a_current_assessment_last_months_creatinine_still_warns() -> None:
    found = facts(result(Analyte.CREATININE, 2.4, 24 * 30))
    assert found.aki_stage is None
    assert found.egfr == pytest.approx(ckd_epi_2021(2.4, 80.0, Sex.FEMALE))
    assert not found.steady


def test_a_creatinine_older_than_a_year_says_nothing() -> None:
    found = facts(result(Analyte.CREATININE, 2.4, 24 * 400))
    assert (found.creatinine_mg_dl, found.egfr) == (None, None)


@pytest.mark.parametrize(("hours_ago", "known"), [(47, True), (49, False)])
def test_potassium_counts_for_48_hours(hours_ago: float, known: bool) -> None:
    found = facts(result(Analyte.CREATININE, 1.0, 1), result(Analyte.POTASSIUM, 5.8, hours_ago))
    assert (found.potassium_mmol_l is not None) is known


@pytest.mark.parametrize(("hours_ago", "known"), [(23, True), (25, False)])
def test_blood_pressure_counts_for_24_hours(hours_ago: float, known: bool) -> None:
    found = facts(result(Analyte.CREATININE, 1.0, 1), result(Analyte.SYSTOLIC_BP, 80.0, hours_ago))
    assert (found.systolic_mmhg is not None) is known


def test_a_value_beyond_a_limit_is_no_number() -> None:
    bounded = result(Analyte.POTASSIUM, 5.8, 1, comparator=Comparator.GREATER_THAN)
    assert facts(result(Analyte.CREATININE, 1.0, 1), bounded).potassium_mmol_l is None


def test_a_child_has_no_adult_clearance() -> None:
    results = (result(Analyte.CREATININE, 0.5, 1), result(Analyte.WEIGHT, 30.0, 1))
    found = facts(*results, birth_date=date(2016, 3, 12))
    assert (found.clearance, found.is_adult) == (None, False)


def test_unknown_sex_or_age_gives_no_clearance_and_no_invented_egfr() -> None:
    results = (result(Analyte.CREATININE, 1.9, 1), result(Analyte.WEIGHT, 62.0, 1))
    assert facts(*results, sex=None).clearance is None
    assert facts(*results, birth_date=None).egfr is None


def test_on_maintenance_dialysis_no_number_is_given() -> None:
    problem = Problem("Dialysis", frozenset({Concept.MAINTENANCE_DIALYSIS}), "Condition/1", active=True)
    found = facts(result(Analyte.CREATININE, 6.0, 1), result(Analyte.WEIGHT, 62.0, 1), problems=(problem,))
    assert (found.on_dialysis, found.egfr, found.clearance, found.aki_stage) == (True, None, None, None)


def test_while_acute_dialysis_clears_creatinine_it_says_nothing_of_the_kidney() -> None:
    at = NOW - timedelta(hours=5)
    session = ProcedureDone("CRRT", frozenset({Concept.DIALYSIS_PROCEDURE}), "Procedure/1", at, at)
    results = (result(Analyte.CREATININE, 1.0, 2), result(Analyte.WEIGHT, 62.0, 1))
    found = facts(*results, procedures=(session,))
    assert found.criterion is KdigoCriterion.RRT
    assert (found.egfr, found.clearance) == (None, None)


def test_without_any_result_everything_is_unknown() -> None:
    snapshot = PatientSnapshot("p-1", NOW)
    outcome = assess(snapshot, now=NOW, model=ModelError("none"))
    assert isinstance(outcome, InsufficientData)
    assert kidney_facts(outcome, snapshot, NOW) == KidneyFacts()
