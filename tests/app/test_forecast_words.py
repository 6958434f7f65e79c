"""What a probability is of, wherever it is named: page, hand-over, terminal, card, and what is written to the EHR.

"Low risk" beside an AKI would be read as "no need to act"; it is the risk of a higher stage within 48 hours.
"""

import json
import re
from dataclasses import replace
from datetime import UTC
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console

from app.cli.report import print_report
from app.presentation import PageSetting, patient_page
from app.presentation.wording import english
from cds_hooks.card_detail import DetailFacts, detail
from model.artifact import load_bundled_model
from model.assessment import Assessment
from model.forecasts import forecast_of, plain_outcome
from patient_context.writing import risk_assessment
from patient_context.writing_forms import observation
from tests.builders.assessed import creatinine, in_aki, no_aki, prediction, snapshot

SAY = english(ZoneInfo("Europe/Berlin"))
CHART = snapshot(creatinine(30, 0.9), creatinine(3, 1.8))
NEW, HIGHER = "risk of new AKI", "risk of a higher AKI stage"
TABLE = [
    (no_aki(risk=prediction(0.04, "low")), f"Low {NEW}", "low"),
    (no_aki(risk=prediction(0.15, "moderate")), f"Moderate {NEW}", "moderate"),
    (no_aki(risk=prediction(0.41, "high")), f"High {NEW}", "high"),
    (in_aki(1, progression=prediction(0.04, "low")), f"Low {HIGHER}", "unknown"),
    (in_aki(2, progression=prediction(0.15, "moderate")), f"Moderate {HIGHER}", "moderate"),
    (in_aki(2, progression=prediction(0.41, "high")), f"High {HIGHER}", "high"),
]


@pytest.mark.parametrize(("outcome", "words", "tone"), TABLE, ids=[row[1] for row in TABLE])
def test_a_category_never_stands_without_what_it_is_of(outcome: Assessment, words: str, tone: str) -> None:
    page = patient_page(outcome, CHART, PageSetting("Riverside EHR", SAY))
    assert (page.forecast.category_words, page.forecast.tone) == (words, tone)
    console = Console(record=True, width=120)
    print_report(outcome, CHART, console)
    said = {
        "page": page.forecast.category_words,
        "hand-over": page.actions.handover,
        "terminal": console.export_text(),
        "card": detail(outcome, DetailFacts(UTC)),
        "RiskAssessment": json.dumps(risk_assessment(outcome)),
    }
    for where, text in said.items():
        named = re.findall(r"(?i)\b(?:low|moderate|high) risk\b[^.;\"]*", text)
        assert [found[: len(words)] for found in named] == [words] * len(named), where
        assert named, where


def test_the_probability_of_a_higher_stage_is_not_written_as_that_of_aki() -> None:
    """The patient has AKI: "acute kidney injury, 4 %" on the chart would deny it."""
    onset, higher = no_aki(), in_aki(2)
    assert risk_assessment(onset)["prediction"][0]["outcome"]["coding"][0]["code"] == "14669001"
    written = risk_assessment(higher)
    assert "coding" not in written["prediction"][0]["outcome"]
    assert written["code"]["text"] == "Higher KDIGO stage of acute kidney injury within 48 hours"
    codes = []
    for outcome in (onset, higher):
        forecast = forecast_of(outcome)
        assert forecast is not None
        codes.append(observation(outcome, forecast)["code"]["coding"][0]["code"])
    assert codes == ["aki-48h", "aki-progression-48h"]


def test_what_the_bundled_model_predicts_is_said_in_plain_words() -> None:
    model = load_bundled_model()
    risk = replace(prediction(), outcome=model.onset_head.outcome)
    shown = patient_page(no_aki(risk=risk), CHART, PageSetting("Riverside EHR", SAY)).forecast
    assert shown.outcome_words == "develop AKI (KDIGO stage 1 or higher by creatinine) within 48 hours."
    assert plain_outcome("kidney failure by noon") == "kidney failure by noon"
