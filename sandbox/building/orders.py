"""Medication orders and administrations as known at the moment."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sandbox.building.encounters import Encounters
from sandbox.building.medications import Drug, MedicationNames, dose, medication_concept, route, worth_showing
from sandbox.building.timing import DAY, Shift, seconds

Resource = dict[str, Any]
ORDER_HISTORY = 365 * DAY
GIVEN_HISTORY = 30 * DAY
_NOT_GIVEN = frozenset({"Not Given", "Not Given per Sliding Scale", "Hold Dose"})
_NO_DRUG_METHODS = frozenset({"Flushed", "Not Flushed", "Delayed Flushed", "Confirmed"})
_NO_DRUG_CATEGORIES = ("13-", "14-", "16-")  # feeds, oral intake, intake before admission


def requests(
    sources: Iterable[Resource],
    names: MedicationNames,
    encounters: Encounters,
    shift: Shift,
    dropped: Counter[str],
) -> tuple[list[Resource], dict[str, tuple[str, str]]]:
    """Orders written by the moment, and per source id the (order id, name) that administrations refer to."""
    built: list[Resource] = []
    known: dict[str, tuple[str, str]] = {}
    for source in sorted(sources, key=lambda s: (s["authoredOn"], s["id"])):
        drug = names.of_request(source)
        at = seconds(source["authoredOn"])
        if not shift.moment - ORDER_HISTORY <= at <= shift.moment:
            dropped["order after the moment, or older than a year"] += 1
            continue
        if drug is None or not worth_showing(drug.name):
            dropped["order without a drug's name (carriers, flushes, feeds)"] += 1
            continue
        order = _request(source, drug, encounters, shift)
        order["id"] = f"rx-{encounters.record}-{len(built) + 1:04}"
        known[source["id"]] = (order["id"], drug.name)
        built.append(order)
    return built, known


def _request(source: Resource, drug: Drug, encounters: Encounters, shift: Shift) -> Resource:
    stay = source["encounter"]["reference"]
    built: Resource = {
        "resourceType": "MedicationRequest",
        "status": _status(source, encounters, shift),
        "intent": "order",
        "category": [_inpatient()],
        "medicationCodeableConcept": medication_concept(drug),
        "authoredOn": shift.time(seconds(source["authoredOn"])),
    }
    encounter = encounters.reference(stay)
    if encounter:
        built["encounter"] = {"reference": encounter}
    dosage = [_dosage(d) for d in source.get("dosageInstruction", [])]
    if any(dosage):
        built["dosageInstruction"] = [d for d in dosage if d]
    period = _validity(source, shift)
    if period:
        built["dispenseRequest"] = {"validityPeriod": period}
    return built


def _inpatient() -> Resource:
    system = "http://terminology.hl7.org/CodeSystem/medicationrequest-category"
    return {"coding": [{"system": system, "code": "inpatient"}]}


def _status(source: Resource, encounters: Encounters, shift: Shift) -> str:
    """Active while it runs. An order of the current stay without a known end cannot be told: `unknown`."""
    end = source.get("dispenseRequest", {}).get("validityPeriod", {}).get("end")
    if end is not None and seconds(end) > shift.moment:
        return "active"
    if end is None and encounters.is_current(source["encounter"]["reference"]):
        return "unknown"
    return "stopped" if source["status"] == "stopped" else "completed"


def _validity(source: Resource, shift: Shift) -> Resource:
    period = source.get("dispenseRequest", {}).get("validityPeriod", {})
    return {key: shift.time(seconds(period[key])) for key in period if seconds(period[key]) <= shift.moment}


def _dosage(source: Resource) -> Resource:
    built: Resource = {key: source[key] for key in ("text",) if source.get(key)}
    how = route(source.get("route"))
    if how:
        built["route"] = how
    frequency = (source.get("timing", {}).get("code", {}).get("coding") or [{}])[0].get("code")
    if frequency:
        built["timing"] = {"code": {"text": frequency}}
    amounts = [
        dose(d["doseQuantity"]) for d in source.get("doseAndRate", []) if "value" in d.get("doseQuantity", {})
    ]
    if amounts:
        built["doseAndRate"] = [{"doseQuantity": amount} for amount in amounts]
    return built


def administrations(
    sources: Iterable[Resource],
    names: MedicationNames,
    orders: Mapping[str, tuple[str, str]],
    encounters: Encounters,
    shift: Shift,
    dropped: Counter[str],
) -> Iterator[Resource]:
    """Doses given, or deliberately not given, in the last thirty days before the moment."""
    for source in sources:
        order = orders.get(source.get("request", {}).get("reference", "").rpartition("/")[2])
        name = names.of_administration(source, order[1] if order else None)
        start = seconds(source.get("effectiveDateTime") or source["effectivePeriod"]["start"])
        if not shift.moment - GIVEN_HISTORY <= start <= shift.moment:
            dropped["administration after the moment, or older than 30 days"] += 1
        elif not worth_showing(name) or _no_drug(source):
            dropped["administration of no drug (carriers, flushes, feeds)"] += 1
        else:
            yield _administration(source, name or "", order, encounters, shift)


def _no_drug(source: Resource) -> bool:
    category = (source.get("category", {}).get("coding") or [{}])[0].get("code", "")
    return _method(source) in _NO_DRUG_METHODS or category.startswith(_NO_DRUG_CATEGORIES)


def _method(source: Resource) -> str:
    method: str = (source.get("dosage", {}).get("method", {}).get("coding") or [{}])[0].get("code", "")
    return method


def _administration(
    source: Resource, name: str, order: tuple[str, str] | None, encounters: Encounters, shift: Shift
) -> Resource:
    start = source.get("effectiveDateTime") or source["effectivePeriod"]["start"]
    effective, running = _effective(source, shift)
    built: Resource = {
        "resourceType": "MedicationAdministration",
        "status": "not-done" if _method(source) in _NOT_GIVEN else "in-progress" if running else "completed",
        "medicationCodeableConcept": medication_concept(Drug(name)),
        **effective,
    }
    stay = encounters.reference(source.get("context", {}).get("reference", ""))
    context = stay or encounters.reference_at(None, seconds(start))
    if context:
        built["context"] = {"reference": context}
    if order:
        built["request"] = {"reference": f"MedicationRequest/{order[0]}"}
    amount = source.get("dosage", {}).get("dose", {})
    if "value" in amount and built["status"] == "completed":  # a running infusion's total is not known yet
        built["dosage"] = {"dose": dose(amount)}
    return built


def _effective(source: Resource, shift: Shift) -> tuple[Resource, bool]:
    """The time given, and whether it still runs at the moment."""
    if "effectiveDateTime" in source:
        return {"effectiveDateTime": shift.time(seconds(source["effectiveDateTime"]))}, False
    start, end = (seconds(source["effectivePeriod"][key]) for key in ("start", "end"))
    if end > shift.moment:
        return {"effectivePeriod": {"start": shift.time(start)}}, True
    return {"effectivePeriod": {"start": shift.time(start), "end": shift.time(end)}}, False
