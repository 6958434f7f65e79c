"""Cards as they are worded and shaped: CDS Hooks 2.0 requirements 80 to 147; CH-25 to CH-39; REG-12 to REG-16.

The cards a clinician would read lie in tests/spec/cds/cards/. After a wanted change of wording rewrite them with
`python -m tests.cds_hooks.test_cards`, read the difference, and note it under "Clinical" in CHANGELOG.md.
"""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from fhirclient.models.servicerequest import ServiceRequest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_hooks.card_detail import DetailFacts, stage_words
from cds_hooks.cards import Card, CardContext, build_card
from cds_hooks.decision import CardKind, Indicator, Setting, Show, decide
from cds_hooks.wording import fit, natural_frequency
from model.analytes import Analyte
from model.assessment import (
    AkiEpisode,
    Assessment,
    Contribution,
    EpisodeState,
    Inputs,
    InsufficientData,
    Interval,
    KdigoCriterion,
    KdigoStaging,
    Outcome,
    Reason,
    RecalibrationIdentity,
)
from model.snapshot import Comparator, Incomplete, Measurement, PatientSnapshot, Rejected
from tests.builders.cds import NOW, PATIENT, PUBLIC_URL
from tests.builders.outcomes import BASELINE, CONTRIBUTIONS, INPUTS, MODEL, assessment, risk

CARDS = Path(__file__).parents[1] / "spec" / "cds" / "cards"
CHART = PatientSnapshot(patient_id=PATIENT, read_at=NOW)
AT = NOW - timedelta(hours=2)
LATEST = Measurement(Analyte.CREATININE, 1.9, AT, AT, "Observation/c2")
NO_MODEL = Reason("model_unavailable", "No risk is given: the model is not available. Staging is unaffected.")
TOO_OLD = Reason("creatinine_too_old", "The last creatinine is 30 days old: nothing is said about now.")
NO_URINE = Reason("no_urine_output", "No urine output is charted: not staged by urine.")
OVERLAY = RecalibrationIdentity("Ward <4>", "slope", "abcd" * 16, "2026-02-01", "2027-02-01")
EPISODE = AkiEpisode(
    onset_at=NOW - timedelta(days=20),
    state=EpisodeState.PERSISTING,
    phase="akd",
    peak_stage=2,
    peak_at=NOW - timedelta(days=17),
    peak_creatinine_mg_dl=2.3,
    reference_creatinine_mg_dl=0.9,
    latest_ratio=1.8,
)


def not_sent(part: str) -> Incomplete:
    return Incomplete(part, "not-supplied", "The EHR did not supply this part of the chart.")


def context(**facts: Any) -> CardContext:
    fields = {"zone": ZoneInfo("UTC"), "latest_creatinine": LATEST, **facts}
    return CardContext("ehr-1|call-1", PUBLIC_URL, PATIENT, "e-1", NOW, DetailFacts(**fields))


def shown(outcome: Outcome, given_context: CardContext | None = None) -> Card:
    decision = decide(outcome, CHART, Setting.HOSPITAL)
    assert isinstance(decision, Show)
    return build_card(decision, outcome, given_context or context())


def insufficient(*reasons: Reason) -> InsufficientData:
    return InsufficientData(PATIENT, NOW, Inputs(used=0), reasons)


