"""Outcomes of an assessment, ready to be shown."""

from datetime import timedelta
from typing import Any

from model.assessment import (
    Assessment,
    Baseline,
    BaselineMethod,
    Contribution,
    Egfr,
    Inputs,
    KdigoCriterion,
    KdigoStaging,
    ModelIdentity,
    NhsAlert,
    Prediction,
)
from tests.builders.cds import NOW, PATIENT

INPUTS = Inputs(used=12)
MODEL = ModelIdentity("aki-onset", "1.0.0", "0123456789abcdef" * 4)
BASELINE = Baseline(0.9, BaselineMethod.MEDIAN_8_365_D, 4, NOW - timedelta(days=40))
CONTRIBUTIONS = (
    Contribution("creatinine", "Creatinine", 0.81, "1.9", "mg/dL", NOW - timedelta(hours=2), "Observation/c2"),
    Contribution("map", "Mean blood pressure", 0.42, "58", "mm[Hg]", NOW - timedelta(hours=1), "Observation/v9"),
    Contribution("ph", "pH", 0.31, "7.25", "[pH]", NOW - timedelta(hours=3), "Observation/g1"),
    Contribution("age", "Age", 0.22, "75", "a", None, f"Patient/{PATIENT}"),
    Contribution("urea", "Urea nitrogen", -0.4, "11", "mg/dL", NOW - timedelta(hours=2), "Observation/u1"),
    Contribution("platelets", "Platelets", -0.05, "240", "10*3/uL", NOW - timedelta(hours=9), "Observation/p1"),
    Contribution("sodium", "Sodium", 0.01, "138", "mmol/L", NOW - timedelta(hours=2), "Observation/s1"),
)


def risk(probability: float = 0.33, **changes: Any) -> Prediction:
    """An estimate with seven contributions."""
    fields: dict[str, Any] = {
        "probability": probability,
        "horizon_hours": 48,
        "outcome": "KDIGO stage 1 or higher by creatinine",
        "category": "high" if probability >= 0.2 else "low",
        "threshold": 0.2,
        "base_log_odds": -2.0,
        "contributions": CONTRIBUTIONS,
    }
    return Prediction(**{**fields, **changes})


def assessment(*, stage: int | None = 0, course: str | None = "stable", **changes: Any) -> Assessment:
    """An assessment with every part a stage has."""
    in_aki = bool(stage)
    staging = KdigoStaging(
        stage=stage,
        criterion=KdigoCriterion.CREATININE if in_aki else None,
        since=NOW - timedelta(hours=20) if in_aki else None,
        baseline=BASELINE if stage is not None else None,
        course=course,
        ratio=(1.1, 1.56, 2.11, 3.3)[stage] if stage is not None else None,
    )
    fields: dict[str, Any] = {
        "patient_id": PATIENT,
        "assessed_at": NOW,
        "inputs": INPUTS,
        "kdigo": staging,
        "nhs": NhsAlert(f"AKI {stage}", (1.1, 1.56, 2.11, 3.3)[stage or 0]) if in_aki else None,
        "egfr": Egfr(27.6, "CKD-EPI 2021", steady_state=False),
        "model": MODEL,
    }
    return Assessment(**{**fields, **changes})
