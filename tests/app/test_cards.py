"""Cards and what became of them, from hook to database: recorded before the answer, joined, kept once."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app.auditing.trail import AuditTrail
from app.cds.cards import CardRecord
from app.cds.feedback import FeedbackStore
from app.cds.replay import UsedJwts
from app.factory import create_app
from app.services import AppServices, open_services
from app.storage.encryption import SealedBox
from app.storage.tables import AuditEventRow, CdsCardRow, CdsFeedbackRow
from app.watching.switches import Switch, Switches, set_switch
from cds_hooks.case import Case
from cds_hooks.decision import CardKind, Indicator
from cds_hooks.errors import HistoryUnavailable
from cds_hooks.feedback import FeedbackBatch, FeedbackEvent, FeedbackReceipt, read_feedback
from cds_hooks.record import CardShown, CardWithheld, CdsEvent
from cds_hooks.replay import CallToken
from model.errors import ModelError
from tests.builders.cds import (
    EHR,
    NOW,
    PATIENT,
    PUBLIC_URL,
    RISING,
    creatinine,
    ec_key,
    full_prefetch,
    hook_body,
    public_jwks,
    token,
)
from tests.builders.clock import Clock
from tests.builders.databases import stored_bytes
from tests.builders.registrations import MASTER_KEY, ehr_table, local_ehrs, settings_for

STEADY = full_prefetch(creatinine("c1", 0.9, 40), creatinine("c2", 0.9, 2), setting="AMB")
ANOTHER_USER = {"userId": "Practitioner/other", "patientId": PATIENT}
WHO = {"ehr_id": "ehr-1", "patient_id": "p-1", "user_id": "Practitioner/7"}


def event(*cards: CardShown, **changes: Any) -> CdsEvent:
    fields: dict[str, Any] = {
        "at": NOW,
        "service_id": "aki-patient-view",
        "status": 200,
        "hook_instance": "h-1",
        "cards": cards,
        "case": Case(stage=2, score=0.4, score_category="high"),
        **WHO,
    }
    return CdsEvent(**{**fields, **changes})


def shown(uuid: str = "u-1", kind: CardKind = CardKind.STAGE) -> CardShown:
    return CardShown(uuid, kind, Indicator.WARNING)


@pytest.fixture
def box() -> SealedBox:
    return SealedBox([MASTER_KEY])


@pytest.fixture
def record(database: Engine, box: SealedBox) -> CardRecord:
    return CardRecord(database, box)


@pytest.fixture
def feedback(database: Engine, box: SealedBox, clock: Clock) -> FeedbackStore:
    return FeedbackStore(AuditTrail(database, clock), UsedJwts(database, clock), box)


def write(record: CardRecord, database: Engine, *events: CdsEvent) -> list[CdsCardRow]:
    with database.begin() as connection:
        for one in events:
            record.write(connection, one)
    with Session(database) as db:
        return list(db.scalars(select(CdsCardRow).order_by(CdsCardRow.uuid)))


class TestRecord:
    def test_a_card_shown_and_one_held_back_are_kept_with_reason_stage_and_score(
        self, record: CardRecord, database: Engine
    ) -> None:
        held = CardWithheld(shown("u-2", CardKind.NSAID), "shown-before")
        one, other = write(record, database, event(shown(), withheld=(held,), model_sha256="ab" * 32))
        assert (one.topic, one.indicator, one.silence) == ("stage", "warning", None)
        assert (other.topic, other.silence) == ("nsaid", "shown-before")
        for row in (one, other):
            assert (row.stage, row.score, row.score_category) == (2, 0.4, "high")
            assert (row.at, row.user_id, row.model_sha256) == (NOW, "Practitioner/7", "ab" * 32)
            assert row.patient_ref != "p-1"

    def test_a_silence_after_an_assessment_is_kept_with_its_score(
        self, record: CardRecord, database: Engine
    ) -> None:
        (row,) = write(record, database, event(reason="risk-below-threshold", case=Case(stage=0, score=0.1)))
        assert (row.topic, row.silence, row.stage, row.score) == (None, "risk-below-threshold", 0, 0.1)

    def test_a_call_that_assessed_nobody_leaves_no_row(self, record: CardRecord, database: Engine) -> None:
        assert (
            write(record, database, event(case=None, reason="no-drug-order"), event(case=None, status=412)) == []
        )

    def test_a_call_tried_again_is_one_card(self, record: CardRecord, database: Engine) -> None:
        again = event(shown(), at=NOW + timedelta(seconds=5))
        (row,) = write(record, database, event(shown()), again)
        assert row.at == NOW

    def test_the_history_knows_what_was_shown_to_this_user_about_this_patient_and_nothing_else(
        self, record: CardRecord, database: Engine
    ) -> None:
        write(
            record,
            database,
            event(shown("u-1")),
            event(shown("u-2"), user_id="Practitioner/8"),
            event(shown("u-3"), patient_id="p-2"),
            event(shown("u-4"), ehr_id="ehr-2"),
            event(shown("u-5"), at=NOW - timedelta(hours=9)),
            event(withheld=(CardWithheld(shown("u-6"), "falling"),), reason="falling"),
            event(reason="no-aki-outpatient", hook_instance="h-7"),
        )
        since = NOW - timedelta(hours=8)
        mine = record.shown_before(**WHO, since=since)
        assert [(one.uuid, one.kind, one.indicator, one.stage, one.at) for one in mine] == [
            ("u-1", CardKind.STAGE, Indicator.WARNING, 2, NOW)
        ]
        anybodys = record.shown_before(**{**WHO, "user_id": None}, since=since)
        assert {one.uuid for one in anybodys} == {"u-1", "u-2"}

    def test_the_history_outlives_a_new_master_key_while_the_old_one_is_still_named(
        self, record: CardRecord, database: Engine
    ) -> None:
        write(record, database, event(shown()))
        both = CardRecord(database, SealedBox(["n" * 32, MASTER_KEY]))
        assert len(both.shown_before(**WHO, since=NOW)) == 1
        assert CardRecord(database, SealedBox(["n" * 32])).shown_before(**WHO, since=NOW) == []

    def test_a_history_that_cannot_be_read_says_so(self, record: CardRecord, database: Engine) -> None:
        with database.begin() as connection:
            connection.exec_driver_sql("DROP TABLE cds_card")
        with pytest.raises(HistoryUnavailable):
            record.shown_before(**WHO, since=NOW)


CARD = "4e0a3a1e-3d3a-4a51-9d8a-0d6d5f1e2a11"


_NUMBERS = count(1)


def told(*entries: dict[str, Any], ehr_id: str = "ehr-1") -> FeedbackEvent:
    usual = {"card": CARD, "outcome": "accepted", "outcomeTimestamp": "2026-03-12T09:05:00Z"}
    batch = read_feedback({"feedback": [{**usual, **entry} for entry in entries]})
    return FeedbackEvent(NOW, ehr_id, "aki-patient-view", CallToken("iss", f"j-{next(_NUMBERS)}", NOW), batch)


@pytest.mark.usefixtures("app_context")
class TestFeedback:
    @pytest.fixture
    def app_context(self) -> Any:
        with Flask("test").app_context():
            yield

    def stored(self, database: Engine) -> list[CdsFeedbackRow]:
        with Session(database) as db:
            return list(db.scalars(select(CdsFeedbackRow).order_by(CdsFeedbackRow.outcome)))

    def test_it_is_joined_to_the_card_of_the_same_ehr_and_marked_where_there_is_none(
        self, feedback: FeedbackStore, record: CardRecord, database: Engine
    ) -> None:
        write(record, database, event(shown(CARD)))
        assert feedback.store(told({})) == FeedbackReceipt(1, 0, 0)
        assert feedback.store(told({}, ehr_id="ehr-2")) == FeedbackReceipt(1, 0, 1)
        assert feedback.store(told({"card": "urn:uuid:" + CARD.replace("4", "5")})) == FeedbackReceipt(1, 0, 1)
        assert sorted(row.matched for row in self.stored(database)) == [False, False, True]

    def test_told_again_in_the_same_or_another_batch_it_is_stored_once(
        self, feedback: FeedbackStore, database: Engine
    ) -> None:
        assert feedback.store(told({}, {})) == FeedbackReceipt(1, 1, 1)
        assert feedback.store(told({}, {"outcome": "overridden"})) == FeedbackReceipt(1, 1, 1)
        assert [row.outcome for row in self.stored(database)] == ["accepted", "overridden"]

    def test_two_suggestions_of_one_card_accepted_in_the_same_second_are_both_kept(
        self, feedback: FeedbackStore, database: Engine
    ) -> None:
        other = CARD.replace("4", "6")
        feedback.store(told({"acceptedSuggestions": [{"id": CARD}]}, {"acceptedSuggestions": [{"id": other}]}))
        assert {row.suggestions for row in self.stored(database)} == {CARD, other}

    def test_a_reason_is_kept_and_the_users_comment_is_sealed(
        self, feedback: FeedbackStore, database: Engine, box: SealedBox
    ) -> None:
        reason = {"reason": {"code": "dialysis", "system": "urn:x"}, "userComment": "Mrs Canaryname declined"}
        feedback.store(told({"outcome": "overridden", "overrideReason": reason}))
        (row,) = self.stored(database)
        assert (row.reason_system, row.reason_code) == ("urn:x", "dialysis")
        assert row.sealed is not None
        assert box.open(row.sealed, context=f"cds_feedback/{row.id}") == b"Mrs Canaryname declined"
        assert b"Canaryname" not in stored_bytes(database)

    def test_it_is_audited_by_counts_in_the_same_transaction(
        self, feedback: FeedbackStore, database: Engine, clock: Clock
    ) -> None:
        feedback.store(told({}, {"outcome": "ignored"}))
        (found,) = AuditTrail(database, clock).events()
        assert (found["action"], found["outcome"]) == ("cds-feedback", "entries=1,refused=1")
        assert found["jti"].startswith("j-")

    def test_an_empty_batch_is_audited_too(self, feedback: FeedbackStore, database: Engine, clock: Clock) -> None:
        empty = FeedbackEvent(NOW, "ehr-1", "aki-patient-view", None, FeedbackBatch((), ()))
        assert feedback.store(empty) == FeedbackReceipt(0, 0, 0)
        assert len(list(AuditTrail(database, clock).events())) == 1


Build = Callable[..., AppServices]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """The application with one CDS client, whose `[ehr.cds.cards]` a test writes."""

    def make(**cards: Any) -> AppServices:
        cds = {"jwks": public_jwks(ec_key()), "fhir_servers": [EHR], "iss": EHR, "cards": cards}
        ehrs = local_ehrs(ehr_table("http://127.0.0.1:9", id="ehr-1", iss=EHR, cds=cds))
        return open_services(settings_for(tmp_path, public_url=PUBLIC_URL), ehrs=ehrs, clock=lambda: NOW)

    return make


def call(services: AppServices, body: Any, path: str = "aki-patient-view") -> Any:
    bearer = token(aud=f"{PUBLIC_URL}/cds-services/{path}")
    client = create_app(services=services).test_client()
    return client.post(f"/cds-services/{path}", json=body, headers={"Authorization": f"Bearer {bearer}"})


def rows(services: AppServices, table: Any) -> list[Any]:
    with Session(services.engine) as db:
        return list(db.scalars(select(table)))


class TestApplication:
    def test_card_feedback_and_audit_meet_in_the_database(self, build: Build) -> None:
        services = build()
        (card,) = call(services, hook_body(prefetch=RISING)).get_json()["cards"]
        entry = {
            "card": card["uuid"],
            "outcome": "accepted",
            "acceptedSuggestions": [{"id": card["suggestions"][0]["uuid"]}],
            "outcomeTimestamp": "2026-03-12T09:05:00Z",
        }
        answer = call(services, {"feedback": [entry]}, "aki-patient-view/feedback")
        assert answer.status_code == 200, answer.text
        (kept,), (became,) = rows(services, CdsCardRow), rows(services, CdsFeedbackRow)
        assert (kept.uuid, kept.topic, kept.stage, kept.silence) == (card["uuid"], "stage", 2, None)
        assert (became.card_uuid, became.matched) == (card["uuid"], True)
        assert [found["action"] for found in services.audit.events()] == ["card-returned", "cds-feedback"]
        metrics = create_app(services=services).test_client().get("/metrics").text
        assert 'aki_cds_cards_total{ehr="ehr-1",outcome="shown",topic="stage"}' in metrics
        assert 'aki_cds_feedback_total{ehr="ehr-1",outcome="accepted",service="aki-patient-view"}' in metrics

    def test_a_window_silences_the_second_look_and_the_record_says_so(self, build: Build) -> None:
        services = build(silence_hours={"stage": 8})
        again = hook_body(prefetch=RISING, hookInstance="another-call")
        assert len(call(services, hook_body(prefetch=RISING)).get_json()["cards"]) == 1
        assert call(services, again).get_json() == {"cards": []}
        assert {row.silence for row in rows(services, CdsCardRow)} == {None, "shown-before"}
        assert [found["outcome"] for found in services.audit.events()] == ["stage", "shown-before: stage"]

    @pytest.mark.parametrize(
        ("reason", "silenced"),
        [({"overrideReason": {"reason": {"code": "dialysis", "system": "urn:x"}}}, True), ({}, False)],
    )
    def test_an_override_with_a_reason_silences_the_topic_and_one_without_does_not(
        self, build: Build, reason: dict[str, Any], silenced: bool
    ) -> None:
        """CH-41: after what the clinician answered, not after a card waved away."""
        services = build(silence_after_override_hours={"stage": 8})
        (card,) = call(services, hook_body(prefetch=RISING)).get_json()["cards"]
        entry = {
            "card": card["uuid"],
            "outcome": "overridden",
            "outcomeTimestamp": "2026-03-12T09:00:00Z",
            **reason,
        }
        assert call(services, {"feedback": [entry]}, "aki-patient-view/feedback").status_code == 200
        again = hook_body(prefetch=RISING, hookInstance="another-call")
        assert len(call(services, again).get_json()["cards"]) == (0 if silenced else 1)
        assert ("overridden" in {row.silence for row in rows(services, CdsCardRow)}) is silenced
        colleague = hook_body(prefetch=RISING, hookInstance="third-call", context=ANOTHER_USER)
        assert len(call(services, colleague).get_json()["cards"]) == 1

    def test_without_a_model_a_quiet_chart_gets_its_card_once_a_day_and_then_an_answer_that_says_so(
        self, build: Build
    ) -> None:
        refused = ModelError("none")
        services = replace(build(), model=refused, site_models={"ehr-1": refused})
        steady = full_prefetch(creatinine("c1", 0.9, 40), creatinine("c2", 0.9, 2))
        (card,) = call(services, hook_body(prefetch=steady)).get_json()["cards"]
        assert "the model is not available" in card["detail"]
        second = call(services, hook_body(prefetch=steady, hookInstance="another-call")).get_json()
        assert second == {"cards": [], "extension": {"aki-sentinel.cards": "risk-not-computed"}}
        assert [one["outcome"] for one in services.audit.events()] == [
            "no-risk-estimate",
            "risk-not-computed: no-risk-estimate",
        ]
        rising = call(services, hook_body(prefetch=RISING, hookInstance="third-call")).get_json()
        assert "KDIGO stage 2" in rising["cards"][0]["summary"]
        metrics = create_app(services=services).test_client().get("/metrics").text
        assert 'outcome="risk-not-computed",topic="no-risk-estimate"' in metrics

    def test_a_call_tried_again_inside_the_window_gets_its_card_again(self, build: Build) -> None:
        services = build(silence_hours={"stage": 8})
        first, again = (call(services, hook_body(prefetch=RISING)).get_json()["cards"] for _ in range(2))
        assert first == again
        assert len(rows(services, CdsCardRow)) == 1

    def test_what_cannot_be_recorded_is_not_shown(self, build: Build) -> None:
        services = build()
        with services.engine.begin() as connection:
            connection.exec_driver_sql("DROP TABLE cds_card")
        answer = call(services, hook_body(prefetch=RISING))
        assert answer.status_code == 500
        assert "cards" not in answer.get_json()
        assert rows(services, AuditEventRow) == []

    @pytest.mark.parametrize(("registry", "switch"), [("shadow", None), (None, "shadow"), ("shadow", "live")])
    def test_in_shadow_by_registry_or_switch_cards_are_kept_and_not_sent(
        self, build: Build, registry: str | None, switch: Any
    ) -> None:
        services = build(**({"mode": registry} if registry else {}))
        if switch:
            set_switch(services.engine, "ehr-1", "cards", Switch(switch, NOW, "trial", "cli:test"))
        answer = call(services, hook_body(prefetch=RISING)).get_json()
        assert answer == {"cards": [], "extension": {"aki-sentinel.cards": "shadow"}}
        (kept,) = rows(services, CdsCardRow)
        assert (kept.topic, kept.silence) == ("stage", "cards-in-shadow")

    @pytest.mark.parametrize(("registry", "switch"), [("off", "live"), ("live", "off"), ("shadow", "off")])
    def test_the_stricter_of_registry_and_switch_holds(self, build: Build, registry: str, switch: Any) -> None:
        services = build(mode=registry)
        set_switch(services.engine, "ehr-1", "cards", Switch(switch, NOW, "trial", "cli:test"))
        assert Switches(services.engine).mode("ehr-1", "cards") == switch
        answer = call(services, hook_body(prefetch=RISING)).get_json()
        assert answer == {"cards": [], "extension": {"aki-sentinel.cards": "off"}}
        assert rows(services, CdsCardRow) == []
        assert [found["outcome"] for found in services.audit.events()][-1] == "cards-switched-off"

    def test_a_silence_without_a_finding_is_kept_with_its_reason(self, build: Build) -> None:
        services = build()
        assert call(services, hook_body(prefetch=STEADY)).get_json() == {"cards": []}
        (kept,) = rows(services, CdsCardRow)
        assert kept.topic is None
        assert kept.silence in {"risk-below-threshold", "no-aki-outpatient"}
