"""Orders and statements -> medications (FH-11); what was given is read in `administrations`.

The drug may be coded inline, in a contained or separate Medication, or only named: a name is for showing and
never becomes a code. What was only proposed or drafted is not on the chart.
"""

from typing import Any, Final

from model.snapshot import Coding, Medication
from patient_context.chart import Chart
from patient_context.shapes import Json, Refused, codings, concept_text, member, objects, text
from patient_context.times import optional_time

_ACTIVE: Final = {
    "active": True,
    "intended": False,
    "on-hold": False,
    "completed": False,
    "stopped": False,
}
_NOT_ORDERS: Final = frozenset({"proposal", "plan", "option"})


def add_medication(chart: Chart, resource: Json, source: str) -> None:
    """One MedicationRequest or MedicationStatement."""
    try:
        _require_order(resource)
        chart.require_known_modifiers(resource)
        concept, name = drug_of(chart, resource)
        codes = frozenset(Coding(system, code) for system, code in codings(concept))
        if not codes and not name:
            raise Refused("medication-unnamed", "It does not say which drug it is.")
    except Refused as refusal:
        chart.reject(source, refusal)
        return
    status = resource.get("status")
    start, end = _times(resource)
    zone = chart.reading.time_zone
    chart.medications.append(
        Medication(
            text=name or "",
            codes=codes,
            source=source,
            route=route_of(resource),
            active=_ACTIVE.get(status) if isinstance(status, str) else None,
            start_at=optional_time(start, zone),
            end_at=optional_time(end, zone),
        )
    )


def _require_order(resource: Json) -> None:
    status = resource.get("status")
    if status == "entered-in-error":
        raise Refused("entered-in-error", "It was entered in error.")
    if status in ("draft", "cancelled", "not-done", "not-taken"):
        raise Refused("medication-not-given", "The drug was not ordered or not given.")
    if resource.get("doNotPerform") not in (None, False):
        raise Refused("medication-not-given", "It is an instruction not to give the drug.")
    intent = resource.get("intent")
    if isinstance(intent, str) and intent in _NOT_ORDERS:
        raise Refused("medication-not-ordered", "It is a proposal, not an order.")


def drug_of(chart: Chart, resource: Json) -> tuple[Any, str | None]:
    """The drug's concept and its name: inline, contained, separately read, or by display alone."""
    inline = resource.get("medicationCodeableConcept")
    if isinstance(inline, dict):
        return inline, concept_text(inline) or None
    reference = member(resource, "medicationReference")
    display = text(reference.get("display"))
    medication = _referenced(chart, resource, text(reference.get("reference")))
    concept = medication.get("code") if medication else None
    return concept, display or concept_text(concept) or None


def _referenced(chart: Chart, resource: Json, reference: str | None) -> Json | None:
    if reference is None:
        return None
    if reference.startswith("#"):
        return next((c for c in objects(resource.get("contained")) if c.get("id") == reference[1:]), None)
    known = chart.medication_resources
    return known.get(reference) or known.get("/".join(reference.split("/_history/", 1)[0].split("/")[-2:]))


def route_of(resource: Json) -> str | None:
    """How the drug gets into the body, in the resource's words."""
    dosages = objects(resource.get("dosageInstruction", resource.get("dosage")))
    return next((found for d in dosages if (found := concept_text(d.get("route")))), None)


def _times(resource: Json) -> tuple[Any, Any]:
    """Start and end, as given: when it was taken, else the order's validity, else when it was written."""
    if (moment := resource.get("effectiveDateTime")) is not None:
        return moment, None
    given = member(resource, "effectivePeriod")
    if given:
        return given.get("start"), given.get("end")
    valid = member(member(resource, "dispenseRequest"), "validityPeriod")
    dosages = objects(resource.get("dosageInstruction"))
    bounds = member(member(member(dosages[0], "timing"), "repeat"), "boundsPeriod") if dosages else {}
    start = valid.get("start") or bounds.get("start") or resource.get("authoredOn")
    return start, valid.get("end") or bounds.get("end")
