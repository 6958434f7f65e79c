"""What is worth opening a chart for, in a few words, from the resources as served: the tags of the patient list.

Only facts of the chart, no judgement about the future; drugs count by ingredient and while the order is active.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from sandbox.building import codes
from sandbox.building.ingredients import INGREDIENTS, ingredients_named

Resource = dict[str, Any]
_CREATININE = ("2160-0", "38483-4")
_CHANGE = 0.10  # a change smaller than this is not called one: about twice the assay's own scatter
_COMPARED = timedelta(hours=48)
_MANY_ORDERS = 40
_OUTSIDE = frozenset({"TP", "TD", "IH", "NEB", "NU", "BOTH", "LEFT", "RIGHT"})  # skin, lung, nose, eye, ear
_SWALLOWED = frozenset({"PO", "PO/NG", "NG", "ORAL"})
_LASTING = {"chronic kidney disease": ("585", "N18"), "kidney transplant": ("V42.0", "Z94.0")}


def _named(*names: str) -> frozenset[str]:
    return frozenset(INGREDIENTS[name] for name in names)


NSAIDS = _named(
    "ibuprofen", "naproxen", "diclofenac", "ketorolac", "indomethacin", "celecoxib", "meloxicam", "etodolac"
)
RENIN_BLOCKERS = _named("captopril", "enalapril", "lisinopril", "ramipril", "irbesartan", "losartan", "valsartan")
DIURETICS = _named(
    "furosemide", "torsemide", "hydrochlorothiazide", "chlorthalidone", "metolazone", "spironolactone"
)
AMINOGLYCOSIDES = _named("gentamicin", "tobramycin", "amikacin")
ANTICOAGULANTS = _named("dabigatran", "rivaroxaban")


def findings(resources: Iterable[Resource]) -> list[str]:
    """The tags of one patient, most telling first."""
    held = list(resources)
    return [*_drug_findings(held), *_creatinine_findings(held), *_lasting_findings(held)]


def _drug_findings(resources: list[Resource]) -> Iterator[str]:
    orders = [r for r in resources if r["resourceType"] == "MedicationRequest" and r["status"] == "active"]
    taken = _ingredients(orders, _OUTSIDE)
    injected = _ingredients(orders, _OUTSIDE | _SWALLOWED)
    yield from _haemodynamic(taken)
    if INGREDIENTS["vancomycin"] in injected:
        both = INGREDIENTS["piperacillin"] in injected
        yield "vancomycin with piperacillin-tazobactam" if both else "vancomycin"
    if AMINOGLYCOSIDES & injected:
        yield "aminoglycoside"
    if ANTICOAGULANTS & taken:
        yield "oral anticoagulant"
    if INGREDIENTS["metformin"] in taken:
        yield "metformin"
    if len(orders) >= _MANY_ORDERS:
        yield f"{len(orders)} active orders"


def _haemodynamic(taken: set[str]) -> Iterator[str]:
    pressure, water, pain = taken & RENIN_BLOCKERS, taken & DIURETICS, taken & NSAIDS
    if pressure and (water or pain):
        partners = " and ".join(word for word, group in (("diuretic", water), ("NSAID", pain)) if group)
        yield f"ACE inhibitor or ARB with {partners}"
    elif pain:
        yield "NSAID with diuretic" if water else "NSAID"


def _ingredients(orders: Iterable[Resource], elsewhere: frozenset[str]) -> set[str]:
    """RxNorm codes of the drugs ordered, but for those given only by the routes `elsewhere`."""
    return {
        code
        for order in orders
        if not _routes(order) or _routes(order) - elsewhere
        for code, _ in ingredients_named(order["medicationCodeableConcept"]["text"])
    }


def _routes(order: Resource) -> set[str]:
    """`BOTH EYES` is told by its first word."""
    words = (dosage.get("route", {}).get("text", "") for dosage in order.get("dosageInstruction", []))
    return {word.upper().partition(" ")[0] for word in words if word}


def _creatinine_findings(resources: Iterable[Resource]) -> Iterator[str]:
    """Which way the last two results point, when they lie within two days of each other."""
    series = sorted(
        (datetime.fromisoformat(r["effectiveDateTime"]), float(r["valueQuantity"]["value"]))
        for r in resources
        if r["resourceType"] == "Observation" and "valueQuantity" in r and _is_creatinine(r)
    )
    if len(series) < 2 or series[-1][0] - series[-2][0] > _COMPARED:
        return
    change = series[-1][1] / series[-2][1] - 1
    if abs(change) >= _CHANGE:
        yield "creatinine rising" if change > 0 else "creatinine falling"


def _is_creatinine(resource: Resource) -> bool:
    return any(c["code"] in _CREATININE for c in resource["code"]["coding"] if c["system"] == codes.LOINC)


def _lasting_findings(resources: list[Resource]) -> Iterator[str]:
    coded = {c["code"] for r in resources if r["resourceType"] == "Condition" for c in r["code"].get("coding", [])}
    for words, stems in _LASTING.items():
        if any(code.startswith(stems) for code in coded):
            yield words
