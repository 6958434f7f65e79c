"""The `context` each hook carries, built from the open chart (CDS Hooks library)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sandbox.launches import LaunchContext

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"


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
    DraftDrug("161", "acetaminophen", "1 g by mouth every 6 hours"),
)


def hook_context(hook: str, launch: LaunchContext, drug_code: str | None = None) -> dict[str, Any] | None:
    """The context for `hook`, or None for a hook this EHR does not fire."""
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
    if hook in ("order-select", "order-sign"):
        drug = next((drug for drug in DRAFT_DRUGS if drug.rxnorm == drug_code), DRAFT_DRUGS[0])
        order = _draft_order(drug, launch)
        context["draftOrders"] = {
            "resourceType": "Bundle",
            "type": "collection",
            "entry": [{"resource": order}],
        }
        if hook == "order-select":
            context["selections"] = [f"MedicationRequest/{order['id']}"]
        return context
    return None


def _draft_order(drug: DraftDrug, launch: LaunchContext) -> dict[str, Any]:
    order: dict[str, Any] = {
        "resourceType": "MedicationRequest",
        "id": "draft-1",
        "status": "draft",
        "intent": "order",
        "medicationCodeableConcept": {
            "coding": [{"system": RXNORM, "code": drug.rxnorm, "display": drug.name}],
            "text": drug.name,
        },
        "subject": {"reference": f"Patient/{launch.patient_id}"},
        "requester": {"reference": f"Practitioner/{launch.practitioner_id}"},
        "dosageInstruction": [{"text": drug.sig}],
    }
    if launch.encounter_id:
        order["encounter"] = {"reference": f"Encounter/{launch.encounter_id}"}
    return order
