"""A creatinine newer than the one used that could not be used: said to everybody who reads the answer."""

from datetime import UTC, datetime
from typing import Any

import pytest

from cds_hooks.care_setting import Setting
from cds_hooks.decision import Show, decide
from model.artifact import load_bundled_model
from model.assess import assess
from model.assessment import outcome_to_json
from model.snapshot import PatientSnapshot
from patient_context.mapping import snapshot_from_bundle
from tests.builders.fhir import bundle, concept, observation, patient, quantity

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
LATER = "2026-03-02T10:00:00Z"
EARLIER = "2026-02-27T10:00:00Z"
USED = (observation(value=0.9, at="2026-03-01T08:00:00Z"), observation(value=1.0, at="2026-03-02T06:00:00Z"))
NAMED, WITHHELD = "newer_creatinine_not_used", "risk_needs_newest_creatinine"


def read(*entries: Any) -> PatientSnapshot:
    return snapshot_from_bundle(bundle(patient(), *entries), read_at=NOW)


def answer(*entries: Any) -> dict[str, Any]:
    return outcome_to_json(assess(read(*entries), now=NOW, model=load_bundled_model()))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"valueQuantity": quantity(180, None)}, "unit-unknown"),
        ({"valueQuantity": quantity(1.9, "mg")}, "unit-unknown"),
        ({"valueQuantity": quantity(190, "mg/dL")}, "value-implausible"),
        ({"valueQuantity": quantity(1.9, "mg/dL", comparator="~")}, "comparator-unknown"),
        ({"valueQuantity": None, "valueString": "1.9 mg/dL"}, "value-is-text"),
        ({"status": "preliminary"}, "preliminary"),
        ({"status": "unknown"}, "status-unknown"),
        ({"code": concept("urn:local", "K77", "Creatinine, serum")}, "code-unknown"),
    ],
)
def test_it_is_named_and_no_risk_stands_for_the_value_before(changes: dict[str, Any], code: str) -> None:
    found = answer(*USED, observation(at=LATER, id="new", **changes))
    reasons = {reason["code"]: reason["text"] for reason in found["reasons"]}
    assert {NAMED, WITHHELD} <= reasons.keys()
    [refused] = found["inputs"]["rejected"]
    assert (refused["resource"], refused["code"], refused["analyte"]) == ("Observation/new", code, "creatinine")
    assert datetime.fromisoformat(refused["at"]) == datetime.fromisoformat(LATER)
    assert refused["reason"] in reasons[NAMED]
    assert found["kdigo"]["stage"] == 0
    assert "risk" not in found


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "entered-in-error"},
        {"status": "cancelled"},
        {"status": "registered", "valueQuantity": None},
        {"valueQuantity": None, "dataAbsentReason": concept("urn:x", "error")},
    ],
    ids=["entered in error", "cancelled", "not there yet", "no value"],
)
def test_what_is_no_result_is_not_named(changes: dict[str, Any]) -> None:
    found = answer(*USED, observation(at=LATER, **changes))
    assert NAMED not in {reason["code"] for reason in found.get("reasons", ())}
    assert "risk" in found


def test_an_older_one_and_another_analyte_are_not_named() -> None:
    old, potassium = observation(value=190, at=EARLIER), observation("2823-3", 4.0, "mg/dL", at=LATER)
    found = answer(*USED, old, potassium)
    assert len(found["inputs"]["rejected"]) == 2
    assert NAMED not in {reason["code"] for reason in found.get("reasons", ())}


def test_opening_the_chart_is_not_answered_with_silence() -> None:
    snapshot = read(*USED, observation(value=190, at=LATER))
    outcome = assess(snapshot, now=NOW, model=load_bundled_model())
    decision = decide(outcome, snapshot, Setting.HOSPITAL)
    assert isinstance(decision, Show)
    assert decision.kind.value == "no-risk-estimate"
