"""Readable medication names, the products' own codes, and RxNorm ingredient codes where they are certain."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sandbox.building import codes
from sandbox.building.ingredients import ingredients_named

Resource = dict[str, Any]

_NOT_A_DRUG = re.compile(
    r"flush|^solution$|^piggyback$|sterile water|free water|iv therapy|dwell|intake|gt flush", re.I
)
_ROUTES = {"PO": ("26643006", "Oral route"), "IV": ("47625008", "Intravenous route")}


@dataclass(frozen=True, slots=True)
class Drug:
    """What the source calls an ordered drug, and the National Drug Code of the product, where it has one."""

    name: str
    ndc: str | None = None


def ingredient_codings(name: str) -> list[Resource]:
    """RxNorm codings of the confirmed ingredients named in `name`; none when no name is recognised."""
    return [
        {"system": codes.RXNORM, "code": code, "display": display} for code, display in ingredients_named(name)
    ]


def medication_concept(drug: Drug) -> Resource:
    """A CodeableConcept that always has text, and codings where they are certain."""
    concept: Resource = {"text": drug.name}
    codings = ingredient_codings(drug.name)
    if drug.ndc:
        codings.append({"system": codes.NDC, "code": drug.ndc})
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
    """Drugs by Medication id and names by formulary code, from the source's Medication and MedicationMix files."""

    def __init__(self, medications: Iterable[Resource], mixes: Iterable[Resource]) -> None:
        self._by_id: dict[str, Drug] = {}
        self._by_formulary: dict[str, str] = {}
        for medication in medications:
            self._learn(medication)
        for mix in mixes:
            self._by_id[mix["id"]] = _mixed(mix["identifier"][0]["value"])

    def _learn(self, medication: Resource) -> None:
        identifiers = {i["system"].rsplit("/", 1)[-1]: i["value"] for i in medication["identifier"]}
        name = identifiers.get("mimic-medication-name")
        if name is None:
            return
        self._by_id[medication["id"]] = Drug(_tidy(name), _ndc(identifiers.get("mimic-medication-ndc", "")))
        formulary = identifiers.get("mimic-medication-formulary-drug-cd")
        if formulary and self._by_formulary.get(formulary, name) >= name:
            self._by_formulary[formulary] = _tidy(name)

    def of_request(self, request: Resource) -> Drug | None:
        reference = request.get("medicationReference", {}).get("reference", "")
        if reference:
            return self._by_id.get(reference.rpartition("/")[2])
        coding = (request.get("medicationCodeableConcept", {}).get("coding") or [{}])[0]
        named = str(coding.get("system", "")).endswith("mimic-medication-name")
        return Drug(_tidy(coding["code"])) if named and coding.get("code") else None

    def of_administration(self, administration: Resource, requested: str | None) -> str | None:
        """The name only: which package was opened is not in the source."""
        coding = (administration.get("medicationCodeableConcept", {}).get("coding") or [{}])[0]
        if coding.get("display"):
            return _tidy(coding["display"])
        if str(coding.get("system", "")).endswith("mimic-medication-name"):
            return _tidy(coding["code"])
        return self._by_formulary.get(coding.get("code", "")) or requested


def _mixed(identifier: str) -> Drug:
    """`Meropenem--MERO1I--63323050831_0.9% Sodium Chloride--...`: meropenem in 0.9% sodium chloride.

    The product code is the first part's, the drug that the mix is named after.
    """
    parts = [part.split("--") for part in identifier.split("_") if "--" in part]
    names = " in ".join(dict.fromkeys(name for name in (_tidy(part[0]) for part in parts) if name))
    return Drug(names, _ndc(parts[0][2]) if parts and len(parts[0]) > 2 else None)


def _ndc(text: str) -> str | None:
    """An eleven-digit National Drug Code; the source writes 0 where there is none."""
    return text if re.fullmatch(r"\d{11}", text) and text.strip("0") else None


def _tidy(name: str) -> str:
    return " ".join(name.replace("*NF*", "").split())
