"""Readable medication names, and RxNorm ingredient codes where they are certain."""

import re
from collections.abc import Iterable
from typing import Any

from sandbox.building import codes

Resource = dict[str, Any]

# Ingredient RxCUIs confirmed in published CC0 value sets (OHDSI PhenotypeLibrary, HL7 PDDI-CDS).
INGREDIENTS: dict[str, str] = {
    "ibuprofen": "5640", "naproxen": "7258", "diclofenac": "3355", "ketorolac": "35827", "indomethacin": "5781",
    "celecoxib": "140587", "meloxicam": "41493", "etodolac": "24605", "nabumetone": "31448", "aspirin": "1191",
    "gentamicin": "1596450", "tobramycin": "10627", "amikacin": "641", "neomycin": "7299",
    "vancomycin": "11124", "piperacillin": "8339", "nafcillin": "7233", "colistin": "2709", "polymyxin b": "8536",
    "trimethoprim": "10829", "sulfamethoxazole": "10180", "tenofovir disoproxil": "300195",
    "cyclosporine": "3008", "everolimus": "141704",
    "methotrexate": "6851", "cisplatin": "2555", "carboplatin": "40048",
    "ifosfamide": "5657", "sulfasalazine": "9524", "topiramate": "38404", "zonisamide": "39998",
    "furosemide": "4603", "hydrochlorothiazide": "5487", "chlorthalidone": "2409", "indapamide": "5764",
    "metolazone": "6916", "spironolactone": "9997", "eplerenone": "298869", "omeprazole": "7646",
    "esomeprazole": "283742", "pantoprazole": "40790", "lansoprazole": "17128", "rabeprazole": "114979",
    "metformin": "6809", "canagliflozin": "1373458", "dapagliflozin": "1488564", "empagliflozin": "1545653",
    "gabapentin": "25480", "pregabalin": "187832", "morphine": "7052", "digoxin": "3407", "glyburide": "4815",
    "sitagliptin": "593411",
}  # fmt: skip
_ALSO_KNOWN = {"sulfameth/trimethoprim": ("10180", "10829"), "smx/tmp": ("10180", "10829")}
_WORDS = {code: name for name, code in INGREDIENTS.items()}
_NOT_A_DRUG = re.compile(
    r"flush|^solution$|^piggyback$|sterile water|free water|iv therapy|dwell|intake|gt flush", re.I
)
_ROUTES = {"PO": ("26643006", "Oral route"), "IV": ("47625008", "Intravenous route")}


def ingredient_codings(name: str) -> list[Resource]:
    """RxNorm codings of the confirmed ingredients named in `name`; none when no name is recognised."""
    lower = name.lower()
    found = [code for alias, pair in _ALSO_KNOWN.items() if alias in lower for code in pair]
    for ingredient, code in INGREDIENTS.items():
        if re.search(rf"\b{re.escape(ingredient)}\b", lower) and code not in found:
            found.append(code)
    return [{"system": codes.RXNORM, "code": code, "display": _WORDS[code]} for code in found]


def medication_concept(name: str) -> Resource:
    """A CodeableConcept that always has text, and codings where they are certain."""
    concept: Resource = {"text": name}
    codings = ingredient_codings(name)
    return {"coding": codings, **concept} if codings else concept


def worth_showing(name: str | None) -> bool:
    """Carriers, flushes and feeds are not drugs anybody looks for."""
    return bool(name) and not _NOT_A_DRUG.search(name or "")


def dose(quantity: Resource) -> Resource:
    """The dose as charted. Its unit is the source's own spelling, so no unit system is claimed."""
    number = float(f"{quantity['value']:.5g}")  # the source computes doses from rates: 49.99999873689376
    shown = {"value": int(number) if number == int(number) else number}
    return {**shown, "unit": quantity["unit"]} if quantity.get("unit") else shown


def route(source: Resource | None) -> Resource | None:
    """The route's text; SNOMED CT beside it for the two plain routes."""
    code = ((source or {}).get("coding") or [{}])[0].get("code")
    if not code:
        return None
    snomed = _ROUTES.get(code)
    coding = [{"system": codes.SNOMED, "code": snomed[0], "display": snomed[1]}] if snomed else []
    return {"coding": coding, "text": code} if coding else {"text": code}


class MedicationNames:
    """Names by Medication id and by formulary code, from the source's Medication and MedicationMix files."""

    def __init__(self, medications: Iterable[Resource], mixes: Iterable[Resource]) -> None:
        self._by_id: dict[str, str] = {}
        self._by_formulary: dict[str, str] = {}
        for medication in medications:
            self._learn(medication)
        for mix in mixes:
            self._by_id[mix["id"]] = _mix_name(mix["identifier"][0]["value"])

    def _learn(self, medication: Resource) -> None:
        identifiers = {i["system"].rsplit("/", 1)[-1]: i["value"] for i in medication["identifier"]}
        name = identifiers.get("mimic-medication-name")
        if name is None:
            return
        self._by_id[medication["id"]] = _tidy(name)
        formulary = identifiers.get("mimic-medication-formulary-drug-cd")
        if formulary and self._by_formulary.get(formulary, name) >= name:
            self._by_formulary[formulary] = _tidy(name)

    def of_request(self, request: Resource) -> str | None:
        reference = request.get("medicationReference", {}).get("reference", "")
        if reference:
            return self._by_id.get(reference.rpartition("/")[2])
        coding = (request.get("medicationCodeableConcept", {}).get("coding") or [{}])[0]
        named = str(coding.get("system", "")).endswith("mimic-medication-name")
        return _tidy(coding["code"]) if named and coding.get("code") else None

    def of_administration(self, administration: Resource, requested: str | None) -> str | None:
        coding = (administration.get("medicationCodeableConcept", {}).get("coding") or [{}])[0]
        if coding.get("display"):
            return _tidy(coding["display"])
        if str(coding.get("system", "")).endswith("mimic-medication-name"):
            return _tidy(coding["code"])
        return self._by_formulary.get(coding.get("code", "")) or requested


def _mix_name(identifier: str) -> str:
    """`Meropenem--MERO1I--..._0.9% Sodium Chloride--...` becomes `Meropenem in 0.9% Sodium Chloride`."""
    drugs = [_tidy(part.split("--")[0]) for part in identifier.split("_") if "--" in part]
    return " in ".join(dict.fromkeys(drug for drug in drugs if drug))


def _tidy(name: str) -> str:
    return " ".join(name.replace("*NF*", "").split())
