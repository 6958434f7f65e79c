"""A patient's chart as the EHR's own page shows it, read tolerantly from the stored FHIR resources."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sandbox.chart_results import Flowsheet, Result, flowsheet, instant, latest_vitals, number_words
from sandbox.store import PatientStore, PatientSummary, Resource

LIST_LENGTH = 12


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
        labs=flowsheet(observations),
        vitals=latest_vitals(observations),
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
    return Stay(latest["id"], _stay_label(latest), instant(_start(latest)))


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


def _medications(requests: Sequence[Resource]) -> tuple[Line, ...]:
    active = [r for r in requests if r.get("status") in ("active", "on-hold")]
    lines = {
        _drug(r): Line(_drug(r), _dose(r), instant(r.get("authoredOn")))
        for r in _newest(active, "authoredOn")[::-1]
    }
    return tuple(reversed(lines.values()))


def _given(administrations: Sequence[Resource]) -> tuple[Line, ...]:
    newest = _newest(administrations, "effectiveDateTime")[:LIST_LENGTH]
    return tuple(Line(_drug(a), _given_dose(a), instant(a.get("effectiveDateTime"))) for a in newest)


def _problems(conditions: Sequence[Resource]) -> tuple[Line, ...]:
    newest = _newest(conditions, "recordedDate")
    lines: dict[str, Line] = {}
    for condition in newest:
        text = _words(condition.get("code", {}))
        lines.setdefault(text, Line(text, _status(condition), instant(condition.get("recordedDate"))))
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
    return f"{number_words(dose['value'])} {dose.get('unit', '')}".strip() if "value" in dose else ""


def _words(concept: Mapping[str, Any]) -> str:
    if concept.get("text"):
        return str(concept["text"])
    return next((str(c["display"]) for c in concept.get("coding", []) if c.get("display")), "")
