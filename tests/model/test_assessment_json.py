"""The public JSON: snake_case, units in names, absent rather than null, and the contract of docs/assessment.md."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from model.assess import assess
from model.assessment import (
    Assessment,
    Contribution,
    Inputs,
    InsufficientData,
    Interval,
    ModelIdentity,
    NotApplicable,
    Prediction,
    Reason,
    outcome_to_json,
)
from model.errors import ModelError
from model.snapshot import Incomplete, Rejected
from tests.builders.charts import NOW, chart, days, hours, result

IDENTITY = ModelIdentity("aki", "1.0.0", "ab" * 32)
INPUTS = Inputs(3, (Rejected("Observation/9", "unit-unknown", "The unit is not understood."),))
PREDICTION = Prediction(
    0.137, 48, "KDIGO stage >= 1 by creatinine", "moderate", 0.2, -1.5,
    (Contribution("creatinine", "Creatinine", 0.41, "1.3", "mg/dL", NOW, "Observation/1"),),
    Interval(0.11, 0.17, 0.8, "40 refits"), (Reason("few_inputs", "The chart holds little."),),
)  # fmt: skip


def staged() -> dict[str, Any]:
    snapshot = chart(result(0.9, days(60)), result(1.0, hours(24)), result(2.1))
    return outcome_to_json(assess(snapshot, now=NOW, model=ModelError("none")))


def _walk(value: Any) -> list[Any]:
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [value, *(grandchild for child in children for grandchild in _walk(child))]


def test_an_assessment_carries_every_part_it_has() -> None:
    document = staged()
    assert document["status"] == "assessed"
    assert document["assessed_at"] == "2026-03-10T12:00:00+00:00"
    assert document["kdigo"]["stage"] == 2
    assert document["kdigo"]["criterion"] == "creatinine"
    assert document["kdigo"]["since"] == "2026-03-10T12:00:00+00:00"
    assert document["kdigo"]["baseline"]["creatinine_mg_dl"] == 0.9
    assert document["kdigo"]["baseline"]["method"] == "outpatient_median_8_365_d"
    assert document["nhs"]["alert"] == "AKI 2"
    assert document["egfr"]["equation"] == "CKD-EPI 2021"
    assert document["egfr"]["steady_state"] is False


def test_nothing_is_null_and_every_key_is_snake_case() -> None:
    values = _walk(staged())
    assert None not in values
    keys = {key for value in values if isinstance(value, dict) for key in value}
    assert {key for key in keys if not re.fullmatch(r"[a-z][a-z0-9_]*", key)} == set()


def test_a_risk_without_an_interval_has_none_and_its_cautions_are_an_empty_list() -> None:
    bare = replace(PREDICTION, interval=None, cautions=())
    risk = outcome_to_json(Assessment("p1", NOW, INPUTS, risk=bare))["risk"]
    assert "interval" not in risk
    assert risk["cautions"] == []


def test_a_stage_that_cannot_be_said_is_absent_and_a_reason_says_so() -> None:
    outcome = assess(chart(result(4.2)), now=NOW, model=ModelError("none"))
    document = outcome_to_json(outcome)
    assert "stage" not in document["kdigo"]
    assert "no_baseline" in [reason["code"] for reason in document["reasons"]]


def test_a_risk_keeps_its_contributions_and_their_sources() -> None:
    outcome = Assessment("p1", NOW, INPUTS, risk=PREDICTION, model=IDENTITY)
    document = outcome_to_json(outcome)
    assert document["risk"]["probability"] == 0.137
    assert document["risk"]["contributions"] == [
        {
            "feature": "creatinine",
            "label": "Creatinine",
            "log_odds": 0.41,
            "value": "1.3",
            "unit": "mg/dL",
            "at": "2026-03-10T12:00:00+00:00",
            "source": "Observation/1",
        }
    ]
    assert document["risk"]["interval"] == {"low": 0.11, "high": 0.17, "level": 0.8, "method": "40 refits"}
    assert document["risk"]["cautions"] == [{"code": "few_inputs", "text": "The chart holds little."}]
    assert document["model"] == {"id": "aki", "version": "1.0.0", "sha256": "ab" * 32}
    assert "progression" not in document


@pytest.mark.parametrize(
    ("kind", "status"), [(InsufficientData, "insufficient_data"), (NotApplicable, "not_applicable")]
)
def test_the_other_answers_carry_status_reasons_and_inputs(kind: Any, status: str) -> None:
    document = outcome_to_json(kind("p1", NOW, INPUTS, (Reason("no_creatinine", "None."),)))
    assert document == {
        "status": status,
        "assessed_at": "2026-03-10T12:00:00+00:00",
        "patient_id": "p1",
        "reasons": [{"code": "no_creatinine", "text": "None."}],
        "inputs": {
            "used": 3,
            "rejected": [
                {
                    "resource": "Observation/9",
                    "code": "unit-unknown",
                    "reason": "The unit is not understood.",
                }
            ],
        },
    }


def test_an_incomplete_chart_is_marked() -> None:
    inputs = Inputs(0, (), (Incomplete("creatinine", "denied", "Access was denied."),))
    document = outcome_to_json(InsufficientData("p1", NOW, inputs, ()))
    assert document["inputs"]["incomplete"][0]["part"] == "creatinine"


def test_the_document_survives_json() -> None:
    document = staged()
    assert json.loads(json.dumps(document, allow_nan=False)) == document


def test_every_key_and_reason_code_is_documented() -> None:
    """docs/assessment.md names each key the JSON can hold and each reason code this room can give."""
    root = Path(__file__).resolve().parents[2]
    text = (root / "docs" / "assessment.md").read_text(encoding="utf-8")
    documents = [staged(), outcome_to_json(Assessment("p", NOW, INPUTS, risk=PREDICTION, model=IDENTITY))]
    keys = {key for document in documents for value in _walk(document) if isinstance(value, dict) for key in value}
    assert sorted(key for key in keys if f"`{key}`" not in text) == []
    rooms = ("assess", "applicability", "staging", "risk", "familiarity")
    sources = "".join((root / "model" / f"{name}.py").read_text(encoding="utf-8") for name in rooms)
    codes = set(re.findall(r'Reason\(\s*"([a-z_]+)"', sources))
    assert sorted(code for code in codes if f"`{code}`" not in text) == []
