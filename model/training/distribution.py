"""What the training patients' features looked like, by tenths: what drift is later measured against."""

from typing import Any

import numpy as np

from model.feature_list import FEATURES
from model.training.additive import Floats

PARTS = 10


def distribution_of(values: Floats) -> dict[str, dict[str, Any]]:
    """Per feature the cuts between tenths, the share of known values between them, and the unknown share."""
    return {feature.id: _one(values[:, j]) for j, feature in enumerate(FEATURES)}


def _one(column: Floats) -> dict[str, Any]:
    known = column[~np.isnan(column)]
    edges = np.unique(np.quantile(known, np.linspace(0, 1, PARTS + 1)[1:-1])) if len(known) else np.empty(0)
    edges = np.unique([float(f"{edge:.6g}") for edge in edges])
    return {
        "edges": edges.tolist(),
        "shares": [round(float(share), 5) for share in shares_between(known, edges)],
        "unknown": round(1.0 - len(known) / max(len(column), 1), 5),
    }


def shares_between(known: Floats, edges: Floats) -> Floats:
    """The share of values in each part that the cuts make."""
    counts = np.bincount(np.searchsorted(edges, known, side="right"), minlength=len(edges) + 1)
    return np.asarray(counts / max(len(known), 1), dtype=np.float64)
