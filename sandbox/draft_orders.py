"""Orders somebody at the EHR's pages has begun to write and not signed: one list a patient, in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Any

from sandbox.cds_contexts import ORDER_TYPES, reference_of

Resource = dict[str, Any]
MOST_DRAFTS = 20


class DraftOrders:
    """Entries are orders and the Medications they point to. Thread-safe; entries are replaced, never changed."""

    def __init__(self) -> None:
        self._entries: dict[str, tuple[Resource, ...]] = {}
        self._lock = Lock()

    def entries(self, patient_id: str) -> tuple[Resource, ...]:
        """Everything drafted for a patient, as `draftOrders` holds it."""
        with self._lock:
            return self._entries.get(patient_id, ())

    def orders(self, patient_id: str) -> tuple[Resource, ...]:
        """The orders alone."""
        return tuple(entry for entry in self.entries(patient_id) if entry["resourceType"] in ORDER_TYPES)

    def write(self, patient_id: str, entries: Sequence[Resource]) -> None:
        """Put these in the place of whatever was drafted; the oldest beyond `MOST_DRAFTS` are forgotten."""
        with self._lock:
            self._entries[patient_id] = tuple(entries)[-MOST_DRAFTS:]

    def remove(self, patient_id: str, reference: str) -> bool:
        """Take one order away. False when there is none of that reference."""
        with self._lock:
            held = self._entries.get(patient_id, ())
            kept = tuple(entry for entry in held if reference_of(entry) != reference)
            self._entries[patient_id] = kept
            return len(kept) < len(held)

    def update(self, patient_id: str, resource: Mapping[str, Any]) -> bool:
        """Put a changed order in the place of the draft with its type and id. False when there is none."""
        wanted = reference_of(resource)
        with self._lock:
            held = self._entries.get(patient_id, ())
            self._entries[patient_id] = tuple(dict(resource) if reference_of(e) == wanted else e for e in held)
            return any(reference_of(entry) == wanted for entry in held)


def drug_words(order: Mapping[str, Any]) -> str:
    """What a draft orders, for people."""
    for key in ("medicationCodeableConcept", "code"):
        concept = order.get(key)
        if isinstance(concept, Mapping) and isinstance(concept.get("text"), str):
            return str(concept["text"])
    pointer = order.get("medicationReference")
    shown = pointer.get("display") if isinstance(pointer, Mapping) else None
    return shown if isinstance(shown, str) else reference_of(order)
