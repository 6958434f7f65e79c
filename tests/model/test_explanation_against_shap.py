"""The reasons shown against the shap library, which knows of the model only how to ask for a score."""

import math

import numpy as np
import pytest
import shap

from model.artifact import load_bundled_model
from model.features import feature_values
from model.risk import Head
from model.training.additive import Floats
from tests.builders.timelines import SEPTIC, timeline

MODEL = load_bundled_model()
HEADS = [head for head in (MODEL.onset_head, MODEL.progression_head) if head is not None]


def score_of_each(head: Head, rows: Floats) -> Floats:
    def score(values: list[float]) -> float:
        singles = (shape.at(value) for shape, value in zip(head.shapes, values, strict=True))
        pairs = (pair.at(values[pair.first], values[pair.second]) for pair in head.pairs)
        return head.base_log_odds + math.fsum([*singles, *pairs])

    return np.array([score(row) for row in rows.tolist()])


@pytest.mark.parametrize("head", HEADS, ids=lambda head: head.id)
def test_each_features_share_is_what_shap_finds_against_an_unknown_patient(head: Head) -> None:
    """Its background is a patient of whom nothing is known, which the model scores with its base alone."""
    features = [shape.feature for shape in head.shapes]
    patient = np.array([feature_values(features, timeline(SEPTIC), 0.0)])
    nobody = shap.maskers.Independent(np.full_like(patient, np.nan))
    explainer = shap.PermutationExplainer(lambda rows: score_of_each(head, rows), nobody, seed=1)
    found = explainer(patient, max_evals=2 * len(features) + 1, silent=True)
    shares = [share for _, _, share in head.scored(timeline(SEPTIC), 0.0)]
    assert found.base_values[0] == pytest.approx(head.base_log_odds, abs=1e-12)
    assert found.values[0].tolist() == pytest.approx(shares, abs=1e-9)
