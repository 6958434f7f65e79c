"""Exactly what would be written, in words and as JSON."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.presentation.wording import Wording
from model.sentences import Sentence
from patient_context.shapes import concept_text, member, objects, text
from patient_context.writing_forms import readable_note

KIND_WORDS = {
    "RiskAssessment": Sentence("Risk assessment"),
    "Observation": Sentence("Observation"),
    "DocumentReference": Sentence("Note"),
    "Communication": Sentence("Message"),
    "ServiceRequest": Sentence("Draft order"),
}


@dataclass(frozen=True, slots=True)
class PreviewRow:
    """One element in words."""

    term: str
    value: str


@dataclass(frozen=True, slots=True)
class WritePreview:
    """A resource as a clinician reads it, its text where it has one, and the JSON sent to the letter."""

    resource_type: str
    words: str
    rows: tuple[PreviewRow, ...]
    note: str | None
    json: str


def write_preview(resource: dict[str, Any], say: Wording) -> WritePreview:
    """The preview of one resource: the reader's words around what it says itself, which stays as it is sent."""
    kind = str(resource["resourceType"])
    return WritePreview(
        resource_type=kind,
        words=say.sentence(KIND_WORDS.get(kind, kind)),
        rows=tuple(PreviewRow(term, value) for term, value in _rows(resource, say)),
        note=readable_note(resource),
        json=json.dumps(resource, indent=2, ensure_ascii=False),
    )


def _rows(resource: dict[str, Any], say: Wording) -> Iterator[tuple[str, str]]:
    if code := concept_text(resource.get("code") or resource.get("type")):
        yield say.gettext("What"), code
    yield say.gettext("Status"), _status(resource, say)
    yield from _times(resource, say)
    for each in objects(resource.get("prediction")):
        yield say.gettext("Outcome"), concept_text(each.get("outcome"))
        likelihood = concept_text(each.get("qualitativeRisk"))
        probability = say.marked(f"{each['probabilityDecimal']:g}")
        yield say.gettext("Probability"), f"{probability} %. {likelihood}"
        if rationale := text(each.get("rationale")):
            yield say.gettext("Because"), rationale
    quantity = member(resource, "valueQuantity")
    if "value" in quantity:
        number = say.marked(f"{quantity['value']:g}")
        yield say.gettext("Value"), f"{number} {quantity.get('unit', '')}"
    for name in ("note", "reasonCode"):
        for each in objects(resource.get(name)):
            term = say.gettext("Note") if name == "note" else say.gettext("Reason")
            yield term, str(each.get("text", ""))
    if based_on := [*objects(resource.get("basis")), *objects(resource.get("derivedFrom"))]:
        count = len(based_on)
        words = say.ngettext("{count} result of the chart", "{count} results of the chart", count)
        yield say.gettext("Based on"), words
    if method := concept_text(resource.get("method")):
        yield say.gettext("Method"), method
    labels = [str(each.get("display")) for each in objects(member(resource, "meta").get("security"))]
    yield say.gettext("Label"), ", ".join(labels)


def _status(resource: dict[str, Any], say: Wording) -> str:
    if resource["status"] == "draft":
        return say.gettext("draft (not signed, not sent to the laboratory)")
    return str(resource["status"])


def _times(resource: dict[str, Any], say: Wording) -> Iterator[tuple[str, str]]:
    is_order = resource["resourceType"] == "ServiceRequest"
    named = {
        "occurrenceDateTime": say.gettext("Wanted at") if is_order else say.gettext("Assessed at"),
        "effectiveDateTime": say.gettext("Assessed at"),
        "authoredOn": say.gettext("Drafted at"),
        "date": say.gettext("Dated"),
        "sent": say.gettext("Dated"),
    }
    for name, term in named.items():
        if found := text(resource.get(name)):
            yield term, say.moment(datetime.fromisoformat(found))
