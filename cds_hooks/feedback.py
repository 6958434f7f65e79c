"""What clinicians did with cards: `POST /cds-services/<id>/feedback` (CDS Hooks 2.0, Feedback; CH-42 to CH-46).

Read entry by entry: one that cannot be read is named in the answer and loses none of the others. Read as Epic
sends them too: `overrideReasons`, and reasons built at the site inside an `extension` (CH-44).
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from cds_hooks.errors import ERROR_SYSTEM, RequestUnreadable
from cds_hooks.replay import CallToken

MOST_ENTRIES: Final = 1000
MOST_SUGGESTIONS: Final = 20
MOST_COMMENT_CHARACTERS: Final = 4000
MOST_NAMED: Final = 20  # refused entries that the answer names one by one
EPIC_REASONS: Final = "com.epic.cdshooks.feedback.overrideReason"
_UUID: Final = re.compile(r"(?:urn:uuid:)?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")


class CardOutcome(StrEnum):
    """What was done with a card. There is none for a card that was passed over: no feedback says that (CH-46)."""

    ACCEPTED = "accepted"
    OVERRIDDEN = "overridden"


@dataclass(frozen=True, slots=True)
class CardFeedback:
    """What became of one card. `comment` is free text and may name a patient: sealed or dropped, never logged."""

    card_uuid: str
    outcome: CardOutcome
    outcome_at: datetime
    accepted_suggestions: tuple[str, ...] = ()
    reason_system: str | None = None
    reason_code: str | None = None
    comment: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class RefusedEntry:
    """An entry that could not be read: its place in the batch, its field, and the rule it broke."""

    index: int
    field: str
    rule: str


@dataclass(frozen=True, slots=True)
class FeedbackBatch:
    """One POST, read."""

    entries: tuple[CardFeedback, ...]
    refused: tuple[RefusedEntry, ...]


@dataclass(frozen=True, slots=True)
class FeedbackEvent:
    """A batch with who sent it and when it came: what is stored and audited."""

    at: datetime
    ehr_id: str
    service_id: str
    token: CallToken | None
    batch: FeedbackBatch


@dataclass(frozen=True, slots=True)
class FeedbackReceipt:
    """What became of a batch: entries stored, known already, and stored without a card known here."""

    stored: int
    repeated: int
    unmatched: int


class _Unreadable(Exception):
    def __init__(self, field_name: str, rule: str) -> None:
        super().__init__(field_name)
        self.field_name = field_name
        self.rule = rule


def read_feedback(body: Any) -> FeedbackBatch:
    """The entries of a body. Raises RequestUnreadable when it is no list of entries, or one too long."""
    listed = body.get("feedback") if isinstance(body, Mapping) else None
    if not isinstance(listed, list):
        raise RequestUnreadable("feedback-missing", "The body must be an object with the array feedback.")
    if len(listed) > MOST_ENTRIES:
        raise RequestUnreadable("feedback-too-long", f"Send at most {MOST_ENTRIES} entries at a time.")
    entries, refused = [], []
    for index, entry in enumerate(listed):
        try:
            entries.append(_entry(entry))
        except _Unreadable as problem:
            refused.append(RefusedEntry(index, problem.field_name, problem.rule))
    return FeedbackBatch(tuple(entries), tuple(refused))


def receipt_outcome(batch: FeedbackBatch, receipt: FeedbackReceipt) -> dict[str, Any]:
    """The OperationOutcome that answers a batch: what was stored, and each entry that could not be read."""
    text = (
        f"Stored {receipt.stored}; known already {receipt.repeated}; of cards not known here {receipt.unmatched}."
    )
    issues = [_issue("information", "informational", "feedback-stored", text)] if batch.entries else []
    for one in batch.refused[:MOST_NAMED]:
        issue = _issue("warning" if batch.entries else "error", "invalid", "feedback-unreadable", one.rule)
        issues.append({**issue, "expression": [f"feedback[{one.index}]{one.field and '.'}{one.field}"]})
    if len(batch.refused) > MOST_NAMED:
        more = f"{len(batch.refused) - MOST_NAMED} more entries could not be read."
        issues.append(_issue("warning", "invalid", "feedback-unreadable", more))
    return {
        "resourceType": "OperationOutcome",
        "issue": issues or [_issue("information", "informational", "feedback-empty", "The array was empty.")],
    }


def _issue(severity: str, issue: str, code: str, text: str) -> dict[str, Any]:
    details = {"coding": [{"system": ERROR_SYSTEM, "code": code}], "text": text}
    return {"severity": severity, "code": issue, "details": details}


def _entry(entry: Any) -> CardFeedback:
    if not isinstance(entry, Mapping):
        raise _Unreadable("", "Each entry must be an object.")
    card, outcome = entry.get("card"), entry.get("outcome")
    if not isinstance(card, str) or not card.strip():
        raise _Unreadable("card", "card is required: the uuid of a card that was returned.")
    if outcome not in tuple(CardOutcome):
        raise _Unreadable("outcome", "outcome must be accepted or overridden.")
    system, code, comment = _reason(entry)
    return CardFeedback(
        card_uuid=_identity(card),
        outcome=CardOutcome(outcome),
        outcome_at=_instant(entry.get("outcomeTimestamp")),
        accepted_suggestions=tuple(_suggestions(entry.get("acceptedSuggestions"))),
        reason_system=system,
        reason_code=code,
        comment=comment,
    )


def _identity(text: str) -> str:
    """A uuid in its one spelling. What is no uuid is none of ours and may hold anything: its digest is kept."""
    found = _UUID.fullmatch(text.strip().lower())
    return found[1] if found else f"digest:{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def _instant(value: Any) -> datetime:
    """RFC 3339 with its offset. A time without one is refused: a zone is never guessed."""
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
        if at is not None and at.tzinfo is not None:
            return at.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    rule = "outcomeTimestamp must be a time with its offset, such as 2026-03-12T09:00:00Z."
    raise _Unreadable("outcomeTimestamp", rule)


def _suggestions(listed: Any) -> Iterator[str]:
    for one in listed[:MOST_SUGGESTIONS] if isinstance(listed, list) else ():
        named = one.get("id") if isinstance(one, Mapping) else None
        if isinstance(named, str) and named.strip():
            yield _identity(named)


def _reason(entry: Mapping[str, Any]) -> tuple[str | None, str | None, str | None]:
    """System, code and comment of an override, from where the specification or Epic puts them."""
    told = _object(entry.get("overrideReason")) or _object(entry.get("overrideReasons"))
    coding, extension = _object(told.get("reason")), _object(told.get("extension"))
    system, code = _short(coding.get("system")), _short(coding.get("code"))
    if code is None:
        code = _short(extension.get(f"{EPIC_REASONS}.reasonCategory"))
        system = EPIC_REASONS if code is not None else None
    comment = told.get("userComment")
    kept = comment.strip()[:MOST_COMMENT_CHARACTERS] if isinstance(comment, str) else ""
    return system, code, kept or None


def _object(value: Any) -> Mapping[str, Any]:
    """An object, or the first of a list of them (`overrideReasons` is sometimes read as a plural)."""
    if isinstance(value, Sequence) and not isinstance(value, str) and value:
        value = value[0]
    return value if isinstance(value, Mapping) else {}


def _short(value: Any) -> str | None:
    """A code or a system. Longer or stranger text may be a sentence about a patient, and is dropped."""
    fits = isinstance(value, str) and 0 < len(value) <= 200 and value.isascii() and value.isprintable()
    return value if fits else None
