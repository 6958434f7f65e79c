"""Metrics against scikit-learn, intervals by patient, and the card made from both."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from model.training.additive import sigmoid
from model.validation import card
from model.validation.metrics import (
    RankedOutcomes,
    calibration_curve,
    difference,
    estimate,
    operation_at,
    patient_weights,
    performance,
)

RANDOM = np.random.default_rng(7)
SCORE = np.round(RANDOM.normal(-1, 1, 3000), 1)  # many ties
OUTCOME = (RANDOM.random(3000) < sigmoid(SCORE)).astype(float)
PATIENT = np.array([f"p{i // 3}" for i in range(3000)])


@pytest.mark.parametrize("weighted", [False, True])
def test_auroc_and_auprc_agree_with_scikit_learn_with_ties_and_weights(weighted: bool) -> None:
    weight = RANDOM.integers(0, 3, 3000).astype(float) if weighted else np.ones(3000)
    ranked = RankedOutcomes(SCORE, OUTCOME)
    assert ranked.auroc(weight) == pytest.approx(roc_auc_score(OUTCOME, SCORE, sample_weight=weight))
    assert ranked.auprc(weight) == pytest.approx(average_precision_score(OUTCOME, SCORE, sample_weight=weight))


def test_resampling_takes_all_landmarks_of_a_patient_together() -> None:
    for weight in patient_weights(PATIENT, 5, seed=1):
        assert (weight.reshape(-1, 3) == weight.reshape(-1, 3)[:, :1]).all()
        assert weight.sum() == 3000


def test_an_interval_holds_its_estimate_and_narrows_with_nothing_to_vary() -> None:
    weights = patient_weights(PATIENT, 50, seed=2)
    found = estimate(RankedOutcomes(SCORE, OUTCOME).auroc, weights)
    assert found.low < found.value < found.high
    assert estimate(lambda _: 1.0, weights).low == 1.0


def test_a_true_score_is_calibrated_and_a_doubled_one_has_half_the_slope() -> None:
    true = performance(SCORE, OUTCOME, PATIENT, resamples=20)
    assert true["calibration_slope"].value == pytest.approx(1.0, abs=0.1)
    assert true["observed_over_expected"].value == pytest.approx(1.0, abs=0.1)
    doubled = performance(2 * SCORE, OUTCOME, PATIENT, resamples=20)
    assert doubled["calibration_slope"].value == pytest.approx(true["calibration_slope"].value / 2)
    assert doubled["auroc"] == true["auroc"]


def test_the_difference_of_a_score_to_itself_is_nothing() -> None:
    found = difference(SCORE, SCORE, OUTCOME, PATIENT, resamples=20)
    assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)


def test_an_operation_counts_as_by_hand() -> None:
    found = operation_at(0.5, np.array([0.1, 0.6, 0.7, 0.2]), np.array([0.0, 1.0, 0.0, 1.0]))
    assert (found.sensitivity, found.specificity, found.ppv, found.flagged) == (0.5, 0.5, 0.5, 0.5)
    assert found.net_benefit == pytest.approx(1 / 4 - 1 / 4)


def test_a_calibration_curve_covers_every_landmark_once() -> None:
    curve = calibration_curve(sigmoid(SCORE), OUTCOME)
    assert sum(count for _, _, count in curve) == 3000
    assert [mean for mean, _, _ in curve] == sorted(mean for mean, _, _ in curve)


def test_the_card_speaks_of_the_bundled_model_and_its_markdown_is_current() -> None:
    content = json.loads(card.CARD.read_text(encoding="utf-8"))
    manifest = (Path(card.ROOM) / "bundled" / "manifest.json").read_bytes()
    assert content["model"]["manifest_sha256"] == hashlib.sha256(manifest).hexdigest()
    assert card.CARD_MARKDOWN.read_text(encoding="utf-8") == card.to_markdown(content)


def test_every_number_of_the_card_is_the_studys() -> None:
    content = json.loads(card.CARD.read_text(encoding="utf-8"))
    study = json.loads(card.STUDY.read_text(encoding="utf-8"))
    assert content["performance"] == card.performance_of(study)


def test_the_study_has_creatinine_only_beside_every_scenario_and_was_made_from_the_training_data() -> None:
    study = json.loads(card.STUDY.read_text(encoding="utf-8"))
    manifest = json.loads((Path(card.ROOM) / "bundled" / "manifest.json").read_text(encoding="utf-8"))
    assert study["data"] == manifest["training_data"]
    assert study["resamples"] >= 500
    for head in ("onset", "progression"):
        assert set(study[head]) == {"A_to_B", "B_to_A", "both_to_A", "both_to_B"}
        for scenario in study[head].values():
            assert {"shipped", "creatinine_only"} <= set(scenario["models"])


def test_the_card_answers_all_31_source_attributes_or_says_why_not() -> None:
    """ONC HTI-1, 45 CFR 170.315(b)(11)(iv)(B) (REG-2)."""
    rows = json.loads(Path(card.CARD).read_text(encoding="utf-8"))["source_attributes"]
    assert len({(row["group"], row["attribute"]) for row in rows}) == len(rows) == 31
    for row in rows:
        assert row["text"] or row["not_available_because"]
        assert row["where"] or row["not_available_because"]
