"""The creatinine-only logistic regression, frozen as the model is: fitted where the model was, scored elsewhere.

`model/validation/results/creatinine_only.json` holds it: six features of the creatinine course, their means and
spreads, the coefficients, and which files it was fitted to. `aki model rival` writes it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from model.feature_list import FEATURES
from model.training.additive import Floats
from model.training.cohort import Source
from model.training.landmark_table import LandmarkTable
from model.validation.comparators import CREATININE_ONLY, creatinine_only_fit

FROZEN = Path(__file__).resolve().parent / "results" / "creatinine_only.json"


def frozen(tables: Mapping[str, LandmarkTable], sources: Sequence[Source]) -> dict[str, Any]:
    """The regression of each head, as JSON-ready numbers to nine digits."""
    heads = {}
    for role, table in tables.items():
        fit = creatinine_only_fit(table.evaluable())
        heads[role] = {
            name: [float(f"{v:.9g}") for v in np.atleast_1d(part)] for name, part in fit._asdict().items()
        }
    return {"features": list(CREATININE_ONLY), "data": [asdict(source) for source in sources], "heads": heads}


def read_frozen(path: Path = FROZEN) -> dict[str, Any]:
    """The committed regression."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def log_odds(rival: Mapping[str, Any], role: str, values: Floats) -> Floats:
    """What the frozen regression says of many landmarks, in the order of FEATURES; a missing step is 0."""
    ids = [feature.id for feature in FEATURES]
    raw = np.nan_to_num(values[:, [ids.index(name) for name in rival["features"]]], nan=0.0)
    head = rival["heads"][role]
    standard = (raw - np.asarray(head["mean"])) / np.asarray(head["spread"])
    return np.asarray(standard @ np.asarray(head["slopes"]) + head["intercept"][0])
