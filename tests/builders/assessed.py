"""Snapshots and outcomes for pages and reports: one 78-year-old woman, assessed at one moment."""

from datetime import UTC, date, datetime, timedelta
from math import log
from typing import Any

from model.analytes import Analyte
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
from model.snapshot import Measurement, PatientSnapshot, Sex

NOW = datetime(2026, 11, 21, 14, 5, tzinfo=UTC)
MODEL = ModelIdentity("aki-onset-48h", "2026.11", "9f3c2ab417d0cafe" * 4)
BASELINE = Baseline(0.85, BaselineMethod.OUTPATIENT_MEDIAN_8_365_D, 2, NOW - timedelta(days=120))


def creatinine(hours_ago: float, value: float, **more: Any) -> Measurement:
    """A creatinine taken and reported `hours_ago`."""
    at = NOW - timedelta(hours=hours_ago)
    source = f"Observation/cr-{hours_ago:g}"
    return Measurement(Analyte.CREATININE, value, at, at, source, **more)


def snapshot(*series: Measurement, **more: Any) -> PatientSnapshot:
    """The patient with these creatinines."""
    known: dict[str, Any] = {
        "birth_date": date(1948, 3, 2),
        "sex": Sex.FEMALE,
        "name": "Almeida, Rosalind",
        "record_number": "10005-3211",
    }
    return PatientSnapshot("p1", NOW, series={Analyte.CREATININE: series}, **{**known, **more})


def prediction(probability: float = 0.137, category: str = "moderate", **more: Any) -> Prediction:
    """A prediction explained by three findings that add up to it."""
    at = NOW - timedelta(hours=3)
    contributions = (
        Contribution("age", "Age", 0.2, "78", "a"),
        Contribution("creatinine", "Creatinine, latest", 0.62, "1.45", "mg/dL", at, "Observation/cr-3"),
        Contribution("haemoglobin", "Haemoglobin", -0.31, "9.1", "g/dL", at, "Observation/hb-3"),
    )
    base = log(probability / (1 - probability)) - sum(c.log_odds for c in contributions)
    known: dict[str, Any] = {"outcome": "KDIGO stage >= 1 by creatinine", "threshold": 0.2}
    return Prediction(
        probability, 48, category=category, base_log_odds=base, contributions=contributions, **{**known, **more}
    )


def no_aki(**more: Any) -> Assessment:
    """Stage 0 with a risk."""
    parts: dict[str, Any] = {
        "kdigo": KdigoStaging(0, baseline=BASELINE, course="stable"),
        "nhs": NhsAlert("none", 1.12),
        "egfr": Egfr(58.4, "CKD-EPI 2021", True),
        "risk": prediction(),
        "model": MODEL,
        "inputs": Inputs(214),
    }
    return Assessment("p1", NOW, **{**parts, **more})


def in_aki(stage: int, **more: Any) -> Assessment:
    """A stage with a progression."""
    staging = KdigoStaging(
        stage, KdigoCriterion.CREATININE, NOW - timedelta(hours=22), BASELINE, stage, None, stage, "rising"
    )
    parts: dict[str, Any] = {
        "kdigo": staging,
        "egfr": Egfr(27.2, "CKD-EPI 2021", False),
        "progression": prediction(0.37, "high", outcome="KDIGO stage 3 by creatinine"),
        "model": MODEL,
        "inputs": Inputs(214),
    }
    return Assessment("p1", NOW, **{**parts, **more})
