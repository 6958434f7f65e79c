"""The `context` each hook carries, built from the open chart (CDS Hooks library)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sandbox.launches import LaunchContext

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
LOINC = "http://loinc.org"
ORDER_HOOKS = ("order-select", "order-sign")
ORDER_TYPES = ("MedicationRequest", "ServiceRequest")


@dataclass(frozen=True, slots=True)
class Orderable:
    """Something a person at the EHR page can pretend to order; what is not in RxNorm is an examination."""

    code: str
    name: str
    sig: str = ""
    system: str = RXNORM


ORDERABLES: tuple[Orderable, ...] = (
    Orderable("5640", "ibuprofen", "400 mg by mouth three times a day"),
    Orderable("11124", "vancomycin", "1 g intravenously every 12 hours"),
    Orderable("1596450", "gentamicin", "5 mg/kg intravenously once a day"),
    Orderable("5956", "iohexol", "100 mL intravenously once, contrast-enhanced CT"),
    Orderable("29046", "lisinopril", "10 mg by mouth once a day"),
    Orderable("4603", "furosemide", "40 mg by mouth once a day"),
    Orderable("6809", "metformin", "1 g by mouth twice a day"),
    Orderable("1114195", "rivaroxaban", "20 mg by mouth once a day"),
    Orderable("161", "acetaminophen", "1 g by mouth every 6 hours"),
    Orderable("36813-4", "CT of abdomen and pelvis with contrast", system=LOINC),
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
    ordered: Sequence[Orderable], launch: LaunchContext, shape: OrderShape = "concept", first_number: int = 1
) -> list[dict[str, Any]]:
    """Draft orders for these, numbered on from `first_number`; `shape` says where a drug is found."""
    return [
        entry for n, each in enumerate(ordered, first_number) for entry in _draft_entries(each, n, launch, shape)
    ]


def _draft_entries(
    ordered: Orderable, number: int, launch: LaunchContext, shape: OrderShape
) -> list[dict[str, Any]]:
    """The draft order, and the Medication it points to where that is an entry of its own."""
    concept: dict[str, Any] = {"text": ordered.name}
    if shape != "text":
        concept["coding"] = [{"system": ordered.system, "code": ordered.code, "display": ordered.name}]
    if ordered.system != RXNORM:
        return [{**_order("ServiceRequest", number, launch), "code": concept}]
    order = {**_order("MedicationRequest", number, launch), "dosageInstruction": [{"text": ordered.sig}]}
    medication = {"resourceType": "Medication", "id": f"drug-{number}", "code": concept}
    if shape == "contained":
        pointer = {"reference": f"#{medication['id']}", "display": ordered.name}
        return [{**order, "contained": [medication], "medicationReference": pointer}]
    if shape == "entry":
        pointer = {"reference": f"Medication/{medication['id']}", "display": ordered.name}
        return [{**order, "medicationReference": pointer}, medication]
    return [{**order, "medicationCodeableConcept": concept}]


def _order(resource_type: str, number: int, launch: LaunchContext) -> dict[str, Any]:
    """What every draft says."""
    order: dict[str, Any] = {
        "resourceType": resource_type,
        "id": f"draft-{number}",
        "status": "draft",
        "intent": "order",
        "subject": {"reference": f"Patient/{launch.patient_id}"},
        "requester": {"reference": f"Practitioner/{launch.practitioner_id}"},
    }
    if launch.encounter_id:
        order["encounter"] = {"reference": f"Encounter/{launch.encounter_id}"}
    return order


def find_orderables(codes: Iterable[str]) -> tuple[Orderable, ...]:
    """Those of these codes; the first of the list when none is known."""
    wanted = set(codes)
    return tuple(each for each in ORDERABLES if each.code in wanted) or ORDERABLES[:1]
