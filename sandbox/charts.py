"""A patient's chart as the EHR's own page shows it, read tolerantly from the stored FHIR resources."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sandbox.store import PatientStore, PatientSummary, Resource

FLOWSHEET_COLUMNS = 6
LIST_LENGTH = 12

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


@dataclass(frozen=True, slots=True)
class Line:
    """One medication or problem."""

    text: str
    note: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Stay:
    """The encounter the clinician is working in."""

    id: str
    label: str
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Chart:
    """Everything the chart page shows."""

    summary: PatientSummary
    birth_date: str
    stay: Stay | None
    labs: Flowsheet
    vitals: tuple[Result, ...]
    medications: tuple[Line, ...]
    given: tuple[Line, ...]
    problems: tuple[Line, ...]


def read_chart(store: PatientStore, patient_id: str) -> Chart:
    """The chart of one patient. Raises KeyError for an unknown patient."""
    summary = store.summary(patient_id)
    patient = store.resources(patient_id, "Patient")
    observations = store.resources(patient_id, "Observation")
    return Chart(
        summary=summary,
        birth_date=str(patient[0].get("birthDate", "")) if patient else "",
        stay=current_stay(store, patient_id),
        labs=_flowsheet(observations),
        vitals=_latest_vitals(observations),
        medications=_medications(store.resources(patient_id, "MedicationRequest")),
        given=_given(store.resources(patient_id, "MedicationAdministration")),
        problems=_problems(store.resources(patient_id, "Condition")),
    )


def current_stay(store: PatientStore, patient_id: str) -> Stay | None:
    """The encounter in progress, else the latest one; inpatient stays before their emergency visit."""
    encounters = store.resources(patient_id, "Encounter")
    if not encounters:
        return None
    latest = max(encounters, key=lambda e: (e.get("status") == "in-progress", _start(e), _is_inpatient(e)))
    return Stay(latest["id"], _stay_label(latest), _time(_start(latest)))


def _start(encounter: Resource) -> str:
    return str(encounter.get("period", {}).get("start", ""))


def _is_inpatient(encounter: Resource) -> bool:
    return encounter.get("class", {}).get("code") in ("IMP", "ACUTE")


def _stay_label(encounter: Resource) -> str:
    for location in encounter.get("location", []):
        display = location.get("location", {}).get("display")
        if display and location.get("status", "active") == "active":
            return str(display)
    kind = encounter.get("class", {})
    return str(_words(encounter.get("type", [{}])[0]) or kind.get("display") or kind.get("code") or "Encounter")


def _flowsheet(observations: Iterable[Resource]) -> Flowsheet:
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
    return FlowsheetRow(name, unit, tuple(by_time.get(at) for at in times))


def _latest_vitals(observations: Iterable[Resource]) -> tuple[Result, ...]:
    latest: dict[str, Result] = {}
    for observation in observations:
        if _category(observation) not in ("vital-signs", "vital-sign"):
            continue
        result = _result(observation, _VITALS)
        if result and (result.name not in latest or latest[result.name].at < result.at):
            latest[result.name] = result
    return tuple(latest[name] for name in dict.fromkeys(_VITALS.values()) if name in latest)


def _medications(requests: Sequence[Resource]) -> tuple[Line, ...]:
    active = [r for r in requests if r.get("status") in ("active", "on-hold")]
    lines = {
        _drug(r): Line(_drug(r), _dose(r), _time(r.get("authoredOn"))) for r in _newest(active, "authoredOn")[::-1]
    }
    return tuple(reversed(lines.values()))


def _given(administrations: Sequence[Resource]) -> tuple[Line, ...]:
    newest = _newest(administrations, "effectiveDateTime")[:LIST_LENGTH]
    return tuple(Line(_drug(a), _given_dose(a), _time(a.get("effectiveDateTime"))) for a in newest)


def _problems(conditions: Sequence[Resource]) -> tuple[Line, ...]:
    newest = _newest(conditions, "recordedDate")
    lines: dict[str, Line] = {}
    for condition in newest:
        text = _words(condition.get("code", {}))
        lines.setdefault(text, Line(text, _status(condition), _time(condition.get("recordedDate"))))
    return tuple(line for text, line in lines.items() if text)


def _newest(resources: Iterable[Resource], key: str) -> list[Resource]:
    return sorted(resources, key=lambda r: str(r.get(key, "")), reverse=True)


def _status(condition: Resource) -> str:
    codings = condition.get("clinicalStatus", {}).get("coding", [])
    return str(codings[0].get("code", "")) if codings else ""


def _drug(resource: Resource) -> str:
    concept = resource.get("medicationCodeableConcept", {})
    return _words(concept) or str(resource.get("medicationReference", {}).get("display", "Unnamed medication"))


def _dose(request: Resource) -> str:
    instructions = request.get("dosageInstruction", [])
    return str(instructions[0].get("text", "")) if instructions else ""


def _given_dose(administration: Resource) -> str:
    dose = administration.get("dosage", {}).get("dose", {})
    return f"{_number(dose['value'])} {dose.get('unit', '')}".strip() if "value" in dose else ""


def _result(observation: Resource, names: Mapping[str, str]) -> Result | None:
    name = next((names[c["code"]] for c in _codings(observation) if c.get("code") in names), None)
    at = _time(observation.get("effectiveDateTime"))
    if name is None or at is None:
        return None
    quantity = observation.get("valueQuantity", {})
    if "value" in quantity:
        value = f"{quantity.get('comparator', '')}{_number(quantity['value'])}"
        return Result(name, value, _unit(quantity), at, _flag(observation, quantity["value"]))
    pressure = _pressure(observation)
    return Result(name, pressure, "mm Hg", at) if pressure else None


def _pressure(observation: Resource) -> str:
    values: dict[str, Any] = {}
    for component in observation.get("component", []):
        for coding in component.get("code", {}).get("coding", []):
            values[coding.get("code")] = component.get("valueQuantity", {}).get("value")
    high, low = values.get(_SYSTOLIC), values.get(_DIASTOLIC)
    return f"{_number(high)}/{_number(low)}" if high is not None and low is not None else ""


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


def _words(concept: Mapping[str, Any]) -> str:
    if concept.get("text"):
        return str(concept["text"])
    return next((str(c["display"]) for c in concept.get("coding", []) if c.get("display")), "")


def _unit(quantity: Mapping[str, Any]) -> str:
    unit = str(quantity.get("unit", ""))
    return {"Cel": "°C", "[degF]": "°F", "[lb_av]": "lb", "[in_i]": "in"}.get(unit, unit)


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _time(text: Any) -> datetime | None:
    """A full instant; a mere day is no time of a result and gives None."""
    if not isinstance(text, str) or len(text) <= len(date.min.isoformat()):
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else None
