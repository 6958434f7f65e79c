"""One question, three kinds of answer, and a reason for every part that is missing."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from model.analytes import Analyte
from model.artifact import ModelRefused, load_bundled_model
from model.assess import assess
from model.assessment import (
    Assessment,
    InsufficientData,
    ModelIdentity,
    NotApplicable,
    Outcome,
    Prediction,
    Reason,
)
from model.policy import EgfrEquation, SitePolicy
from model.snapshot import (
    Comparator,
    Concept,
    Incomplete,
    Measurement,
    PatientSnapshot,
    Problem,
    ProcedureDone,
    Rejected,
    Stay,
)
from tests.builders.charts import BORN, NOW, ChartBuilder, chart, days, hours, result

PREDICTION = Prediction(0.2, 48, "outcome", "moderate", 0.15, -1.0, ())


class FakeModel:
    """Answers what it is told to and remembers what it was asked."""

    identity = ModelIdentity("fake", "1", "00")

    def __init__(self, answer: Prediction | Reason = PREDICTION) -> None:
        self.answer = answer
        self.asked: list[str] = []

    def onset(self, snapshot: PatientSnapshot, *, now: datetime) -> Prediction | Reason:
        self.asked.append("onset")
        return self.answer

    def progression(self, snapshot: PatientSnapshot, *, now: datetime, current_stage: int) -> Prediction | Reason:
        self.asked.append(f"progression from {current_stage}")
        return self.answer


def ask(snapshot: PatientSnapshot, model: Any = None, **policy: Any) -> Outcome:
    return assess(snapshot, now=NOW, model=model or FakeModel(), policy=SitePolicy(**policy))


def codes(outcome: Outcome) -> list[str]:
    return [reason.code for reason in outcome.reasons]


def unwarned(prediction: Prediction | None) -> Prediction | None:
    """The prediction without what is said of the patient's situation."""
    return prediction and replace(prediction, cautions=())


def cautions(outcome: Outcome) -> list[str]:
    assert isinstance(outcome, Assessment)
    prediction = outcome.risk or outcome.progression
    assert prediction is not None
    return [caution.code for caution in prediction.cautions]


def test_a_patient_not_in_aki_gets_the_risk_of_it() -> None:
    model = FakeModel()
    outcome = ask(chart(result(1.0, hours(24)), result(1.1)), model)
    assert isinstance(outcome, Assessment)
    assert (unwarned(outcome.risk), outcome.progression, model.asked) == (PREDICTION, None, ["onset"])
    assert outcome.model == FakeModel.identity


def test_a_patient_in_aki_gets_the_risk_of_worse() -> None:
    model = FakeModel()
    outcome = ask(chart(result(1.0, hours(24)), result(2.1)), model)
    assert isinstance(outcome, Assessment)
    assert (outcome.risk, unwarned(outcome.progression), model.asked) == (None, PREDICTION, ["progression from 2"])


def test_one_creatinine_gets_a_risk_although_it_cannot_be_staged() -> None:
    outcome = ask(chart(result(1.0)))
    assert isinstance(outcome, Assessment)
    assert outcome.kdigo is not None
    assert outcome.kdigo.stage is None
    assert unwarned(outcome.risk) == PREDICTION
    assert codes(outcome) == ["no_baseline"]


def test_no_risk_of_a_new_aki_is_given_while_the_last_one_has_not_recovered() -> None:
    model = FakeModel()
    outcome = ask(chart(result(1.0, hours(96)), result(1.3, hours(84)), result(1.3)), model)
    assert isinstance(outcome, Assessment)
    assert (outcome.risk, model.asked) == (None, [])
    assert codes(outcome) == ["aki_not_recovered", "risk_not_after_onset"]


