"""What a site's policy leaves unsaid: the clinicians' table, row by row, and how it meets the endpoints."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cds_hooks.answers import Answer
from cds_hooks.cards import Card
from cds_hooks.care_setting import Setting
from cds_hooks.case import Case, case_of
from cds_hooks.decision import CardKind, CardPolicy, Indicator, Show, Silent, decide
from cds_hooks.errors import HistoryUnavailable
from cds_hooks.record import ShownBefore
from cds_hooks.silence import hold_all_back, hold_back
from model.analytes import Analyte
from model.assessment import KdigoCriterion, KdigoStaging, NotApplicable, Reason
from model.snapshot import Concept, Measurement, PatientSnapshot, Problem
from tests.builders.cds import (
    NOW,
    PATIENT,
    RISING,
    creatinine,
    full_prefetch,
    hook_body,
    searchset,
)
from tests.builders.fhir import medication_request, subject
from tests.builders.outcomes import INPUTS, assessment, risk
from tests.cds_hooks.conftest import Bench

TABLE = Path(__file__).parents[1] / "spec" / "cds" / "silence.txt"
SCORE_NOW = 0.25


def rows() -> list[dict[str, str]]:
    lines = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    heads, *found = (re.split(r"\s{2,}", line.strip()) for line in lines)
    return [dict(zip(heads, row, strict=True)) for row in found]


def policy_of(text: str) -> CardPolicy:
    name, _, value = text.partition("=")
    if name == "-":
        return CardPolicy()
    field, _, kind = name.partition(".")
    if kind:
        return CardPolicy(**{field: {CardKind(kind): float(value)}})
    return CardPolicy(**{name: float(value) if value else True})


def card_of(text: str, uuid: str = "this") -> Card:
    kind, indicator = text.split()
    return Card(CardKind(kind), Indicator(indicator), uuid, {})


def stage_of(text: str) -> int | None:
    return None if text == "?" else int(text)


def case_in(row: dict[str, str]) -> Case:
    return Case(
        stage=stage_of(row["stage"]),
        course=None if row["course"] == "-" else row["course"],
        on_dialysis=row["also"] == "dialysis",
        likely_worse=row["also"] == "worse",
        acknowledged=row["also"] == "acknowledged",
        at_a_visit=row["also"] == "visit",
        without_model=row["also"] == "no-model",
        score=SCORE_NOW if "overridden=" in row["before"] else None,
        creatinine_age_hours=None if row["creatinine"] == "?" else float(row["creatinine"]),
    )


def before_of(text: str) -> list[ShownBefore]:
    if text == "-":
        return []
    kind, stage, indicator, hours, *more = text.split()
    at = NOW - timedelta(hours=float(hours))
    uuid = "this" if more == ["same"] else "earlier"
    overridden, _, score = "".join(more).partition("=")
    return [
        ShownBefore(
            uuid,
            CardKind(kind),
            Indicator(indicator),
            stage_of(stage),
            at,
            float(score) if score else None,
            overridden == "overridden",
        )
    ]


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row['policy']} {row['card']} {row['because']}")
def test_the_policy_leaves_unsaid_what_the_table_says(row: dict[str, str]) -> None:
    answer = Answer((card_of(row["card"]),), case=case_in(row))
    held = hold_back(answer, policy_of(row["policy"]), lambda _: before_of(row["before"]), NOW)
    assert (held.reason or "shown") == row["result"], row["because"]
    assert [(one.card, one.reason) for one in held.withheld] == [
        (answer.cards[0], row["result"]) for _ in range(row["result"] != "shown")
    ]


def test_every_rule_of_the_policy_has_rows_that_silence_and_rows_that_do_not() -> None:
    rules = {re.split(r"[.=]", row["policy"])[0] for row in rows()} - {"-"}
    asked = {name for name in CardPolicy.__dataclass_fields__ if name.startswith("silen")} - {"silence_for"}
    assert rules == asked
    for rule in rules:
        results = {row["result"] == "shown" for row in rows() if row["policy"].startswith(rule)}
        assert results == {True, False}, rule


def test_of_several_cards_only_those_the_policy_names_are_held_back() -> None:
    cards = (card_of("nsaid warning"), card_of("metformin info", "other"))
    policy = CardPolicy(silence_hours={CardKind.NSAID: 4})
    held = hold_back(Answer(cards, case=Case(stage=1)), policy, lambda _: before_of("nsaid 1 warning 1"), NOW)
    assert (held.cards, held.reason) == ((cards[1],), None)
    assert [one.card for one in held.withheld] == [cards[0]]


def test_shadow_comes_last_so_that_the_record_says_what_would_really_have_been_shown() -> None:
    cards = (card_of("nsaid warning"), card_of("metformin info", "other"))
    policy = CardPolicy(silence_hours={CardKind.NSAID: 4})
    held = hold_back(Answer(cards, case=Case(stage=1)), policy, lambda _: before_of("nsaid 1 warning 1"), NOW)
    reasons = {one.card.kind.value: one.reason for one in hold_all_back(held, "cards-in-shadow").withheld}
    assert reasons == {"nsaid": "shown-before", "metformin": "cards-in-shadow"}


def test_the_record_of_cards_is_asked_only_where_a_window_could_apply() -> None:
    def fails(since: datetime) -> Sequence[ShownBefore]:
        raise AssertionError(since)

    answer = Answer((card_of("stage warning"),), case=Case(stage=1))
    policy = CardPolicy(silence_hours={CardKind.RISK: 4})
    assert hold_back(answer, policy, fails, NOW) == answer


def test_a_record_that_cannot_be_read_silences_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def fails(since: datetime) -> Sequence[ShownBefore]:
        raise HistoryUnavailable

    answer = Answer((card_of("stage warning"),), case=Case(stage=1))
    assert hold_back(answer, CardPolicy(silence_hours={CardKind.STAGE: 8}), fails, NOW) == answer
    assert "silence windows do not apply" in caplog.text


class TestThresholds:
    """`risk_warning_from` and `risk_info_from`; the model's own threshold is 0.2 here."""

    @pytest.mark.parametrize(
        ("policy", "probability", "shown"),
        [
            ({}, 0.19, None),
            ({}, 0.20, Indicator.WARNING),
            ({"risk_warning_from": 0.1}, 0.10, Indicator.WARNING),
            ({"risk_warning_from": 0.4}, 0.39, None),
            ({"risk_warning_from": 0.4, "risk_info_from": 0.2}, 0.39, Indicator.INFO),
            ({"risk_info_from": 0.1}, 0.15, Indicator.INFO),
            ({"risk_info_from": 0.1}, 0.09, None),
            ({"risk_info_from": 0.1}, 0.25, Indicator.WARNING),
        ],
    )
    def test_a_site_decides_from_which_risk_on_a_card_speaks_and_how_loudly(
        self, policy: dict[str, float], probability: float, shown: Indicator | None
    ) -> None:
        outcome = assessment(stage=0, risk=risk(probability, threshold=0.2))
        chart = PatientSnapshot(patient_id=PATIENT, read_at=NOW)
        decision = decide(outcome, chart, Setting.HOSPITAL, CardPolicy(**policy))
        expected = Silent("risk-below-threshold") if shown is None else Show(CardKind.RISK, shown)
        assert decision == expected

    def test_information_cannot_begin_above_the_warning(self) -> None:
        with pytest.raises(ValueError, match="risk_info_from"):
            CardPolicy(risk_warning_from=0.2, risk_info_from=0.2)


