"""Draft orders as EHRs send them, DSTU2 to R5, valid or not, read for the drug alone (CH-59, CH-60).

What is neither a drug nor an examination with contrast is passed over; an order is never dropped because something
else in it is wrong. Another patient's is dropped and counted.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cds_hooks.errors import DataUnavailable, RequestUnreadable
from model.contrast_imaging import recognise_examination
from model.drug_table import DRUG_TERMINOLOGIES, canonical
from model.drugs import DrugFacts, recognise
from model.snapshot import Coding, Medication
from patient_context.shapes import Json, codings, concept_text, member, objects, text

# DSTU2 calls it MedicationOrder; the last two are seen where an EHR signs what is already running.
_DRUG_ORDERS: Final = frozenset(
    {"MedicationRequest", "MedicationOrder", "MedicationPrescription", "MedicationStatement"}
)
_EXAMINATIONS: Final = frozenset({"ServiceRequest", "ProcedureRequest"})  # the latter in DSTU2 and STU3
_NOT_TO_BE_GIVEN: Final = frozenset(
    {"cancelled", "entered-in-error", "stopped", "completed", "ended", "revoked", "on-hold"}
)
_MAX_DRAFTS: Final = 500
_MILLIGRAMS: Final = {"mg": 1.0, "milligram": 1.0, "g": 1000.0, "gram": 1000.0}


@dataclass(frozen=True, slots=True)
class DraftOrder:
    """An order about to be chosen or signed. `reference` is how the EHR calls it, for `resourceId`.

    `medication` holds the codes and words of the drug, or of the examination that brings contrast.
    """

    reference: str | None
    medication: Medication
    dose_mg: float | None = None
    is_draft: bool = True
    is_examination: bool = False
    names: frozenset[str] = field(default=frozenset(), repr=False)

    def recognised(self) -> DrugFacts:
        """Which drug it is, or which examination with contrast."""
        examination = recognise_examination(self.medication) if self.is_examination else None
        return examination or recognise(self.medication, dose_mg=self.dose_mg)

    def is_called(self, reference: str) -> bool:
        """Whether a reference of `selections` means this order."""
        plain = reference.split("/_history/", 1)[0]
        return plain in self.names or "/".join(plain.rstrip("/").split("/")[-2:]) in self.names


@dataclass(frozen=True, slots=True)
class Drafts:
    """The orders of a call: those it is about, the drafts beside them, and how many were another patient's."""

    chosen: tuple[DraftOrder, ...]
    beside: tuple[DraftOrder, ...] = ()
    of_others: int = 0


def read_drafts(context: Mapping[str, Any], *, patient_id: str, selected_only: bool) -> Drafts:
    """The drug orders of `context.draftOrders`; with `selected_only` those of `context.selections` are chosen.

    Where the selections are missing or name none of the drug orders, all are chosen: better one look too many.
    Raises DataUnavailable when no draftOrders were sent at all (an EHR that lacks a permission leaves them out,
    VN-4), RequestUnreadable when they are not an object.
    """
    bundle = context.get("draftOrders")
    if bundle is None:
        text_ = "The field context.draftOrders was not sent; the EHR may lack the permission to send it."
        raise DataUnavailable("draft-orders-missing", text_)
    if not isinstance(bundle, Mapping):
        raise RequestUnreadable("draft-orders-invalid", "The field context.draftOrders must be a Bundle.")
    entries = list(_entries(dict(bundle)))[:_MAX_DRAFTS]
    mine = [(resource, url) for resource, url in entries if _is_for(resource, patient_id)]
    of_others = len(entries) - len(mine)
    drafts = tuple(_drafts(mine))
    if not selected_only:
        return Drafts(drafts, (), of_others)
    listed = context.get("selections")
    wanted = [one for one in listed if isinstance(one, str)] if isinstance(listed, list) else []
    chosen = tuple(draft for draft in drafts if any(draft.is_called(one) for one in wanted))
    if not chosen and not _names_other_orders(wanted):
        return Drafts(drafts, (), of_others)
    return Drafts(chosen, tuple(draft for draft in drafts if draft not in chosen), of_others)


def _names_other_orders(wanted: list[str]) -> bool:
    """Whether every selection is plainly an order of another kind (a laboratory test, a diet)."""
    kinds = [reference.rstrip("/").split("/")[-2:-1] for reference in wanted]
    return bool(kinds) and all(kind and kind[0].isalpha() and kind[0] not in _DRUG_ORDERS for kind in kinds)


def _drafts(entries: Iterable[tuple[Json, str | None]]) -> Iterator[DraftOrder]:
    listed = list(entries)
    medications = {
        name: resource
        for resource, full_url in listed
        if resource.get("resourceType") == "Medication"
        for name in _names(resource, full_url)
    }
    for resource, full_url in listed:
        kind = text(resource.get("resourceType"))
        if not _is_to_be_given(resource):
            continue
        if kind in _DRUG_ORDERS:
            yield _draft(resource, full_url, medications)
        elif kind in _EXAMINATIONS and (found := _examination(resource, full_url)) is not None:
            yield found


