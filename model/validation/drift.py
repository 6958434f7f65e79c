"""How far local patients lie from the training patients: the population stability index of each feature."""

import math
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from model.feature_list import FEATURES
from model.training.additive import Floats
from model.training.distribution import shares_between

FLOOR = 1e-4  # an empty part would make the index infinite
NOTABLE, LARGE = 0.1, 0.25  # the usual reading of the index


def drift_of(values: Floats, training: Mapping[str, Any], used: Collection[str]) -> list[dict[str, Any]]:
    """Per feature used the index over known values and both unknown shares, the furthest first."""
    rows = [
        _one(feature.id, feature.label, values[:, j], training[feature.id])
        for j, feature in enumerate(FEATURES)
        if feature.id in used
    ]
    return sorted(rows, key=lambda row: -(row["psi"] if row["psi"] is not None else math.inf))


def _one(name: str, label: str, column: Floats, training: Mapping[str, Any]) -> dict[str, Any]:
    known = column[~np.isnan(column)]
    row = {
        "feature": name,
        "label": label,
        "unknown": 1.0 - len(known) / len(column),
        "unknown_in_training": training["unknown"],
    }
    return row | {"psi": stability_index(known, training) if len(known) else None}


def stability_index(known: Floats, training: Mapping[str, Any]) -> float:
    """The sum over parts of (local - training) * ln(local / training)."""
    expected = np.maximum(np.asarray(training["shares"]), FLOOR)
    found = np.maximum(shares_between(known, np.asarray(training["edges"])), FLOOR)
    return float(((found - expected) * np.log(found / expected)).sum())