def chart(*, recorded_hours_ago: float = 10, latest_hours_ago: float = 2, **problem: Any) -> PatientSnapshot:
    at = NOW - timedelta(hours=latest_hours_ago)
    fields: dict[str, Any] = {"active": True, "recorded_at": NOW - timedelta(hours=recorded_hours_ago), **problem}
    return PatientSnapshot(
        patient_id=PATIENT,
        read_at=NOW,
        series={Analyte.CREATININE: (Measurement(Analyte.CREATININE, 1.9, at, at, "Observation/c"),)},
        problems=(Problem("AKI", frozenset({Concept.ACUTE_KIDNEY_INJURY}), "Condition/1", **fields),),
    )


class TestCase:
    """What is read from outcome and chart. The stage of `assessment` is reached 20 hours before NOW."""

    def test_it_holds_stage_course_score_and_age(self) -> None:
        found = case_of(assessment(stage=2, course="rising", progression=risk(0.4)), chart(), NOW)
        assert (found.stage, found.course, found.likely_worse) == (2, "rising", True)
        assert (found.score, found.score_category, found.creatinine_age_hours) == (0.4, "high", 2.0)

    @pytest.mark.parametrize(
        ("changes", "acknowledged"),
        [
            ({}, True),
            ({"recorded_hours_ago": 30}, False),  # before this episode: another one's diagnosis
            ({"recorded_hours_ago": 1}, False),  # nobody has measured since
            ({"active": False}, False),
            ({"active": None}, False),
            ({"recorded_at": None}, False),
        ],
    )
    def test_acknowledged_means_written_down_in_this_episode_and_measured_since(
        self, changes: dict[str, Any], acknowledged: bool
    ) -> None:
        assert case_of(assessment(stage=2), chart(**changes), NOW).acknowledged is acknowledged

    def test_dialysis_is_a_stage_by_dialysis_or_a_patient_who_is_not_staged_for_it(self) -> None:
        by_dialysis = assessment(stage=3)
        assert isinstance(by_dialysis.kdigo, KdigoStaging)
        by_dialysis = replace(by_dialysis, kdigo=replace(by_dialysis.kdigo, criterion=KdigoCriterion.RRT))
        maintained = NotApplicable(PATIENT, NOW, INPUTS, (Reason("maintenance_dialysis", "On dialysis."),))
        newborn = NotApplicable(PATIENT, NOW, INPUTS, (Reason("newborn", "Under 28 days."),))
        found = [case_of(one, chart(), NOW).on_dialysis for one in (by_dialysis, maintained, newborn)]
        assert found == [True, True, False]

    def test_a_creatinine_of_the_future_is_not_the_newest(self) -> None:
        ahead = chart(latest_hours_ago=-1)
        assert case_of(assessment(stage=0), ahead, NOW).creatinine_age_hours is None