def _entries(bundle: Json) -> Iterator[tuple[Json, str | None]]:
    """Resources with their fullUrl: of a Bundle, of one without type, or of an order where a Bundle belongs."""
    if text(bundle.get("resourceType")) in _DRUG_ORDERS:
        yield bundle, None
    for entry in objects(bundle.get("entry")):
        resource = entry.get("resource", entry)
        if isinstance(resource, dict) and isinstance(resource.get("resourceType"), str):
            yield resource, text(entry.get("fullUrl"))


def _names(resource: Json, full_url: str | None) -> frozenset[str]:
    identity = text(resource.get("id"))
    relative = f"{resource.get('resourceType')}/{identity}" if identity else None
    return frozenset(name for name in (identity, relative, full_url) if name)


def _is_to_be_given(resource: Json) -> bool:
    return resource.get("doNotPerform") is not True and text(resource.get("status")) not in _NOT_TO_BE_GIVEN


def _is_for(resource: Json, patient_id: str) -> bool:
    reference = text((member(resource, "subject") or member(resource, "patient")).get("reference"))
    if reference is None or "Patient/" not in reference:
        return True  # an order in this patient's context that does not say whose it is, is this patient's
    return reference.split("/_history/", 1)[0].rpartition("Patient/")[2] == patient_id


def _examination(resource: Json, full_url: str | None) -> DraftOrder | None:
    """An examination that brings contrast, or reads as if it did; every other one is no concern of the kidney."""
    code = member(resource, "code")
    concept = member(code, "concept") or code  # R5: CodeableReference
    display = next((found for one in objects(concept.get("coding")) if (found := text(one.get("display")))), "")
    identity = text(resource.get("id"))
    reference = f"{resource['resourceType']}/{identity}" if identity else full_url
    order = Medication(
        text=display or concept_text(concept),
        codes=frozenset(Coding(system, found) for system, found in codings(concept)),
        source=reference or str(resource["resourceType"]),
        active=True,
    )
    if recognise_examination(order) is None:
        return None
    return DraftOrder(reference, order, is_examination=True, names=_names(resource, full_url))


def _draft(resource: Json, full_url: str | None, medications: Mapping[str, Json]) -> DraftOrder:
    concepts = list(_concepts(resource, medications))
    pairs = [pair for concept in concepts for pair in codings(concept)]
    codes = frozenset(Coding(system, code) for system, code in pairs)
    names = _names(resource, full_url)
    identity = text(resource.get("id"))
    reference = f"{resource['resourceType']}/{identity}" if identity else full_url
    dosages = objects(resource.get("dosageInstruction", resource.get("dosage")))
    medication = Medication(
        text=_name(resource, concepts),
        codes=codes,
        source=reference or str(resource["resourceType"]),
        route=next((found for one in dosages if (found := concept_text(one.get("route")))), None),
        active=True,
    )
    is_draft = text(resource.get("status")) in (None, "draft")  # a re-signed order is not ours to take away
    return DraftOrder(reference, medication, _dose_mg(dosages), is_draft, names=names)


def _concepts(resource: Json, medications: Mapping[str, Json]) -> Iterator[Any]:
    """Every CodeableConcept that says which drug: inline, contained, referenced, and of each ingredient."""
    inline = resource.get("medicationCodeableConcept")
    both = member(resource, "medication")  # R5: CodeableReference
    yield from (concept for concept in (inline, both.get("concept")) if isinstance(concept, dict))
    reference = member(resource, "medicationReference") or member(both, "reference")
    medication = _referenced(resource, text(reference.get("reference")), medications)
    if medication is None:
        return
    if isinstance(medication.get("code"), dict):
        yield medication["code"]
    parts = (*objects(medication.get("ingredient")), *objects(member(medication, "product").get("ingredient")))
    for part in parts:
        for name in ("itemCodeableConcept", "item"):
            found = member(part, name)
            yield member(found, "concept") or found


def _referenced(resource: Json, reference: str | None, medications: Mapping[str, Json]) -> Json | None:
    if reference is None:
        return None
    contained = {text(one.get("id")): one for one in objects(resource.get("contained"))}
    if reference.startswith("#"):
        return contained.get(reference[1:])
    plain = reference.split("/_history/", 1)[0]
    return medications.get(plain) or medications.get("/".join(plain.split("/")[-2:])) or contained.get(plain)


def _name(resource: Json, concepts: list[Any]) -> str:
    """The name its drug terminology gives it, else the order's own words, else the reference's display."""
    for concept in concepts:
        for coding in objects(concept.get("coding")):
            system, display = text(coding.get("system")), text(coding.get("display"))
            if system and display and canonical(Coding(system, "")).system in DRUG_TERMINOLOGIES:
                return display
    words = next((found for concept in concepts if (found := concept_text(concept))), "")
    both = member(member(resource, "medication"), "reference")
    return words or text((member(resource, "medicationReference") or both).get("display")) or ""


def _dose_mg(dosages: list[Json]) -> float | None:
    """The single dose in milligrams, where it is given as a quantity of mass."""
    for dosage in dosages:
        for part in (*objects(dosage.get("doseAndRate")), dosage):
            quantity = member(part, "doseQuantity")
            unit = text(quantity.get("code")) or text(quantity.get("unit")) or ""
            value = quantity.get("value")
            if unit.lower() in _MILLIGRAMS and isinstance(value, int | float) and not isinstance(value, bool):
                return float(value) * _MILLIGRAMS[unit.lower()]
    return None
