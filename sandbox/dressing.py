"""Stored resources as a vendor's server would word them: ids, local codes, units as text, drugs by reference."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from sandbox.ids import IdShape
from sandbox.vendor import VendorProfile

Resource = dict[str, Any]
Dress = Callable[[Resource], Resource]

LOINC = "http://loinc.org"


def dress_for(profile: VendorProfile, ids: IdShape) -> Dress:
    """What is done to every stored resource before anything sees it."""

    def dress(resource: Resource) -> Resource:
        if resource["resourceType"] == "Observation":
            resource = _observation(resource, profile)
        if resource["resourceType"] == "MedicationRequest" and profile.drugs_by_reference:
            resource = _by_reference(resource)
        return resource if profile.ids == "plain" else with_ids(resource, ids)

    return dress


def with_ids(resource: Resource, ids: IdShape) -> Resource:
    """The resource with its own id and every relative reference in the outward spelling."""
    return {
        **{name: _referring(value, ids) for name, value in resource.items()},
        "id": ids.outward(resource["id"]),
    }


def _referring(value: Any, ids: IdShape) -> Any:
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            kind, _, id_ = value["reference"].partition("/")
            return {**value, "reference": f"{kind}/{ids.outward(id_)}"}
        return {name: _referring(inner, ids) for name, inner in value.items()}
    return [_referring(inner, ids) for inner in value] if isinstance(value, list) else value


def _observation(resource: Resource, profile: VendorProfile) -> Resource:
    changed = dict(resource)
    if profile.local_codes and isinstance(resource.get("code"), dict):
        changed["code"] = _with_local_code(resource["code"], profile.local_codes, profile.unmapped_codes)
    if profile.unit_is_text:
        changed = _with_text_unit(changed)
        if "component" in changed:
            changed["component"] = [_with_text_unit(part) for part in changed["component"]]
    return changed


def _with_local_code(concept: Resource, system: str, unmapped: tuple[str, ...]) -> Resource:
    coding = concept.get("coding", [])
    loinc = next((c["code"] for c in coding if c.get("system") == LOINC), None)
    if loinc is None:
        return concept
    local = {"system": system, "code": local_code(loinc), "display": str(concept.get("text", "")).upper()}
    if loinc in unmapped:
        coding = [c for c in coding if c.get("system") != LOINC]
    return {**concept, "coding": [local, *coding]}


def local_code(loinc: str) -> str:
    """A site's own number for a laboratory test: says nothing to anybody else."""
    return str(int.from_bytes(hashlib.sha256(loinc.encode()).digest()[:3]) % 90_000 + 10_000)


def _with_text_unit(holder: Resource) -> Resource:
    quantity = holder.get("valueQuantity")
    if not isinstance(quantity, dict):
        return holder
    return {**holder, "valueQuantity": {k: v for k, v in quantity.items() if k not in ("system", "code")}}


def _by_reference(order: Resource) -> Resource:
    """The order pointing to a Medication, whose id tells the order's (see `medication_of`)."""
    concept = order.get("medicationCodeableConcept")
    if not isinstance(concept, dict) or not order["id"].startswith("rx-"):
        return order
    rest = {name: value for name, value in order.items() if name != "medicationCodeableConcept"}
    target = {"reference": f"Medication/{order['id'].replace('rx-', 'med-', 1)}"}
    if concept.get("text"):
        target["display"] = concept["text"]
    return {**rest, "medicationReference": target}


def medication_of(order: Resource) -> Resource:
    """The Medication behind a stored order that `dress_for` made to point to one."""
    concept = order.get("medicationCodeableConcept", {})
    return {"resourceType": "Medication", "id": order["id"].replace("rx-", "med-", 1), "code": concept}
