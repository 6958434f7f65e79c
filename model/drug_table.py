"""The drug table of model/knowledge/drugs.toml, indexed by code and by name. Read once a process."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from typing import Any

from model.snapshot import Coding

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
ATC = "http://www.whocc.no/atc"
SNOMED = "http://snomed.info/sct"
_ALIASES = {
    "urn:oid:2.16.840.1.113883.6.88": RXNORM,
    "urn:oid:2.16.840.1.113883.6.73": ATC,
    "urn:oid:2.16.840.1.113883.6.96": SNOMED,
    "https://dmd.nhs.uk": SNOMED,  # dm+d's identifiers are SNOMED CT's
}
# Terminologies whose product names follow rules. Codes of a hospital's own catalogue are not among them.
DRUG_TERMINOLOGIES = frozenset(
    {RXNORM, ATC, SNOMED, "http://hl7.org/fhir/sid/ndc", "urn:oid:2.16.840.1.113883.6.69"}
)


@dataclass(frozen=True, slots=True)
class Ingredient:
    """One active substance, or one branch of ATC, and what the rules call it (`classes`)."""

    name: str
    classes: frozenset[str]
    nephrotoxic: bool = False
    acts_by_mouth: bool = True


@dataclass(frozen=True, slots=True)
class DrugTable:
    """Codes and names to ingredients. `unconfirmed` codes count only where the order's words agree."""

    version: str
    by_code: Mapping[Coding, Ingredient]
    unconfirmed: Mapping[Coding, Ingredient]
    atc_groups: tuple[tuple[str, frozenset[str], Ingredient], ...]
    by_name: Mapping[str, Ingredient]
    name_pattern: re.Pattern[str] = field(repr=False)

    def of_code(self, coding: Coding) -> Ingredient | None:
        """The ingredient a confirmed code names; for ATC the nearest branch above it too."""
        known = canonical(coding)
        if (found := self.by_code.get(known)) is not None:
            return found
        if known.system != ATC:
            return None
        for prefix, exceptions, ingredient in self.atc_groups:
            if known.code.startswith(prefix) and known.code not in exceptions:
                return ingredient
        return None

    def named_in(self, text: str) -> tuple[Ingredient, ...]:
        """Ingredients whose names stand in a text as whole words, in its order."""
        found = (self.by_name[name.lower()] for name in self.name_pattern.findall(text))
        return tuple(dict.fromkeys(found))


def canonical(coding: Coding) -> Coding:
    """The coding with its system's OID, other spellings and stray blanks resolved."""
    system = coding.system.strip().rstrip("/")
    code = coding.code.strip()
    known = _ALIASES.get(system, system)
    return Coding(known, code.upper() if known == ATC else code)


@lru_cache(maxsize=1)
def drug_table() -> DrugTable:
    """The bundled table."""
    text = (resources.files("model") / "knowledge" / "drugs.toml").read_text(encoding="utf-8")
    return _table(tomllib.loads(text))


def _table(document: Mapping[str, Any]) -> DrugTable:
    by_code: dict[Coding, Ingredient] = {}
    unconfirmed: dict[Coding, Ingredient] = {}
    by_name: dict[str, Ingredient] = {}
    for row in document["ingredient"]:
        ingredient = _ingredient(row)
        for system, key in ((RXNORM, "rxnorm"), (ATC, "atc"), (SNOMED, "snomed")):
            by_code |= {Coding(system, code): ingredient for code in row.get(key, ())}
        unconfirmed |= {Coding(RXNORM, code): ingredient for code in row.get("rxnorm_unconfirmed", ())}
        by_name |= {name.lower(): ingredient for name in (row["name"], *row.get("also", ()))}
    groups = [(row["prefix"], frozenset(row.get("except", ())), _ingredient(row)) for row in document["atc_group"]]
    groups.sort(key=lambda group: -len(group[0]))  # the nearest branch first
    longest_first = sorted(by_name, key=len, reverse=True)
    pattern = re.compile(rf"(?<![a-z])({'|'.join(map(re.escape, longest_first))})(?![a-z])", re.IGNORECASE)
    return DrugTable(document["version"], by_code, unconfirmed, tuple(groups), by_name, pattern)


def _ingredient(row: Mapping[str, Any]) -> Ingredient:
    return Ingredient(
        row["name"], frozenset(row["classes"]), row.get("nephrotoxic", False), row.get("acts_by_mouth", True)
    )
