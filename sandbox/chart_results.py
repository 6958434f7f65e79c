"""Results in a chart: the flowsheet of laboratory values and the latest vital signs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sandbox.store import Resource

FLOWSHEET_COLUMNS = 6

_LABS = {
    "2160-0": "Creatinine",
    "38483-4": "Creatinine",
    "3094-0": "Urea nitrogen",
    "2823-3": "Potassium",
    "6298-4": "Potassium",
    "2951-2": "Sodium",
    "2947-0": "Sodium",
    "2075-0": "Chloride",
    "1963-8": "Bicarbonate",
    "2028-9": "Bicarbonate",
    "1863-0": "Anion gap",
    "17861-6": "Calcium",
    "2777-1": "Phosphate",
    "19123-9": "Magnesium",
    "2345-7": "Glucose",
    "2339-0": "Glucose",
    "32693-4": "Lactate",
    "718-7": "Haemoglobin",
    "6690-2": "White cells",
    "777-3": "Platelets",
    "1751-7": "Albumin",
    "1975-2": "Bilirubin, total",
    "1742-6": "ALT",
    "1920-8": "AST",
    "6301-6": "INR",
}
_LAB_ORDER = {name: place for place, name in enumerate(dict.fromkeys(_LABS.values()))}
_VITALS = {
    "8867-4": "Heart rate",
    "85354-9": "Blood pressure",
    "8310-5": "Temperature",
    "9279-1": "Respiratory rate",
    "2708-6": "SpO₂",
    "59408-5": "SpO₂",
    "29463-7": "Weight",
}
_SHOWN_UNITS = {
    "Cel": "°C",
    "[degF]": "°F",
    "[lb_av]": "lb",
    "[in_i]": "in",
    "{INR}": "",
    "10*3/uL": "10³/µL",
    "10*6/uL": "10⁶/µL",
    "ug/mL": "µg/mL",
}
_SYSTOLIC, _DIASTOLIC = "8480-6", "8462-4"


@dataclass(frozen=True, slots=True)
class Result:
    """One value as text; `flag` is H, L or empty."""

    name: str
    value: str
    unit: str
    at: datetime
    flag: str = ""


@dataclass(frozen=True, slots=True)
class FlowsheetRow:
    name: str
    unit: str
    cells: tuple[Result | None, ...]


@dataclass(frozen=True, slots=True)
class Flowsheet:
    """Results by test (rows) and time of draw (columns, newest first)."""

    times: tuple[datetime, ...]
    rows: tuple[FlowsheetRow, ...]


def flowsheet(observations: Iterable[Resource]) -> Flowsheet:
    """The laboratory results this page knows by name, at the latest times of draw."""
    results: dict[str, list[Result]] = {}
    for observation in observations:
        if _category(observation) != "laboratory":
            continue
        result = _result(observation, _LABS)
        if result is not None:
            results.setdefault(result.name, []).append(result)
    known = {name: found for name, found in results.items() if name in _LAB_ORDER}
    times = sorted({result.at for found in known.values() for result in found}, reverse=True)[:FLOWSHEET_COLUMNS]
    rows = (_row(name, known[name], times) for name in sorted(known, key=_LAB_ORDER.__getitem__))
    return Flowsheet(tuple(times), tuple(row for row in rows if any(row.cells)))


def _row(name: str, found: Sequence[Result], times: Sequence[datetime]) -> FlowsheetRow:
    by_time = {result.at: result for result in found}
    unit = max(found, key=lambda result: result.at).unit
    return FlowsheetRow(name, unit, _with_equal_decimals([by_time.get(at) for at in times]))


def _with_equal_decimals(cells: Sequence[Result | None]) -> tuple[Result | None, ...]:
    """1 beside 0.7 is shown as 1.0, so that digits stand below digits; nothing is rounded."""
    decimals = max((len(cell.value.partition(".")[2]) for cell in cells if cell), default=0)
    return tuple(replace(cell, value=_padded(cell.value, decimals)) if cell else None for cell in cells)


def _padded(value: str, decimals: int) -> str:
    if not decimals or not value.replace(".", "", 1).isdigit():
        return value
    whole, _, fraction = value.partition(".")
    return f"{whole}.{fraction.ljust(decimals, '0')}"


def latest_vitals(observations: Iterable[Resource]) -> tuple[Result, ...]:
    """The newest of each vital sign."""
    latest: dict[str, Result] = {}
    for observation in observations:
        if _category(observation) not in ("vital-signs", "vital-sign"):
            continue
        result = _result(observation, _VITALS)
        if result and (result.name not in latest or latest[result.name].at < result.at):
            latest[result.name] = result
    return tuple(latest[name] for name in dict.fromkeys(_VITALS.values()) if name in latest)


def _result(observation: Resource, names: Mapping[str, str]) -> Result | None:
    name = next((names[c["code"]] for c in _codings(observation) if c.get("code") in names), None)
    at = instant(observation.get("effectiveDateTime"))
    if name is None or at is None:
        return None
    quantity = observation.get("valueQuantity", {})
    if "value" in quantity:
        value = f"{quantity.get('comparator', '')}{number_words(quantity['value'])}"
        return Result(name, value, _unit(quantity), at, _flag(observation, quantity["value"]))
    pressure = _pressure(observation)
    return Result(name, pressure, "mm Hg", at) if pressure else None


def _pressure(observation: Resource) -> str:
    values: dict[str, Any] = {}
    for component in observation.get("component", []):
        for coding in component.get("code", {}).get("coding", []):
            values[coding.get("code")] = component.get("valueQuantity", {}).get("value")
    high, low = values.get(_SYSTOLIC), values.get(_DIASTOLIC)
    return f"{number_words(high)}/{number_words(low)}" if high is not None and low is not None else ""


def _flag(observation: Resource, value: Any) -> str:
    ranges = observation.get("referenceRange", [])
    if not ranges or not isinstance(value, int | float):
        return ""
    low, high = (ranges[0].get(end, {}).get("value") for end in ("low", "high"))
    if high is not None and value > high:
        return "H"
    return "L" if low is not None and value < low else ""


def _category(observation: Resource) -> str:
    for category in observation.get("category", []):
        for coding in category.get("coding", []):
            return str(coding.get("code", ""))
    return ""


def _codings(resource: Resource) -> list[dict[str, Any]]:
    codings: list[dict[str, Any]] = resource.get("code", {}).get("coding", [])
    return codings


def _unit(quantity: Mapping[str, Any]) -> str:
    unit = str(quantity.get("unit", ""))
    return _SHOWN_UNITS.get(unit, unit)


def number_words(value: Any) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def instant(text: Any) -> datetime | None:
    """A full instant; a mere day is no time of a result and gives None."""
    if not isinstance(text, str) or len(text) <= len(date.min.isoformat()):
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else None
