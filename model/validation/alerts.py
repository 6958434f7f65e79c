"""What alerting at a risk would cost and bring: per patient-day, per AKI episode, and how long before."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.training.additive import Floats
from model.training.labels import HORIZON_HOURS
from model.training.landmark_table import LandmarkTable
from model.validation.metrics import estimate, patient_weights

SEED = 51
Flags = NDArray[np.bool_]
Places = NDArray[np.int64]


def threshold_for(risk: Floats, outcome: Floats, false_per_true: float, least_flagged: float) -> float | None:
    """The lowest risk at which flags keep the budget of false ones; None when none does.

    A share of landmarks below `least_flagged` is too few to trust.
    """
    order = np.argsort(-risk, kind="stable")
    hits, flagged = np.cumsum(outcome[order]), np.arange(1, len(order) + 1)
    kept = (hits * (1.0 + false_per_true) >= flagged) & (flagged >= least_flagged * len(order))
    return float(risk[order][np.flatnonzero(kept)[-1]]) if kept.any() else None


def alert_burden(threshold: float, risk: Floats, table: LandmarkTable, *, resamples: int) -> dict[str, Any]:
    """Alerts per 100 patient-days, PPV, sensitivity, share of episodes caught, each with its interval; lead time.

    `risk` is of every landmark of the table. A patient-day is one with a prediction on it, whatever came later;
    several flags on one day are one alert. PPV and sensitivity count landmarks of known outcome. An episode is a
    first AKI with a prediction in the 48 h before; it is caught when any of those is flagged.
    """
    flagged, known, hit = risk >= threshold, ~np.isnan(table.outcome), table.outcome == 1.0
    weights = patient_weights(table.patient, resamples, SEED)
    days, episodes = _days(flagged, table), _episodes(flagged, table)

    def share(part: Flags, whole: Flags) -> dict[str, float | None]:
        if not whole.any():
            return {"value": None, "low": None, "high": None}
        return asdict(estimate(lambda w: _ratio(w[part & whole].sum(), w[whole].sum()), weights))

    def share_of(units: Units) -> dict[str, float | None]:
        if not len(units.at):
            return {"value": None, "low": None, "high": None}
        return asdict(estimate(lambda w: _ratio(w[units.at][units.flagged].sum(), w[units.at].sum()), weights))

    return {
        "threshold": threshold,
        "alerts_per_100_patient_days": {k: None if v is None else 100.0 * v for k, v in share_of(days).items()},
        "ppv": share(hit, flagged & known),
        "sensitivity": share(flagged, hit),
        "episodes": len(episodes.at),
        "episodes_caught": share_of(episodes),
        "lead_hours": _lead(episodes.lead[episodes.flagged]),
    }


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else float("nan")


@dataclass(frozen=True, slots=True)
class Units:
    """Days or episodes: a landmark standing for each, whether any of its is flagged, and the longest lead."""

    at: Places
    flagged: Flags
    lead: Floats


def _days(flagged: Flags, table: LandmarkTable) -> Units:
    return _units([f"{s}@{int(h // 24)}" for s, h in zip(table.stay.tolist(), table.hour, strict=True)], flagged)


def _episodes(flagged: Flags, table: LandmarkTable) -> Units:
    """Stays with an onset within the horizon of a landmark, judged by those landmarks alone."""
    before = np.flatnonzero(table.hours_to_event <= HORIZON_HOURS)
    found = _units(table.stay[before].tolist(), flagged[before], table.hours_to_event[before])
    return Units(before[found.at], found.flagged, found.lead)


def _units(names: list[str], flagged: Flags, lead: Floats | None = None) -> Units:
    _, first, which = np.unique(np.asarray(names, dtype=np.str_), return_index=True, return_inverse=True)
    longest = np.zeros(len(first))
    if lead is not None:
        np.maximum.at(longest, which[flagged], lead[flagged])
    return Units(first, np.bincount(which, flagged, len(first)) > 0, longest)


def _lead(hours: Floats) -> dict[str, float | None]:
    """Median and quartiles of the time from the first flag to the episode."""
    if not len(hours):
        return {"median": None, "q1": None, "q3": None}
    q1, median, q3 = np.quantile(hours, [0.25, 0.5, 0.75]).tolist()
    return {"median": median, "q1": q1, "q3": q3}


def unforeseeable(table: LandmarkTable) -> int:
    """First AKIs of stays with predictions, of which none fell in the 48 h before: no threshold catches them."""
    later = ~np.isnan(table.hours_to_event)
    near = table.hours_to_event <= HORIZON_HOURS
    return len(set(table.stay[later].tolist()) - set(table.stay[near].tolist()))