def test_stage_3_by_dialysis_is_the_reason_for_no_number_although_creatinine_has_not_recovered() -> None:
    session = ProcedureDone(
        "CRRT", frozenset({Concept.DIALYSIS_PROCEDURE}), "Procedure/1", NOW - hours(6), NOW - hours(2)
    )
    series = (result(1.0, hours(24 * 12)), result(3.0, hours(24 * 8)), result(3.0, hours(96)), result(3.1))
    snapshot = chart(*series, stays=[Stay("IMP", "Encounter/1", NOW - days(13))], procedures=[session])
    outcome = ask(snapshot, load_bundled_model())
    assert isinstance(outcome, Assessment)
    assert outcome.kdigo is not None
    assert (outcome.kdigo.stage, outcome.kdigo.criterion) == (3, "rrt")
    assert "highest_stage" in codes(outcome)
    assert "risk_not_after_onset" not in codes(outcome)


@pytest.mark.parametrize(
    ("newest", "stage"),
    [
        (result(2.5, comparator=Comparator.GREATER_THAN), 2),
        (result(2.0, hours(12), day_only=True), None),
        (result(0.2, comparator=Comparator.LESS_THAN), 0),
    ],
)
def test_no_number_made_from_an_older_creatinine_stands_beside_a_newer_one(
    newest: Measurement, stage: int | None
) -> None:
    model = FakeModel()
    outcome = ask(chart(result(1.0, hours(24)), newest), model)
    assert isinstance(outcome, Assessment)
    assert (outcome.kdigo and outcome.kdigo.stage, model.asked) == (stage, [])
    assert "risk_needs_exact_result" in codes(outcome)


def test_a_probability_says_in_what_situation_its_training_patients_were_not() -> None:
    stay = Stay("IMP", "Encounter/1", NOW - days(5))
    in_hospital = chart(result(1.0, hours(24)), result(1.1), stays=[stay])
    pregnant = Problem("made up", frozenset({Concept.PREGNANCY}), "Condition/1", True, NOW - days(90))
    recovered = chart(result(1.0, hours(72)), result(2.0, hours(60)), result(1.1), stays=[stay])
    assert cautions(ask(in_hospital)) == []
    assert cautions(ask(replace(in_hospital, stays=()))) == ["not_in_hospital"]
    assert cautions(ask(replace(in_hospital, problems=(pregnant,)))) == ["pregnancy_not_in_training"]
    assert cautions(ask(recovered)) == ["recovered_aki"]


def test_a_refused_model_leaves_staging_as_it_is_and_says_so() -> None:
    snapshot = chart(result(1.0, hours(24)), result(2.1))
    outcome = ask(snapshot, ModelRefused("hash_mismatch", "The artifact is not the one named."))
    trusted = ask(snapshot)
    assert isinstance(outcome, Assessment)
    assert isinstance(trusted, Assessment)
    assert (outcome.kdigo, outcome.nhs, outcome.egfr) == (trusted.kdigo, trusted.nhs, trusted.egfr)
    assert codes(outcome) == ["model_unavailable"]
    assert outcome.model is None


def test_what_the_model_cannot_say_is_a_reason() -> None:
    refusal = Reason("too_old_inputs", "The inputs are too old.")
    outcome = ask(chart(result(1.0, hours(24)), result(1.0)), FakeModel(refusal))
    assert isinstance(outcome, Assessment)
    assert outcome.risk is None
    assert refusal in outcome.reasons


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"birth_date": None}, "age_unknown"),
        ({"sex": None}, "sex_unknown"),
        ({"birth_date": NOW.date().replace(year=2010)}, "child"),
    ],
)
def test_the_shipped_model_refuses_whom_it_was_not_made_for_and_staging_goes_on(
    facts: dict[str, Any], code: str
) -> None:
    outcome = ask(chart(result(1.0, hours(24)), result(1.0), **facts), load_bundled_model())
    assert isinstance(outcome, Assessment)
    assert (outcome.kdigo and outcome.kdigo.stage, outcome.risk) == (0, None)
    assert code in codes(outcome)


def test_a_chart_whose_creatinine_was_not_read_whole_gets_no_risk_and_a_marked_stage() -> None:
    model = FakeModel()
    whole = chart(result(1.0, hours(24)), result(1.0))
    torn = PatientSnapshot(
        whole.patient_id,
        NOW,
        BORN,
        whole.sex,
        whole.series,
        incomplete=(Incomplete("creatinine", "more-pages", "Only the first page could be read."),),
    )
    outcome = ask(torn, model)
    assert isinstance(outcome, Assessment)
    assert (outcome.kdigo and outcome.kdigo.stage, model.asked) == (0, [])
    assert codes(outcome) == ["creatinine_incomplete", "risk_needs_all_creatinine"]
    assert outcome.inputs.incomplete == torn.incomplete


