"""A site's recalibration: a rising curve over the log-odds, named with the number, never for another model."""

import math
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.artifact import load_bundled_model
from model.assess import assess
from model.assessment import Assessment, Prediction, Reason, outcome_to_json
from model.log_odds_curve import LogOddsCurve
from model.recalibration import Recalibration, RecalibrationRefused, recalibrated, recalibration_from_json
from model.risk import RiskModel
from model.sentences import Sentence
from tests.builders.timelines import NOW, SEPTIC, chart

DIGEST = "ab" * 32
STEPS = LogOddsCurve(((-3.0, -3.5), (-1.0, -2.0), (0.0, 0.5)), 1.0)


@cache
def bundled() -> RiskModel:
    return load_bundled_model()


def document(**changes: Any) -> dict[str, Any]:
    head = {"curve": {"knots": [[0.0, -0.7]], "slope": 1.0}}
    return {
        "schema": 1,
        "site": "Ward 4",
        "method": "intercept",
        "created_on": "2031-05-01",
        "expires_on": "2032-05-01",
        "base_model": {"sha256": bundled().identity.sha256},
        "heads": {"aki-onset-48h": head},
        **changes,
    }


def overlay(**changes: Any) -> Recalibration:
    return recalibration_from_json(document(**changes), sha256=DIGEST)


def risk(model: RiskModel, series: Any = SEPTIC) -> Prediction:
    found = model.onset(chart(series), now=NOW)
    assert isinstance(found, Prediction)
    return found


def log_odds(probability: float) -> float:
    return math.log(probability / (1.0 - probability))


@given(st.lists(st.floats(-12, 12), min_size=2, max_size=2, unique=True))
def test_a_curve_never_changes_who_is_at_more_risk(pair: list[float]) -> None:
    low, high = sorted(pair)
    assert STEPS.at(low) < STEPS.at(high) or high - low < 1e-9


def test_a_curve_passes_its_knots_is_straight_between_and_goes_on_with_its_slope() -> None:
    assert [STEPS.at(x) for x in (-4.0, -3.0, -2.0, -1.0, -0.5, 0.0, 2.0)] == pytest.approx(
        [-4.5, -3.5, -2.75, -2.0, -0.75, 0.5, 2.5]
    )
    assert LogOddsCurve(((0.0, -1.0),), 0.5).at(2.0) == 0.0


@pytest.mark.parametrize(
    ("knots", "slope"),
    [((), 1.0), (((0.0, 0.0),), 0.0), (((0.0, 0.0),), -1.0), (((0.0, 1.0), (1.0, 1.0)), 1.0),
     (((1.0, 0.0), (0.0, 1.0)), 1.0)],
)  # fmt: skip
def test_a_curve_that_does_not_rise_everywhere_is_none(knots: Any, slope: float) -> None:
    with pytest.raises(ValueError, match="rise"):
        LogOddsCurve(knots, slope)


def test_a_recalibrated_probability_is_the_curve_of_the_models_and_its_interval_follows() -> None:
    plain, site = risk(bundled()), risk(recalibrated(bundled(), overlay()))
    assert log_odds(site.probability) == pytest.approx(log_odds(plain.probability) - 0.7)
    assert plain.interval is not None
    assert site.interval is not None
    assert log_odds(site.interval.low) == pytest.approx(log_odds(plain.interval.low) - 0.7)
    assert site.interval.low < site.probability < site.interval.high


def test_contributions_still_add_up_and_the_recalibration_is_one_of_them() -> None:
    curve = {"curve": {"knots": [list(knot) for knot in STEPS.knots], "slope": 1.0}}
    site = risk(recalibrated(bundled(), overlay(method="isotonic", heads={"aki-onset-48h": curve})))
    total = site.base_log_odds + math.fsum(c.log_odds for c in site.contributions)
    assert total == pytest.approx(log_odds(site.probability), abs=1e-9)
    (term,) = (c for c in site.contributions if c.feature == "recalibration")
    assert (term.value, term.unit) == (f"{term.log_odds:+.2f}", "log-odds")


def test_the_category_is_that_of_the_recalibrated_probability() -> None:
    far = overlay(heads={"aki-onset-48h": {"curve": {"knots": [[0.0, -6.0]], "slope": 1.0}}})
    assert (risk(bundled()).category, risk(recalibrated(bundled(), far)).category) == ("high", "low")


def test_a_head_without_a_curve_stays_as_it_is() -> None:
    site = recalibrated(bundled(), overlay())
    found = [m.progression(chart(SEPTIC), now=NOW, current_stage=1) for m in (site, bundled())]
    assert found[0] == found[1]


def test_the_assessment_names_the_recalibration() -> None:
    outcome = assess(chart(SEPTIC), now=NOW, model=recalibrated(bundled(), overlay()))
    assert outcome_to_json(outcome)["model"]["recalibration"] == {
        "site": "Ward 4",
        "method": "intercept",
        "sha256": DIGEST,
        "created_on": "2031-05-01",
        "expires_on": "2032-05-01",
    }
    assert "recalibration" not in outcome_to_json(assess(chart(SEPTIC), now=NOW, model=bundled()))["model"]


def test_an_overlay_made_for_another_model_is_refused() -> None:
    other = replace(bundled(), identity=replace(bundled().identity, sha256="00" * 32))
    with pytest.raises(RecalibrationRefused) as refused:
        recalibrated(other, overlay())
    assert refused.value.reason == "other_model"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"schema": 2}, "schema"),
        ({"method": "by hand"}, "malformed"),
        ({"expires_on": "never"}, "malformed"),
        ({"heads": {}}, "malformed"),
        ({"heads": {"aki-onset-48h": {"curve": {"knots": [[0.0, float("nan")]], "slope": 1.0}}}}, "malformed"),
        ({"heads": {"aki-onset-48h": {"curve": {"knots": [[0.0, 0.0]], "slope": -1.0}}}}, "malformed"),
        ({"base_model": None}, "malformed"),
    ],
)
def test_a_document_that_is_no_overlay_is_refused(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(RecalibrationRefused) as refused:
        overlay(**changes)
    assert refused.value.reason == reason


def test_the_last_day_counts_and_the_day_after_there_is_no_number() -> None:
    ends = NOW.date()
    assert isinstance(
        recalibrated(bundled(), overlay(expires_on=str(ends))).onset(chart(SEPTIC), now=NOW), Prediction
    )
    over = recalibrated(bundled(), overlay(expires_on=str(ends - timedelta(days=1))))
    found = over.onset(chart(SEPTIC), now=NOW)
    assert isinstance(found, Reason)
    assert found.code == "recalibration_expired"
    assert isinstance(over.expires_on, date)


def test_a_refused_overlay_leaves_staging_at_work_and_its_cause_is_named() -> None:
    refused = RecalibrationRefused("tampered", Sentence("The recalibration was changed after it was signed."))
    outcome = assess(chart(SEPTIC), now=NOW, model=refused)
    assert isinstance(outcome, Assessment)
    assert outcome.kdigo is not None
    assert outcome.risk is None
    reason = next(r for r in outcome.reasons if r.code == "recalibration_refused")
    assert "changed after it was signed" in reason.text
