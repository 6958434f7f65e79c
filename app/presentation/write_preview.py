"""Exactly what would be written, in words and as JSON."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from app.presentation.wording import moment
from patient_context.shapes import concept_text, member, objects, text
from patient_context.writing_forms import readable_note

KIND_WORDS = {
    "RiskAssessment": "Risk assessment",
    "Observation": "Observation",
    "DocumentReference": "Note",
    "Communication": "Message",
    "ServiceRequest": "Draft order",
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


def write_preview(resource: dict[str, Any], zone: ZoneInfo) -> WritePreview:
    """The preview of one resource."""
    kind = str(resource["resourceType"])
    return WritePreview(
        resource_type=kind,
        words=KIND_WORDS.get(kind, kind),
        rows=tuple(PreviewRow(term, value) for term, value in _rows(resource, zone)),
        note=readable_note(resource),
        json=json.dumps(resource, indent=2, ensure_ascii=False),
    )


def _rows(resource: dict[str, Any], zone: ZoneInfo) -> Iterator[tuple[str, str]]:
    if code := concept_text(resource.get("code") or resource.get("type")):
        yield "What", code
    yield (
        "Status",
        f"{resource['status']}{' (not signed, not sent to the laboratory)' if _is_draft(resource) else ''}",
    )
    yield from _times(resource, zone)
    for each in objects(resource.get("prediction")):
        yield "Outcome", concept_text(each.get("outcome"))
        yield (
            "Probability",
            f"{each['probabilityDecimal']:g} %, {concept_text(each.get('qualitativeRisk')).lower()}",
        )
        if rationale := text(each.get("rationale")):
            yield "Because", rationale
    quantity = member(resource, "valueQuantity")
    if "value" in quantity:
        yield "Value", f"{quantity['value']:g} {quantity.get('unit', '')}"
    for name in ("note", "reasonCode"):
        for each in objects(resource.get(name)):
            yield ("Note" if name == "note" else "Reason"), str(each.get("text", ""))
    if based_on := [*objects(resource.get("basis")), *objects(resource.get("derivedFrom"))]:
        yield "Based on", f"{len(based_on)} result{'s' if len(based_on) != 1 else ''} of the chart"
    if method := concept_text(resource.get("method")):
        yield "Method", method
    labels = [str(each.get("display")) for each in objects(member(resource, "meta").get("security"))]
    yield "Label", ", ".join(labels)


def _is_draft(resource: dict[str, Any]) -> bool:
    return bool(resource["status"] == "draft")


def _times(resource: dict[str, Any], zone: ZoneInfo) -> Iterator[tuple[str, str]]:
    is_order = resource["resourceType"] == "ServiceRequest"
    named = {
        "occurrenceDateTime": "Wanted at" if is_order else "Assessed at",
        "effectiveDateTime": "Assessed at",
        "authoredOn": "Drafted at",
        "date": "Dated",
        "sent": "Dated",
    }
    for name, term in named.items():
        if found := text(resource.get(name)):
            yield term, moment(datetime.fromisoformat(found), zone)