class TestEndpoint:
    @pytest.mark.parametrize(("setting", "shown"), [("IMP", ["risk"]), ("AMB", []), ("VR", []), ("UNK", ["risk"])])
    def test_a_risk_alone_is_shown_in_hospital_and_recorded_but_not_shown_at_a_visit(
        self, bench: Callable[..., Bench], setting: str, shown: list[str]
    ) -> None:
        at = bench(assess=lambda *_: assessment(stage=0, risk=risk(0.4, threshold=0.2)))
        answer = at.post(hook_body(prefetch=full_prefetch(creatinine("c1", 0.9, 2), setting=setting)))
        (event,) = at.events
        assert answer.status_code == 200
        assert len(answer.get_json()["cards"]) == len(shown)
        assert [card.kind for card in event.cards] == shown
        held = [(one.card.kind, one.reason) for one in event.withheld]
        assert held == ([] if shown else [(CardKind.RISK, "outpatient")])
        assert event.case is not None
        assert event.case.score == 0.4

    def test_a_card_on_opening_the_chart_names_the_drugs_that_can_harm(self, bench: Callable[..., Bench]) -> None:
        whose = {"subject": subject(PATIENT), "authoredOn": "2026-03-11T08:00:00Z"}
        orders = (("5640", "Ibuprofen"), ("4603", "Furosemide"))
        drugs = searchset(*(medication_request(code, name, **whose) for code, name in orders))
        chart = full_prefetch(creatinine("c1", 0.9, 40), creatinine("c2", 1.9, 2), medications=drugs)
        (card,) = bench().post(hook_body(prefetch=chart)).get_json()["cards"]
        assert "- Active on the chart and able to harm kidneys: ibuprofen\n" in card["detail"]

    def test_a_card_held_back_is_recorded_as_exactly_as_one_shown(self, bench: Callable[..., Bench]) -> None:
        asked: list[dict[str, Any]] = []

        def history(**question: Any) -> list[ShownBefore]:
            asked.append(question)
            return [ShownBefore("earlier", CardKind.STAGE, Indicator.WARNING, 2, NOW)]

        policy = CardPolicy(silence_hours={CardKind.STAGE: 8})
        at = bench(card_policy_for=lambda _: policy, history=history)
        assert at.post(hook_body(prefetch=RISING)).get_json() == {"cards": []}
        (event,) = at.events
        (withheld,) = event.withheld
        assert (event.cards, event.reason, withheld.reason) == ((), "shown-before", "shown-before")
        assert (withheld.card.kind, withheld.card.indicator) == (CardKind.STAGE, Indicator.WARNING)
        assert event.case is not None
        assert event.case.stage == 2
        assert asked == [
            {
                "ehr_id": "ehr-1",
                "patient_id": PATIENT,
                "user_id": "Practitioner/d-1",
                "since": NOW - timedelta(hours=8),
            }
        ]

    def test_a_window_for_the_site_asks_what_anybody_was_shown(self, bench: Callable[..., Bench]) -> None:
        asked: list[Any] = []

        def history(**question: Any) -> list[ShownBefore]:
            asked.append(question["user_id"])
            return []

        policy = CardPolicy(silence_hours={CardKind.STAGE: 8}, silence_for="site")
        at = bench(card_policy_for=lambda _: policy, history=history)
        assert len(at.post(hook_body(prefetch=RISING)).get_json()["cards"]) == 1
        assert asked == [None]
