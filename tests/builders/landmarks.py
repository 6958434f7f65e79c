"""Landmarks as arrays whose one known feature is the score itself, and a head that reads it off in fine steps."""

import numpy as np

from model.feature_list import FEATURE_BY_ID, FEATURES
from model.risk import Categories, Head, Shape
from model.training.landmark_table import LandmarkTable

FEATURE = FEATURE_BY_ID["creatinine_step"]
EDGES = tuple(np.round(np.arange(-6.0, 6.0, 0.01), 2).tolist())


def head_of_one_feature() -> Head:
    """Log-odds are the feature's value, to 0.01."""
    heights = (EDGES[0], *EDGES)
    return Head("made-up", "made up", 48, 0.0, (Shape(FEATURE, EDGES, heights),), (), Categories(0.1, 0.2, ""))


def table_of(score: np.ndarray, outcome: np.ndarray, *, patients: int) -> LandmarkTable:
    """One landmark per score, dealt out to the patients in turn."""
    count = len(score)
    values = np.full((count, len(FEATURES)), np.nan)
    values[:, FEATURES.index(FEATURE)] = score
    columns = {name: np.zeros(count) for name in LandmarkTable.__dataclass_fields__}
    names = np.array([f"A/p{i % patients}" for i in range(count)])
    text = np.array(["A"] * count)
    columns |= {"values": values, "outcome": outcome, "patient": names, "hospital": text, "unit_type": text}
    return LandmarkTable(**columns)
