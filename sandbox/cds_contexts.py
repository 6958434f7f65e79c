"""The `context` each hook carries, built from the open chart (CDS Hooks library)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sandbox.launches import LaunchContext

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
ORDER_HOOKS = ("order-select", "order-sign")
ORDER_TYPES = ("MedicationRequest", "ServiceRequest")


@dataclass(frozen=True, slots=True)
class DraftDrug:
    """An order a person at the EHR page can pretend to write."""

    rxnorm: str
    name: str
    sig: str


DRAFT_DRUGS: tuple[DraftDrug, ...] = (
    DraftDrug("5640", "ibuprofen", "400 mg by mouth three times a day"),
    DraftDrug("11124", "vancomycin", "1 g intravenously every 12 hours"),
    DraftDrug("1596450", "gentamicin", "5 mg/kg intravenously once a day"),
    DraftDrug("5956", "iohexol", "100 mL intravenously once, contrast-enhanced CT"),
    DraftDrug("29046", "lisinopril", "10 mg by mouth once a day"),
    DraftDrug("4603", "furosemide", "40 mg by mouth once a day"),
    DraftDrug("6809", "metformin", "1 g by mouth twice a day"),
    DraftDrug("1114195", "rivaroxaban", "20 mg by mouth once a day"),
    DraftDrug("161", "acetaminophen", "1 g by mouth every 6 hours"),
)


OrderShape = Literal["concept", "contained", "entry", "text"]
ORDER_SHAPES: dict[OrderShape, str] = {
    "concept": "Code in the order",
    "contained": "Contained Medication",
    "entry": "Medication as an entry of its own",
    "text": "Name only, no code",
}
"""Where an order's drug may be found (CH-59)."""


def hook_context(
    hook: str, launch: LaunchContext, drafts: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any] | None:
    """The context for `hook`, or None for a hook this EHR does not fire, or not for this patient.

    `drafts` are the entries of the draft orders; no order hook is fired without one.
    """
    context: dict[str, Any] = {
        "userId": f"Practitioner/{launch.practitioner_id}",
        "patientId": launch.patient_id or "",
    }
    if launch.encounter_id:
        context["encounterId"] = launch.encounter_id
    if hook == "patient-view":
        return context
    if hook == "encounter-discharge":
        return context if launch.encounter_id else None
    if hook not in ORDER_HOOKS or not drafts:
        return None
    context["draftOrders"] = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": resource} for resource in drafts],
    }
    if hook == "order-select":
        context["selections"] = [reference_of(r) for r in drafts if r["resourceType"] in ORDER_TYPES]
    return context


def reference_of(resource: Mapping[str, Any]) -> str:
    """`Type/id`."""
    return f"{resource.get('resourceType')}/{resource.get('id')}"


def draft_entries(
    drugs: Sequence[DraftDrug], launch: LaunchContext, shape: OrderShape = "concept", first_number: int = 1
) -> list[dict[str, Any]]:
    """Draft orders for these drugs, numbered on from `first_number`."""
    return [
        entry for n, drug in enumerate(drugs, first_number) for entry in _draft_entries(drug, n, launch, shape)
    ]


def _draft_entries(drug: DraftDrug, number: int, launch: LaunchContext, shape: OrderShape) -> list[dict[str, Any]]:
    """The draft order, and the Medication it points to where that is an entry of its own."""
    order: dict[str, Any] = {
        "resourceType": "MedicationRequest",
        "id": f"draft-{number}",
        "status": "draft",
        "intent": "order",
        "subject": {"reference": f"Patient/{launch.patient_id}"},
        "requester": {"reference": f"Practitioner/{launch.practitioner_id}"},
        "dosageInstruction": [{"text": drug.sig}],
    }
    if launch.encounter_id:
        order["encounter"] = {"reference": f"Encounter/{launch.encounter_id}"}
    concept: dict[str, Any] = {"text": drug.name}
    if shape != "text":
        concept["coding"] = [{"system": RXNORM, "code": drug.rxnorm, "display": drug.name}]
    medication = {"resourceType": "Medication", "id": f"drug-{number}", "code": concept}
    if shape == "contained":
        pointer = {"reference": f"#{medication['id']}", "display": drug.name}
        return [{**order, "contained": [medication], "medicationReference": pointer}]
    if shape == "entry":
        pointer = {"reference": f"Medication/{medication['id']}", "display": drug.name}
        return [{**order, "medicationReference": pointer}, medication]
    return [{**order, "medicationCodeableConcept": concept}]


def find_drugs(codes: Iterable[str]) -> tuple[DraftDrug, ...]:
    """The drugs of these RxNorm codes; the first of the list when none is known."""
    wanted = set(codes)
    return tuple(drug for drug in DRAFT_DRUGS if drug.rxnorm in wanted) or DRAFT_DRUGS[:1]
