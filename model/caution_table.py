"""The rows of model/knowledge/cautions.toml, checked at load. Read once a process."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from importlib import resources
from typing import Any


class Severity(StrEnum):
    """How loudly a caution is said."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class Offer(StrEnum):
    """What may be offered to do with one click."""

    REMOVE = "remove"
    CREATININE = "creatinine"
    URINALYSIS = "urinalysis"


@dataclass(frozen=True, slots=True)
class CautionText:
    """The words of one caution. `basis` are sentences naming the sources."""

    id: str
    family: str
    severity: Severity
    title: str
    text: str
    offers: tuple[Offer, ...]
    basis: tuple[str, ...]
    may_interrupt: bool = False


@dataclass(frozen=True, slots=True)
class DoseRule:
    """A drug class and the kidney function below which its label says something.

    `measure` is "egfr" or "clearance"; `in_aki` the AKI stage from which it holds whatever the number.
    `special` names a condition of its own in model/drug_cautions.py.
    """

    words: CautionText
    classes: frozenset[str]
    measure: str | None
    below: float | None
    in_aki: int | None
    on_dialysis: bool
    special: str | None


@dataclass(frozen=True, slots=True)
class CautionTable:
    """Every caution by its id, and the dose rules in order, the more serious of a class first."""

    version: str
    rules: Mapping[str, CautionText]
    doses: tuple[DoseRule, ...]


@lru_cache(maxsize=1)
def caution_table() -> CautionTable:
    """The bundled table."""
    text = (resources.files("model") / "knowledge" / "cautions.toml").read_text(encoding="utf-8")
    document = tomllib.loads(text)
    sources = document["sources"]
    rules = {row["id"]: _words(row, sources) for row in document["rule"]}
    doses = tuple(_dose(row, sources) for row in document["dose"])
    return CautionTable(document["version"], rules, doses)


def _words(row: Mapping[str, Any], sources: Mapping[str, str]) -> CautionText:
    return CautionText(
        row["id"],
        row["family"],
        Severity(row["severity"]),
        row["title"],
        row["text"],
        tuple(Offer(name) for name in row["offers"]),
        tuple(sources[name] for name in row["basis"]),
        row.get("may_interrupt", False),
    )


def _dose(row: Mapping[str, Any], sources: Mapping[str, str]) -> DoseRule:
    return DoseRule(
        _words(row, sources),
        frozenset(row["classes"]),
        row.get("measure"),
        row.get("below"),
        row.get("in_aki"),
        row.get("on_dialysis", False),
        row.get("rule"),
    )