STAGE_2 = assessment(stage=2, course="rising", progression=risk(0.41, outcome="KDIGO stage 2 or higher"))
_BACK_TO = "The EHR supplied the newest results, back to 11 Mar 2026 04:00 UTC; older ones were not looked at."
NEWEST_ONLY = tuple(Incomplete(part, "newest-only", _BACK_TO) for part in ("vitals", "urine"))
EXAMPLES: dict[str, tuple[Outcome, CardContext]] = {
    "stage_2_rising": (STAGE_2, context()),
    "stage_1_falling": (
        assessment(stage=1, course="falling", progression=risk(0.06, outcome="KDIGO stage 2 or higher")),
        context(latest_creatinine=replace(LATEST, value=1.4)),
    ),
    "stage_3_by_urine_output": (
        replace(
            assessment(stage=3, course="stable"),
            kdigo=KdigoStaging(3, KdigoCriterion.URINE_OUTPUT, since=NOW - timedelta(hours=6)),
        ),
        context(),
    ),
    "stage_3_by_dialysis": (
        replace(
            assessment(stage=3),
            kdigo=KdigoStaging(3, KdigoCriterion.RRT, since=NOW - timedelta(hours=40)),
            inputs=replace(INPUTS, incomplete=NEWEST_ONLY),
        ),
        context(),
    ),
    "risk_high": (
        assessment(stage=0, risk=risk(0.33)),
        context(latest_creatinine=replace(LATEST, value=1.3), zone=ZoneInfo("Europe/London")),
    ),
    "risk_high_unfamiliar": (
        assessment(
            stage=0,
            risk=risk(
                0.33,
                interval=Interval(0.24, 0.43, 0.8, "40 refits"),
                cautions=(Reason("input_beyond_training", "Potassium, 9.4 mmol/L, is above its range."),),
            ),
            model=replace(MODEL, recalibration=OVERLAY),
        ),
        context(latest_creatinine=replace(LATEST, value=1.3)),
    ),
    "risk_high_first_creatinine": (
        assessment(
            stage=None,
            course=None,
            risk=risk(0.27),
            reasons=(
                Reason("no-baseline", "There is one creatinine only, so there is nothing to stage against."),
            ),
        ),
        context(
            latest_creatinine=replace(LATEST, comparator=Comparator.LESS_THAN),
        ),
    ),
    "no_risk_estimate": (
        assessment(stage=0, model=None, reasons=(NO_URINE, NO_MODEL)),
        context(latest_creatinine=replace(LATEST, value=1.0)),
    ),
    "not_recovered": (
        replace(
            assessment(
                stage=0, reasons=(Reason("risk_not_after_onset", "No risk of AKI is given: not recovered."),)
            ),
            kdigo=KdigoStaging(0, baseline=BASELINE, course="stable", ratio=1.8, episode=EPISODE),
        ),
        context(latest_creatinine=replace(LATEST, value=1.6)),
    ),
    "not_assessed": (
        insufficient(TOO_OLD, NO_URINE),
        context(latest_creatinine=replace(LATEST, at=NOW - timedelta(days=30), day_only=True)),
    ),
    "much_rejected": (
        replace(
            STAGE_2,
            inputs=Inputs(
                12,
                tuple(Rejected(f"Observation/r{n}", "unit-missing", "It has no unit.") for n in range(7)),
                (Incomplete("labs", "timeout", "The EHR did not answer in time."),),
            ),
        ),
        context(),
    ),
}


