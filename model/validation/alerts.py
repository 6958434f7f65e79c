"""What alerting at a risk would cost and bring: per patient-day, per AKI episode, and how long before."""

from typing import Any

import numpy as np

from model.training.additive import Floats
from model.training.labels import HORIZON_HOURS
from model.training.landmark_table import LandmarkTable


def threshold_for(risk: Floats, outcome: Floats, false_per_true: float, least_flagged: float) -> float | None:
    """The lowest risk at which flags keep the budget of false ones; None when none does.

    A share of landmarks below `least_flagged` is too few to trust.
    """
    order = np.argsort(-risk, kind="stable")
    hits, flagged = np.cumsum(outcome[order]), np.arange(1, len(order) + 1)
    kept = (hits * (1.0 + false_per_true) >= flagged) & (flagged >= least_flagged * len(order))
    return float(risk[order][np.flatnonzero(kept)[-1]]) if kept.any() else None


def alert_burden(
    threshold: float, risk: Floats, risk_all: Floats, test: LandmarkTable, table: LandmarkTable
) -> dict[str, Any]:
    """Alerts per 100 patient-days, PPV, share of episodes caught and median lead time.

    A patient-day is one on which a creatinine was there to be scored, whatever came later; several flags on one
    day are one alert. PPV and sensitivity count landmarks of known outcome. Every onset is an episode; it is
    caught when any landmark of the 48 h before it is flagged.
    """
    flagged = risk >= threshold
    hits = float(test.outcome[flagged].sum())
    return {
        "threshold": threshold,
        "alerts_per_100_patient_days": 100.0 * _alerted_days(risk_all >= threshold, table),
        "ppv": hits / float(flagged.sum()) if flagged.any() else None,
        "sensitivity": hits / float(test.outcome.sum()),
        **_episodes(flagged, test),
    }


def _alerted_days(flagged: np.ndarray, table: LandmarkTable) -> float:
    days = [f"{p}@{int(hour // 24)}" for p, hour in zip(table.patient.tolist(), table.hour.tolist(), strict=True)]
    _, which = np.unique(days, return_inverse=True)
    return float((np.bincount(which, flagged) > 0).mean())


def _episodes(flagged: np.ndarray, test: LandmarkTable) -> dict[str, Any]:
    before = test.hours_to_event <= HORIZON_HOURS
    if not before.any():
        return {"episodes": None, "episodes_caught": None, "median_lead_hours": None}
    earliest: dict[str, float] = {}
    hit = before & flagged
    for patient, lead in zip(test.patient[hit].tolist(), test.hours_to_event[hit].tolist(), strict=True):
        earliest[patient] = max(lead, earliest.get(patient, 0.0))
    episodes = len(np.unique(test.patient[before]))
    return {
        "episodes": episodes,
        "episodes_caught": len(earliest) / episodes,
        "median_lead_hours": float(np.median(list(earliest.values()))) if earliest else None,
    }