def test_an_empty_chart_is_insufficient_and_names_everything_it_lacks() -> None:
    outcome = ask(chart(), FakeModel(Reason("no_creatinine_for_risk", "None.")))
    assert isinstance(outcome, InsufficientData)
    assert codes(outcome) == ["no_creatinine", "no_creatinine_for_risk"]


def test_a_patient_on_maintenance_dialysis_is_not_staged_and_the_model_is_not_asked() -> None:
    model = FakeModel()
    builder = ChartBuilder(measurements=[result(6.0, hours(24)), result(8.0)])
    builder.problems.append(Problem("HD", frozenset({Concept.MAINTENANCE_DIALYSIS}), "Condition/1"))
    outcome = ask(builder.build(), model)
    assert isinstance(outcome, NotApplicable)
    assert (codes(outcome), model.asked) == (["maintenance_dialysis"], [])


def test_a_resolved_problem_excludes_nobody() -> None:
    builder = ChartBuilder(measurements=[result(1.0, hours(24)), result(1.0)])
    concepts = frozenset({Concept.MAINTENANCE_DIALYSIS})
    builder.problems.append(Problem("HD", concepts, "Condition/1", active=False))
    assert isinstance(ask(builder.build()), Assessment)


def test_a_problem_recorded_later_than_the_moment_asked_about_is_not_known_yet() -> None:
    builder = ChartBuilder(measurements=[result(1.0, hours(24)), result(1.0)])
    concepts = frozenset({Concept.MAINTENANCE_DIALYSIS})
    builder.problems.append(Problem("HD", concepts, "Condition/1", recorded_at=NOW + hours(1)))
    assert isinstance(ask(builder.build()), Assessment)


def test_inputs_count_what_was_known_and_list_what_was_refused() -> None:
    refused = Rejected("Observation/9", "unit-unknown", "The unit is not understood.")
    snapshot = PatientSnapshot(
        "p1",
        NOW,
        BORN,
        series={Analyte.CREATININE: (result(1.0, hours(1)), result(1.0, known_after=hours(2)))},
        rejected=(refused,),
    )
    outcome = ask(snapshot)
    assert (outcome.inputs.used, outcome.inputs.rejected) == (1, (refused,))


@pytest.mark.parametrize(
    ("birth_date", "heights", "equation", "label"),
    [
        (BORN, [], EgfrEquation.JSN, "JSN 2009"),
        (BORN, [120.0], EgfrEquation.CKD_EPI_2021, "CKD-EPI 2021"),
        (NOW.date().replace(year=2016), [120.0], EgfrEquation.CKD_EPI_2021, "bedside Schwartz 2009"),
        (NOW.date().replace(year=2016), [], EgfrEquation.EKFC, "EKFC 2021"),
        (NOW.date().replace(year=2016), [], EgfrEquation.CKD_EPI_2021, None),
        (NOW.date().replace(year=2025), [], EgfrEquation.EKFC, None),
    ],
)
def test_egfr_uses_the_equation_that_fits_the_age(
    birth_date: Any, heights: list[float], equation: EgfrEquation, label: str | None
) -> None:
    measured = [result(height, days(10), analyte=Analyte.HEIGHT) for height in heights]
    outcome = ask(chart(result(0.6), *measured, birth_date=birth_date), egfr_equation=equation)
    assert isinstance(outcome, Assessment)
    assert (outcome.egfr.equation if outcome.egfr else None) == label
    assert ("egfr_needs_height" in codes(outcome)) == (label is None)


def test_the_nhs_algorithm_can_be_switched_off() -> None:
    outcome = ask(chart(result(1.0, hours(24)), result(1.0)), nhs_algorithm=False)
    assert isinstance(outcome, Assessment)
    assert outcome.nhs is None


def test_a_moment_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="timezone-aware"):
        assess(chart(), now=datetime(2026, 3, 10), model=FakeModel())  # noqa: DTZ001
