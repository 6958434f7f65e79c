"""What became of cards, as EHRs tell it: CDS Hooks 2.0 Feedback, Epic's ways, batches with a bad entry."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_hooks.errors import RequestUnreadable
from cds_hooks.feedback import (
    EPIC_REASONS,
    MOST_ENTRIES,
    CardFeedback,
    CardOutcome,
    FeedbackEvent,
    FeedbackReceipt,
    read_feedback,
)
from tests.builders.cds import NOW, PUBLIC_URL, token
from tests.cds_hooks.conftest import Bench

CARD = "4e0a3a1e-3d3a-4a51-9d8a-0d6d5f1e2a11"
SUGGESTION = "9a6f6c58-7f0c-4c3d-8d2e-1b1c0a9e8f77"
AT = "2026-03-12T08:55:00Z"
URL = f"{PUBLIC_URL}/cds-services/aki-patient-view/feedback"
PATH = "aki-patient-view/feedback"


def accepted(**changes: Any) -> dict[str, Any]:
    fields = {
        "card": CARD,
        "outcome": "accepted",
        "outcomeTimestamp": AT,
        "acceptedSuggestions": [{"id": SUGGESTION}],
    }
    fields.update(changes)
    return {name: value for name, value in fields.items() if value is not ...}


def overridden(**changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {"card": CARD, "outcome": "overridden", "outcomeTimestamp": AT}
    return {**fields, **changes}


def one(entry: Any) -> CardFeedback:
    batch = read_feedback({"feedback": [entry]})
    assert batch.refused == ()
    return batch.entries[0]


class TestReading:
    """CH-42 to CH-46."""

    def test_an_accepted_suggestion(self) -> None:
        found = one(accepted())
        assert found == CardFeedback(
            CARD, CardOutcome.ACCEPTED, datetime(2026, 3, 12, 8, 55, tzinfo=UTC), (SUGGESTION,)
        )

    def test_an_override_with_reason_and_comment(self) -> None:
        reason = {"code": "comfort-care", "system": "urn:aki-sentinel:override-reason", "display": "Comfort care"}
        found = one(overridden(overrideReason={"reason": reason, "userComment": " Mrs Canaryname agreed "}))
        assert (found.outcome, found.reason_code) == (CardOutcome.OVERRIDDEN, "comfort-care")
        assert found.reason_system == "urn:aki-sentinel:override-reason"
        assert found.comment == "Mrs Canaryname agreed"
        assert "Canaryname" not in repr(found)

    @pytest.mark.parametrize("reason", [..., {}, None, "words", [], {"reason": "words"}, {"reason": {}}])
    def test_an_override_without_a_reason_that_can_be_read_is_an_override(self, reason: Any) -> None:
        entry = overridden() if reason is ... else overridden(overrideReason=reason)
        assert (one(entry).reason_code, one(entry).comment) == (None, None)

    @pytest.mark.parametrize("wrap", [lambda told: told, lambda told: [told]])
    def test_epics_spelling_of_the_field(self, wrap: Callable[[Any], Any]) -> None:
        told = {
            "reason": {"code": "contraindicated", "system": "http://example.org/reasons"},
            "userComment": "seen",
        }
        found = one(overridden(overrideReasons=wrap(told)))
        assert (found.reason_system, found.reason_code, found.comment) == (
            "http://example.org/reasons",
            "contraindicated",
            "seen",
        )

    def test_a_reason_built_at_an_epic_site_comes_in_an_extension(self) -> None:
        extension = {
            f"{EPIC_REASONS}.reasonCategory": "45",
            f"{EPIC_REASONS}.reasonTitle": "Does not meet criteria",
        }
        found = one(overridden(overrideReasons={"extension": extension}))
        assert (found.reason_system, found.reason_code) == (EPIC_REASONS, "45")

    @pytest.mark.parametrize("code", ["Mrs Müller is on dialysis", "x" * 201, "two\nlines", 7, {"code": "x"}, ""])
    def test_what_is_no_code_is_dropped_for_it_may_be_a_sentence_about_a_patient(self, code: Any) -> None:
        assert one(overridden(overrideReason={"reason": {"code": code}})).reason_code is None

    @pytest.mark.parametrize("spelling", [CARD.upper(), f"urn:uuid:{CARD}", f" {CARD} "])
    def test_a_uuid_has_one_spelling(self, spelling: str) -> None:
        assert one(accepted(card=spelling)).card_uuid == CARD

    def test_a_card_that_is_no_uuid_is_none_of_ours_and_only_its_digest_is_kept(self) -> None:
        found = one(accepted(card="Mrs Canaryname"))
        assert found.card_uuid == f"digest:{hashlib.sha256(b'Mrs Canaryname').hexdigest()[:32]}"

    @pytest.mark.parametrize("listed", [..., None, [], "words", [{}], [{"id": 7}], ["words"]])
    def test_an_acceptance_without_readable_suggestions_is_still_an_acceptance(self, listed: Any) -> None:
        assert one(accepted(acceptedSuggestions=listed)).accepted_suggestions == ()

    @pytest.mark.parametrize(
        ("text", "at"),
        [
            ("2026-03-12T08:55:00.250Z", datetime(2026, 3, 12, 8, 55, 0, 250000, tzinfo=UTC)),
            ("2026-03-12T03:55:00-05:00", datetime(2026, 3, 12, 8, 55, tzinfo=UTC)),
        ],
    )
    def test_a_time_is_read_with_its_offset(self, text: str, at: datetime) -> None:
        assert one(accepted(outcomeTimestamp=text)).outcome_at == at

    @pytest.mark.parametrize(
        ("entry", "field_name"),
        [
            ("words", ""),
            (accepted(card=...), "card"),
            (accepted(card=7), "card"),
            (accepted(card=" "), "card"),
            (accepted(outcome="ignored"), "outcome"),
            (accepted(outcome=["accepted"]), "outcome"),
            (accepted(outcomeTimestamp=...), "outcomeTimestamp"),
            (accepted(outcomeTimestamp="2026-03-12T08:55:00"), "outcomeTimestamp"),
            (accepted(outcomeTimestamp="yesterday"), "outcomeTimestamp"),
            (accepted(outcomeTimestamp=1770000000), "outcomeTimestamp"),
            (accepted(outcomeTimestamp="0001-01-01T00:00:00+14:00"), "outcomeTimestamp"),
        ],
    )
    def test_a_bad_entry_is_named_and_loses_none_of_the_others(self, entry: Any, field_name: str) -> None:
        batch = read_feedback({"feedback": [accepted(), entry, overridden()]})
        assert [found.outcome.value for found in batch.entries] == ["accepted", "overridden"]
        assert [(found.index, found.field) for found in batch.refused] == [(1, field_name)]

    @pytest.mark.parametrize("body", [None, [], {}, {"feedback": {}}, {"feedback": "x"}, [accepted()]])
    def test_a_body_without_the_array_is_refused(self, body: Any) -> None:
        with pytest.raises(RequestUnreadable):
            read_feedback(body)

    def test_a_batch_beyond_reason_is_refused(self) -> None:
        with pytest.raises(RequestUnreadable):
            read_feedback({"feedback": [accepted()] * (MOST_ENTRIES + 1)})

    @given(
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.text(),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*accepted(), *overridden(
                overrideReason=0, overrideReasons=0), "reason", "extension", "code", "id"]), inner, max_size=5),
            max_leaves=20,
        )
    )  # fmt: skip
    def test_nothing_that_can_be_sent_breaks_the_reading(self, entry: Any) -> None:
        batch = read_feedback({"feedback": [entry]})
        assert len(batch.entries) + len(batch.refused) == 1


@dataclass
class Kept:
    """Stands in for the store: what was given to it."""

    events: list[FeedbackEvent] = field(default_factory=list)

    def store(self, event: FeedbackEvent) -> FeedbackReceipt:
        self.events.append(event)
        return FeedbackReceipt(len(event.batch.entries), 0, 0)


class TestEndpoint:
    def post(self, bench: Callable[..., Bench], *entries: Any, **how: Any) -> tuple[Any, Kept]:
        kept = Kept()
        how.setdefault("bearer", token(aud=URL))
        return bench(store_feedback=kept.store).post({"feedback": list(entries)}, path=PATH, **how), kept

    def test_it_is_taken_with_who_sent_it_and_when(self, bench: Callable[..., Bench]) -> None:
        answer, kept = self.post(bench, accepted(), overridden(), bearer=token(aud=URL, jti="j-9"))
        assert (answer.status_code, answer.get_json()["resourceType"]) == (200, "OperationOutcome")
        (event,) = kept.events
        assert (event.at, event.ehr_id, event.service_id, event.token.jti) == (
            NOW,
            "ehr-1",
            "aki-patient-view",
            "j-9",
        )
        assert len(event.batch.entries) == 2

    def test_a_bad_entry_among_good_ones_is_200_and_named(self, bench: Callable[..., Bench]) -> None:
        answer, kept = self.post(bench, accepted(), accepted(outcome="ignored"), overridden())
        assert answer.status_code == 200
        assert len(kept.events[0].batch.entries) == 2
        said, warned = answer.get_json()["issue"]
        assert (said["severity"], warned["severity"]) == ("information", "warning")
        assert warned["expression"] == ["feedback[1].outcome"]

    def test_a_batch_without_one_readable_entry_is_400(self, bench: Callable[..., Bench]) -> None:
        answer, _ = self.post(bench, accepted(outcome="ignored"))
        assert answer.status_code == 400
        assert [issue["severity"] for issue in answer.get_json()["issue"]] == ["error"]

    def test_many_bad_entries_are_counted_rather_than_listed(self, bench: Callable[..., Bench]) -> None:
        answer, _ = self.post(bench, *["words"] * 30)
        assert len(answer.get_json()["issue"]) == 21
        assert "10 more" in answer.get_json()["issue"][-1]["details"]["text"]

    def test_an_empty_array_is_taken(self, bench: Callable[..., Bench]) -> None:
        answer, _ = self.post(bench)
        assert answer.status_code == 200

    def test_the_token_must_be_for_the_feedback_address(self, bench: Callable[..., Bench]) -> None:
        """CH-49: the sandbox signs feedback with the address of the feedback."""
        for bearer in ("", "nonsense", token()):
            answer, kept = self.post(bench, accepted(), bearer=bearer)
            assert (answer.status_code, kept.events) == (401, [])

    def test_a_token_is_used_once(self, bench: Callable[..., Bench]) -> None:
        at = bench(store_feedback=Kept().store)
        bearer = token(aud=URL)
        statuses = [at.post({"feedback": []}, path=PATH, bearer=bearer).status_code for _ in range(2)]
        assert statuses == [200, 401]

    def test_a_large_body_is_413_and_get_is_405(self, bench: Callable[..., Bench]) -> None:
        answer, _ = self.post(bench, accepted(padding="x" * 1_100_000))
        assert answer.status_code == 413
        refused = bench().app.test_client().get(f"/cds-services/{PATH}")
        assert (refused.status_code, refused.headers["Allow"]) == (405, "POST, OPTIONS")

    def test_nothing_of_it_is_logged(self, bench: Callable[..., Bench], caplog: pytest.LogCaptureFixture) -> None:
        told = {"reason": {"code": "not-aki"}, "userComment": "Mrs Canaryname"}
        with caplog.at_level("DEBUG"):
            self.post(bench, overridden(overrideReason=told), accepted(card="Canaryname"))
        assert "Canaryname" not in caplog.text
