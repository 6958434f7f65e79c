"""What one risk costs: features, score and explanation, from a chart as a hook brings it."""

import numpy as np
import pytest

from model.artifact import load_bundled_model
from model.assessment import Prediction
from model.feature_list import FEATURES, USED_ANALYTES
from model.features import chart_from_snapshot, feature_values
from model.validation.local import head_log_odds
from tests.builders.timelines import NOW, SEPTIC, chart

pytestmark = pytest.mark.bench


def test_score_one_chart_with_its_explanation(benchmark) -> None:  # type: ignore[no-untyped-def]
    model, snapshot = load_bundled_model(), chart(SEPTIC)
    assert isinstance(benchmark(lambda: model.onset(snapshot, now=NOW)), Prediction)


def test_compute_the_features_of_one_timeline(benchmark) -> None:  # type: ignore[no-untyped-def]
    timeline = chart_from_snapshot(chart(SEPTIC), USED_ANALYTES, now=NOW).timeline
    assert len(benchmark(lambda: feature_values(FEATURES, timeline, 0.0))) == len(FEATURES)


def test_score_without_explanation(benchmark) -> None:  # type: ignore[no-untyped-def]
    head = load_bundled_model().onset_head
    timeline = chart_from_snapshot(chart(SEPTIC), USED_ANALYTES, now=NOW).timeline
    assert 0 < benchmark(lambda: head.probability(timeline, 0.0)) < 1


def test_find_the_interval_of_one_chart(benchmark) -> None:  # type: ignore[no-untyped-def]
    head = load_bundled_model().onset_head
    scored = head.scored(chart_from_snapshot(chart(SEPTIC), USED_ANALYTES, now=NOW).timeline, 0.0)
    assert benchmark(lambda: head.interval(scored)) is not None


def test_load_and_verify_the_artifact(benchmark) -> None:  # type: ignore[no-untyped-def]
    assert benchmark(load_bundled_model).progression_head is not None


def test_score_a_hundred_thousand_rows_of_features_at_once(benchmark) -> None:  # type: ignore[no-untyped-def]
    head = load_bundled_model().onset_head
    one = feature_values(FEATURES, chart_from_snapshot(chart(SEPTIC), USED_ANALYTES, now=NOW).timeline, 0.0)
    noise = np.random.default_rng(0).normal(1.0, 0.1, (100_000, len(FEATURES)))
    rows = np.asarray(one, dtype=float) * noise
    scores = benchmark(lambda: head_log_odds(head, rows))
    assert np.isfinite(scores).all()
    assert len(set(scores.tolist())) > 1000
