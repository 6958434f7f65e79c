"""The fictional clinicians of the embedded EHR."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Practitioner:
    id: str
    given: str
    family: str
    title: str
    role: str
    inpatients_only: bool = False
    """This EHR shows them nobody who is not in hospital, whatever an app may do for others."""

    @property
    def name(self) -> str:
        return " ".join(part for part in (self.title, self.given, self.family) if part)

    def to_fhir(self) -> dict[str, Any]:
        name = {"use": "official", "family": self.family, "given": [self.given]}
        if self.title:
            name["prefix"] = [self.title]
        return {
            "resourceType": "Practitioner",
            "id": self.id,
            "active": True,
            "identifier": [{"system": "urn:embedded-ehr:staff", "value": self.id}],
            "name": [name],
            "qualification": [{"code": {"text": self.role}}],
        }


PRACTITIONERS: tuple[Practitioner, ...] = (
    Practitioner("okafor-ada", "Ada", "Okafor", "Dr", "Hospital physician"),
    Practitioner("lindqvist-jonas", "Jonas", "Lindqvist", "Dr", "Intensive care physician"),
    Practitioner("moreau-claire", "Claire", "Moreau", "Dr", "Nephrologist"),
    Practitioner("tanaka-yui", "Yui", "Tanaka", "", "Critical care nurse", inpatients_only=True),
    Practitioner("haddad-samir", "Samir", "Haddad", "", "Clinical pharmacist"),
)

_BY_ID = {practitioner.id: practitioner for practitioner in PRACTITIONERS}


def find_practitioner(practitioner_id: str | None) -> Practitioner | None:
    return _BY_ID.get(practitioner_id or "")
