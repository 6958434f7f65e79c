"""How well the model does for whom: sex, age, kind of unit, kidney function."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.training.additive import Floats, sigmoid
from model.training.landmark_table import LandmarkTable
from model.validation.metrics import RankedOutcomes, estimate, patient_weights

LEAST_EVENTS = 20
SEED = 49
Mask = NDArray[np.bool_]


def subgroups_of(table: LandmarkTable) -> dict[str, dict[str, Mask]]:
    """The groups reported, by what divides them."""
    egfr = table.column("egfr")
    return {
        "sex": {"female": table.female, "male": ~table.female},
        "age": {
            "18-49": table.age < 50,
            "50-64": (table.age >= 50) & (table.age < 65),
            "65-79": (table.age >= 65) & (table.age < 80),
            "80+": table.age >= 80,
        },
        "unit": {name: table.unit_type == name for name in ("medical", "surgical", "unknown")},
        "egfr": {"below 60": egfr < 60, "60 and above": egfr >= 60},
    }


def subgroup_performance(
    table: LandmarkTable,
    log_odds: Floats,
    *,
    resamples: int,
    divisions: Mapping[str, Mapping[str, Mask]] | None = None,
) -> dict[str, Any]:
    """AUROC and observed over expected in every subgroup with enough events, and each division's largest gap."""
    found: dict[str, Any] = {}
    for division, groups in (divisions or subgroups_of(table)).items():
        reported = {
            name: _one(table.rows(inside), log_odds[inside], resamples)
            for name, inside in groups.items()
            if inside.any() and LEAST_EVENTS <= table.outcome[inside].sum() < inside.sum()
        }
        aurocs = [group["auroc"]["value"] for group in reported.values()]
        found[division] = {"groups": reported, "auroc_gap": max(aurocs) - min(aurocs) if aurocs else None}
    return found


def _one(table: LandmarkTable, log_odds: Floats, resamples: int) -> dict[str, Any]:
    weights = patient_weights(table.patient, resamples, SEED)
    ranked, risk = RankedOutcomes(log_odds, table.outcome), sigmoid(log_odds)
    expected = estimate(lambda w: float((w * table.outcome).sum() / (w * risk).sum()), weights)
    return {
        "landmarks": len(table),
        "events": int(table.outcome.sum()),
        "auroc": asdict(estimate(ranked.auroc, weights)),
        "observed_over_expected": asdict(expected),
    }
