"""MedicationAdministrations -> drugs given: what reached the patient, and when.

An administration is shown and never scored: the rules about drugs look at orders (`medications`).
"""

import re
from datetime import datetime
from typing import Any, Final

from model.drugs import Recognition, recognise
from model.snapshot import Coding, ContrastGiven, DrugGiven, Medication
from patient_context.chart import Chart
from patient_context.medications import drug_of, route_of
from patient_context.shapes import Json, Refused, codings, member, text
from patient_context.times import FhirTime

_GIVEN: Final = frozenset({"completed", "in-progress", "on-hold", "stopped"})
_LONGEST_UNIT: Final = 20
_LARGEST_DOSE: Final = 1e9  # units of heparin come in tens of thousands; beyond it is no dose
_INTO_THE_GUT: Final = re.compile(
    r"\b(?:oral(?:ly)?|p\.?o|by mouth|per os|enteral|n\.?g|nasogastric|rectal(?:ly)?|p\.?r)\b", re.IGNORECASE
)


def add_administration(chart: Chart, resource: Json, source: str) -> None:
    """One drug that was given, or is running; a dose that was held is counted.

    Iodinated contrast that reaches the blood counts as contrast.
    """
    if resource.get("status") == "not-done":
        chart.ignored["dose-not-given"] += 1
        return
    try:
        status = _status(resource)
        chart.require_known_modifiers(resource)
        drug = _drug(chart, resource, source, running=status == "in-progress")
    except Refused as refusal:
        chart.reject(source, refusal)
        return
    if (contrast := _as_contrast(chart, drug)) is not None:
        chart.contrast.append(contrast)
        return
    dose, unit = _dose(resource)
    chart.given.append(DrugGiven(drug, dose, unit, running=drug.active is True, stopped_early=status == "stopped"))


def _status(resource: Json) -> str:
    """The status of something given. What was stopped early, or interrupted, was given in part."""
    status = text(resource.get("status"))
    if status == "entered-in-error":
        raise Refused("entered-in-error", "It was entered in error.")
    if status not in _GIVEN:
        raise Refused("administration-unclear", "Its status does not say whether the drug was given.")
    return status


def _drug(chart: Chart, resource: Json, source: str, *, running: bool) -> Medication:
    concept, name = drug_of(chart, resource)
    codes = frozenset(Coding(system, code) for system, code in codings(concept))
    if not codes and not name:
        raise Refused("medication-unnamed", "It does not say which drug it is.")
    start, end = _given_from_to(chart, resource)
    return Medication(
        text=name or "",
        codes=codes,
        source=source,
        route=route_of(resource),
        active=running and end is None,
        start_at=start,
        end_at=end,
    )


def _given_from_to(chart: Chart, resource: Json) -> tuple[datetime, datetime | None]:
    """The moment it was given, or the period. Raises Refused where nothing says when."""
    moment = resource.get("effectiveDateTime")
    period = member(resource, "effectivePeriod")
    first = moment if moment is not None else period.get("start", period.get("end"))
    if first is None:
        raise Refused("time-missing", "Nothing says when the drug was given.")
    start = _past(chart, first)
    if moment is not None or period.get("end") is None:
        return start.at, None
    end = chart.time_of(period["end"])
    if end.latest < start.at:
        raise Refused("period-reversed", "It ends before it begins.")
    return start.at, max(end.at, start.at)


def _past(chart: Chart, given: Any) -> FhirTime:
    time = chart.time_of(given)
    if time.at > chart.latest_at:
        raise Refused("time-in-future", "It is dated in the future.")
    return time


def _as_contrast(chart: Chart, drug: Medication) -> ContrastGiven | None:
    """The drug as contrast in the blood; None for other drugs, and for contrast that is drunk."""
    same = Medication(drug.text, drug.codes, "", drug.route)
    facts = chart.drugs_known.get(same) or chart.drugs_known.setdefault(same, recognise(same))
    if drug.route and _INTO_THE_GUT.search(drug.route):
        return None
    if not any("contrast" in one.classes for one in facts.ingredients):
        return None
    name = drug.text or facts.name
    by_name = facts.recognition is Recognition.NAME_ONLY
    return ContrastGiven(name, drug.source, drug.start_at, drug.end_at or drug.start_at, by_name=by_name)


def _dose(resource: Json) -> tuple[float | None, str]:
    """The amount given, as charted: never converted, never read from text."""
    dose = member(member(resource, "dosage"), "dose")
    value = dose.get("value")
    if (type(value) is not float and type(value) is not int) or not 0 < value < _LARGEST_DOSE:  # bool is no number
        return None, ""
    return float(value), (text(dose.get("unit")) or text(dose.get("code")) or "")[:_LONGEST_UNIT]
