from datetime import UTC, datetime
from typing import Any

import pytest
from fhirclient.models.riskassessment import RiskAssessment
from fhirclient.models.servicerequest import ServiceRequest

from model.assessment import (
    Assessment,
    Baseline,
    BaselineMethod,
    Contribution,
    Inputs,
    InsufficientData,
    KdigoStaging,
    ModelIdentity,
    NotApplicable,
    Prediction,
    Reason,
)
from patient_context.writing import identifier_of, risk_assessment, service_request_creatinine

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
AIAST = ("http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "AIAST")


def assessment(probability: float = 0.137, category: str = "moderate") -> Assessment:
    drivers = (
        Contribution("creatinine", "Creatinine", 0.41, "1.4", "mg/dL", NOW, "Observation/17"),
        Contribution("age", "Age", -0.2, "60", "years"),
    )
    return Assessment(
        "p1",
        NOW,
        Inputs(3),
        kdigo=KdigoStaging(0, baseline=Baseline(0.9, BaselineMethod.LOWEST_7_D, 2)),
        risk=Prediction(probability, 48, "KDIGO stage >= 1 by creatinine", category, 0.2, -2.0, drivers),
        model=ModelIdentity("aki-48h", "1.0.0", "ab" * 32),
    )


def labels(resource: dict[str, Any]) -> list[tuple[str, str]]:
    return [(s["system"], s["code"]) for s in resource["meta"]["security"]]


@pytest.mark.parametrize(
    ("probability", "percent"), [(0.37, 37), (0.137, 13.7), (0.0101, 1.01), (1.0, 100), (0, 0)]
)
def test_a_probability_leaves_as_a_percentage(probability: float, percent: float) -> None:
    """FH-12: a reader must never take 0.37 for 0.37 percent."""
    assert risk_assessment(assessment(probability))["prediction"][0]["probabilityDecimal"] == pytest.approx(
        percent
    )


def test_a_risk_assessment_says_whose_when_what_and_by_which_model() -> None:
    """FH-13, FH-14, FH-24."""
    written = risk_assessment(assessment(), encounter_id="e1")
    prediction = written["prediction"][0]
    assert (written["status"], written["subject"]["reference"]) == ("final", "Patient/p1")
    assert written["encounter"]["reference"] == "Encounter/e1"
    assert written["occurrenceDateTime"] == "2026-03-02T12:00:00+00:00"
    assert prediction["whenPeriod"] == {"start": "2026-03-02T12:00:00+00:00", "end": "2026-03-04T12:00:00+00:00"}
    assert prediction["outcome"]["coding"][0]["code"] == "14669001"
    assert prediction["qualitativeRisk"]["coding"][0]["code"] == "moderate"
    assert "Creatinine 1.4 mg/dL (raises the risk)" in prediction["rationale"]
    assert "Age 60 years (lowers the risk)" in prediction["rationale"]
    assert written["basis"] == [{"reference": "Observation/17"}]
    assert written["method"]["text"] == "aki-48h 1.0.0"
    assert AIAST in labels(written)
    assert RiskAssessment(written).as_json() == written


@pytest.mark.parametrize("kind", [InsufficientData, NotApplicable])
def test_without_a_prediction_the_reasons_are_written_and_no_number(kind: Any) -> None:
    """FH-16: never a default probability."""
    written = risk_assessment(kind("p1", NOW, Inputs(0), (Reason("no_creatinine", "No creatinine was found."),)))
    assert "prediction" not in written
    assert [note["text"] for note in written["note"]] == ["No risk was computed.", "No creatinine was found."]


def test_the_same_outcome_has_the_same_identifier_and_another_time_another() -> None:
    first, again = risk_assessment(assessment()), risk_assessment(assessment(0.5))
    assert first["identifier"] == again["identifier"]
    later = InsufficientData("p1", NOW.replace(hour=13), Inputs(0), ())
    assert risk_assessment(later)["identifier"] != first["identifier"]


def test_what_says_the_same_has_the_same_identifier_at_any_time() -> None:
    now = InsufficientData("p1", NOW, Inputs(0), ())
    later = InsufficientData("p1", NOW.replace(hour=13), Inputs(0), ())
    assert identifier_of(now, saying="repeat") == identifier_of(later, saying="repeat")
    assert identifier_of(now, saying="repeat") != identifier_of(now, saying="stage 2")


def test_the_order_for_a_repeat_creatinine_is_a_draft() -> None:
    order = service_request_creatinine("p1", authored_at=NOW, due_at=NOW, encounter_id="e1", reason="Rising")
    assert (order["status"], order["intent"]) == ("draft", "order")
    assert order["code"]["coding"][0]["code"] == "2160-0"
    assert AIAST in labels(order)
    assert ServiceRequest(order).as_json() == order