def as_text(card: Card) -> str:
    body = card.body
    return f"[{body['indicator']}] {body['summary']}\n({len(body['summary'])} characters)\n\n{body['detail']}\n"


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_card_reads_as_reviewed(name: str) -> None:
    assert as_text(shown(*EXAMPLES[name])) == (CARDS / f"{name}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_card_names_its_inputs_its_model_and_that_it_is_no_substitute(name: str) -> None:
    outcome, ctx = EXAMPLES[name]
    detail = shown(outcome, ctx).body["detail"]
    assert "Research software" in detail
    assert "not a substitute" in detail
    if isinstance(outcome, Assessment) and outcome.model:
        assert f"{MODEL.id} {MODEL.version}" in detail
    if ctx.facts.latest_creatinine:
        assert ctx.facts.latest_creatinine.source in detail


@pytest.mark.parametrize("name", ["risk_high", "stage_2_rising"])
def test_every_input_used_is_named_with_value_time_and_source(name: str) -> None:
    """REG-16: nothing that moved the number is left out of the card."""
    detail = shown(*EXAMPLES[name]).body["detail"]
    for part in CONTRIBUTIONS:
        assert f"{part.label} {part.value}" in detail
        assert str(part.source) in detail
    assert detail.count("12 Mar 2026") >= len(CONTRIBUTIONS) - 1  # age has no time


@pytest.mark.parametrize(("length", "cut"), [(139, False), (140, True), (141, True)])
def test_a_summary_has_fewer_than_140_characters(length: int, cut: bool) -> None:
    """Requirement 83: at 139 it stays, from 140 on it is cut with an ellipsis."""
    start = "AKI not assessed: "
    summary = shown(insufficient(Reason("x", "é" * (length - len(start))))).body["summary"]
    # A reason is itself capped, so the long ones come through plain text.
    assert len(summary) <= 139
    assert summary.endswith("…") or length - len(start) <= 120
    whole = "é" * length
    assert (fit(whole) != whole) is cut
    assert len(fit(whole)) == min(length, 139)


@settings(deadline=None)
@given(st.text(max_size=300))
def test_a_reason_from_the_chart_never_breaks_the_summary(text: str) -> None:
    summary = shown(insufficient(Reason("x", text))).body["summary"]
    assert 0 < len(summary) <= 139
    assert "\n" not in summary


HOSTILE = [
    "[click](https://evil.example.org)",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "![x](https://evil.example.org/p.png)",
    "https://evil.example.org",
    "www.evil.example.org",
    "someone@evil.example.org",
    "`code` **bold** _it_ ~~no~~ | cell |",
    "line\n# heading\n- item",
    "javascript://x",
    "\u202egnp.exe",
    "&lt;b&gt;",
    "\\[x\\](y)",
    "[x]: https://evil.example.org",
]


@pytest.mark.parametrize("words", HOSTILE)
def test_words_from_the_chart_never_become_markup(words: str) -> None:
    """CH-29: wherever chart text can stand, it stands as text on one line."""
    part = Contribution("x", words, 0.5, words, words, NOW, words)
    outcome = replace(
        assessment(stage=1, course=words, progression=risk(0.5, contributions=(part,), outcome=words)),
        reasons=(Reason("x", words),),
        inputs=Inputs(1, (Rejected(words, "x", words),), (Incomplete(words, "x", words),)),
    )
    facts = {"latest_creatinine": replace(LATEST, source=words)}
    detail = shown(outcome, context(**facts)).body["detail"]
    assert not re.search(r"(?<!\\)[\[\]`|_~]", detail), "markup characters stand unescaped"
    assert "<" not in detail
    assert "://" not in detail
    assert not re.search(r"(?i)www\.\S", detail)
    assert "@" not in detail
    assert not re.search(r"(?m)^#", detail)
    assert "\u202e" not in detail
    assert not re.search(r"&(?!lt;|gt;|amp;)", detail)


def test_a_card_has_the_shape_of_the_standard() -> None:
    """Requirements 80-147: what is required is there, what is conditional is consistent."""
    body = shown(STAGE_2).body
    assert body["indicator"] in {"info", "warning", "critical"}
    assert body["source"]["url"] == f"{PUBLIC_URL}/"
    assert re.fullmatch(r"[A-Za-z0-9]{1,100}", body["source"]["topic"]["code"])  # VN-5
    assert body["selectionBehavior"] == "any"  # requirement 93; Epic knows no other (VN-5)
    assert 1 <= len(body["suggestions"]) <= 3
    for suggestion in body["suggestions"]:
        (action,) = suggestion["actions"]  # VN-6: one action a suggestion
        assert suggestion["isRecommended"] is False  # REG-15
        assert set(action) == {"type", "description", "resource"}
        assert (action["type"], action["resource"]["status"]) == ("create", "draft")
        assert ServiceRequest(action["resource"]).subject.reference == f"Patient/{PATIENT}"  # a valid R4 resource
    for reason in body["overrideReasons"]:
        assert all(reason[name] for name in ("code", "system", "display"))  # requirement 100
    smart, absolute = body["links"]
    assert (smart["type"], smart["url"]) == ("smart", f"{PUBLIC_URL}/launch")  # CH-35: bare
    assert (absolute["type"], absolute["url"]) == ("absolute", f"{PUBLIC_URL}/model")
    assert "appContext" not in absolute  # requirement 147


def test_what_was_not_read_is_said_once_and_alike_parts_together() -> None:
    """The assessment gives every gap as a reason of its own too."""
    reasons = tuple(Reason(f"{gap.part}_incomplete", gap.reason) for gap in NEWEST_ONLY)
    outcome = replace(assessment(stage=2), inputs=replace(INPUTS, incomplete=NEWEST_ONLY), reasons=reasons)
    assert shown(outcome).body["detail"].count("older ones were not looked at") == 1


@pytest.mark.parametrize(("peak_stage", "said"), [(2, 0), (3, 1)])
def test_an_episode_at_its_peak_is_not_told_twice(peak_stage: int, said: int) -> None:
    outcome = assessment(stage=2, course="rising")
    assert outcome.kdigo is not None
    before = BASELINE.creatinine_mg_dl
    episode = AkiEpisode(NOW, EpisodeState.ACTIVE, "aki", peak_stage, LATEST.at, LATEST.value, before, 2.1)
    told = replace(outcome, kdigo=replace(outcome.kdigo, episode=episode))
    assert shown(told).body["detail"].count("AKI episode since") == said


def test_under_dialysis_nothing_is_offered_that_is_being_done() -> None:
    assert "suggestions" not in shown(*EXAMPLES["stage_3_by_dialysis"]).body


@pytest.mark.parametrize(
    ("stage", "offered"),
    [
        (1, ["Creatinine, serum or plasma", "Urinalysis"]),
        (2, ["Creatinine, serum or plasma", "Urinalysis", "Ultrasound of the kidneys"]),
        (3, ["Creatinine, serum or plasma", "Ultrasound of the kidneys", "Referral to nephrology"]),
    ],
)
def test_the_stage_decides_what_is_offered(stage: int, offered: list[str]) -> None:
    suggestions = shown(assessment(stage=stage)).body["suggestions"]
    assert [one["actions"][0]["resource"]["code"]["text"] for one in suggestions] == offered
    assert len({one["uuid"] for one in suggestions}) == len(offered)


def test_where_another_creatinine_would_not_help_none_is_suggested() -> None:
    body = shown(*EXAMPLES["no_risk_estimate"]).body
    assert "suggestions" not in body
    assert "selectionBehavior" not in body


def test_a_topic_is_the_same_for_every_patient() -> None:
    """VN-5: Epic remembers an override by the topic, so it may depend on nothing but the kind of card."""
    topics: dict[CardKind, set[str]] = {}
    for outcome, ctx in EXAMPLES.values():
        card = shown(outcome, replace(ctx, call_id=str(id(ctx))))
        topics.setdefault(card.kind, set()).add(card.body["source"]["topic"]["code"])
    assert len(topics) == 5
    assert all(len(codes) == 1 for codes in topics.values())


def test_a_retried_call_gives_the_same_uuid_and_another_call_another() -> None:
    first, again = shown(STAGE_2), shown(STAGE_2)
    other = shown(STAGE_2, replace(context(), call_id="ehr-1|call-2"))
    assert first.uuid == again.uuid != other.uuid
    assert first.uuid != first.body["suggestions"][0]["uuid"]


@settings(deadline=None)
@given(
    probability=st.floats(0, 1),
    stage=st.sampled_from([None, 0, 1, 2, 3]),
    course=st.sampled_from([None, "rising", "stable", "falling"]),
    setting=st.sampled_from(list(Setting)),
)
def test_by_default_no_outcome_ever_makes_a_critical_card_or_an_empty_element(
    probability: float, stage: int | None, course: str | None, setting: Setting
) -> None:
    estimate = risk(probability)
    outcome = assessment(
        stage=stage, course=course, risk=None if stage else estimate, progression=estimate if stage else None
    )
    decision = decide(outcome, CHART, setting)
    if isinstance(decision, Show):
        card = build_card(decision, outcome, context())
        assert card.indicator is not Indicator.CRITICAL
        assert list(empty_elements(card.body)) == []


def empty_elements(value: Any, path: str = "$") -> list[str]:
    """Paths of null or empty elements (requirement 3)."""
    if value is None or value in ("", [], {}):
        return [path]
    if isinstance(value, dict):
        return [hit for name, part in value.items() for hit in empty_elements(part, f"{path}.{name}")]
    if isinstance(value, list):
        return [hit for n, part in enumerate(value) for hit in empty_elements(part, f"{path}[{n}]")]
    return []


PHRASES = {
    0.001: "fewer than 1 in 100",
    0.01: "about 1 in 100",
    0.05: "about 1 in 20",
    0.137: "about 1 in 7",
    0.2: "about 1 in 5",
    0.33: "about 1 in 3",
    0.34: "about 1 in 3",
    0.41: "about 4 in 10",
    0.5: "about 5 in 10",
    0.88: "about 9 in 10",
    0.97: "more than 19 in 20",
}


@pytest.mark.parametrize(("probability", "phrase"), PHRASES.items())
def test_a_probability_is_said_as_people(probability: float, phrase: str) -> None:
    assert natural_frequency(probability) == phrase


@settings(deadline=None)
@given(st.floats(0.01, 0.95))
def test_the_people_and_the_percentage_agree(probability: float) -> None:
    found = re.fullmatch(r"about (\d+) in (\d+)", natural_frequency(probability))
    assert found
    assert int(found[1]) / int(found[2]) == pytest.approx(probability, rel=0.2, abs=0.05)


if __name__ == "__main__":
    for card_name, (card_outcome, card_context) in EXAMPLES.items():
        (CARDS / f"{card_name}.md").write_text(as_text(shown(card_outcome, card_context)), encoding="utf-8")


@pytest.mark.parametrize(
    ("kdigo", "words"),
    [
        (KdigoStaging(0, peak_stage=0), "No AKI by KDIGO so far"),
        (KdigoStaging(0, peak_stage=2), "No AKI by KDIGO now"),
        (KdigoStaging(0, episode=EPISODE), "AKI has not recovered, although KDIGO's criteria are no longer met"),
        (KdigoStaging(3, KdigoCriterion.RRT, episode=EPISODE), "KDIGO stage 3 by renal replacement therapy"),
    ],
    ids=["never", "recovered", "not recovered", "dialysis"],
)
def test_a_card_denies_neither_the_stage_it_has_nor_the_aki_that_was(kdigo: KdigoStaging, words: str) -> None:
    assert stage_words(kdigo).startswith(words)


def test_the_finding_names_the_drugs_that_can_harm() -> None:
    named = context(harmful_drugs=("ibuprofen", "vancomycin"))
    line = "- Active on the chart and able to harm kidneys: ibuprofen, vancomycin"
    assert line in shown(assessment(stage=2), named).body["detail"]
    assert "able to harm" not in shown(assessment(stage=2)).body["detail"]


def test_what_did_not_take_place_is_not_told_as_missing() -> None:
    inputs = Inputs(
        used=9,
        rejected=(
            Rejected(
                "MedicationAdministration/1", "medication-not-given", "The drug was not ordered or not given."
            ),
            Rejected("Observation/2", "unit-unknown", "The result has no unit."),
        ),
    )
    detail = shown(assessment(stage=2, inputs=inputs)).body["detail"]
    assert "Observation/2: The result has no unit." in detail
    assert "not given" not in detail


def test_a_high_creatinine_without_any_from_before_is_not_called_no_aki() -> None:
    reasons = (Reason("high_from_the_first_result", "Creatinine is high."), NO_MODEL)
    card = shown(assessment(stage=0, reasons=reasons))
    assert card.body["summary"].startswith("AKI cannot be excluded; 48-hour AKI risk not estimated")
