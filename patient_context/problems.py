"""Conditions and procedures -> problems and procedures, with the clinical ideas their codes stand for."""

from collections.abc import Callable
from datetime import datetime, tzinfo
from typing import Any, Final

from model.snapshot import Concept, Problem, ProcedureDone
from patient_context.chart import Chart
from patient_context.concept_codes import concepts_of, procedure_concepts_of
from patient_context.operations import add_contrast, add_operation, contrast_of
from patient_context.procedure_kinds import is_operation
from patient_context.shapes import Json, Refused, codings, concept_text, first_code, member
from patient_context.times import optional_time

_ACTIVE: Final = {
    "active": True,
    "recurrence": True,
    "relapse": True,
    "inactive": False,
    "remission": False,
    "resolved": False,
}
_UNSURE: Final = frozenset({"unconfirmed", "provisional", "differential"})
_TOOK_PLACE: Final = frozenset({"completed", "in-progress", "stopped"})


def add_condition(chart: Chart, resource: Json, source: str) -> None:
    """A problem, unless it was refuted or entered in error. A suspected one keeps its text but proves nothing."""
    verification = first_code(resource.get("verificationStatus"))
    try:
        if verification == "entered-in-error":
            raise Refused("entered-in-error", "It was entered in error.")
        if verification == "refuted":
            raise Refused("refuted", "The diagnosis was refuted.")
        chart.require_known_modifiers(resource)
    except Refused as refusal:
        chart.reject(source, refusal)
        return
    zone = chart.reading.time_zone
    onset = resource.get("onsetDateTime", member(resource, "onsetPeriod").get("start"))
    chart.problems.append(
        Problem(
            text=concept_text(resource.get("code")),
            concepts=frozenset() if verification in _UNSURE else _concepts(resource.get("code")),
            source=source,
            active=_is_active(resource),
            onset_at=optional_time(onset, zone),
            recorded_at=optional_time(resource.get("recordedDate"), zone),
        )
    )


def _is_active(resource: Json) -> bool | None:
    status = first_code(resource.get("clinicalStatus"))
    if status in _ACTIVE:
        return _ACTIVE[status]
    has_ended = any(name.startswith("abatement") for name in resource)
    return False if has_ended else None


def add_procedure(chart: Chart, resource: Json, source: str) -> None:
    """A procedure that took place and says something about the kidneys, or is an operation, or brought contrast;
    others are counted."""
    concepts = _concepts(resource.get("code"), procedure_concepts_of)
    operated = not concepts and is_operation(resource)
    contrast = contrast_of(codings(resource.get("code")), concept_text(resource.get("code")))
    if not concepts and not operated and contrast is None:
        chart.ignored["procedure-not-used"] += 1
        return
    status = resource.get("status")
    try:
        if not isinstance(status, str) or status not in _TOOK_PLACE:
            raise Refused("procedure-not-done", "The procedure did not take place, or its status does not say so.")
        chart.require_known_modifiers(resource)
    except Refused as refusal:
        chart.reject(source, refusal)
        return
    start_at, end_at = _performed(resource, chart.reading.time_zone)
    text = concept_text(resource.get("code"))
    if concepts:
        chart.procedures.append(ProcedureDone(text, concepts, source, start_at=start_at, end_at=end_at))
    if operated:
        add_operation(chart, resource, text, source)
    if contrast is not None:
        add_contrast(chart, resource, text, source, contrast)


def _performed(resource: Json, zone: tzinfo) -> tuple[datetime | None, datetime | None]:
    """Start and end. No end means still running: so only in progress; what is over ended at least at its start."""
    if (moment := resource.get("performedDateTime")) is not None:
        at = optional_time(moment, zone)
        return at, at
    period = member(resource, "performedPeriod")
    start, end = (optional_time(period.get(name), zone) for name in ("start", "end"))
    if end is None and resource.get("status") != "in-progress":
        end = start
    return start, end


def _concepts(code: Any, named: Callable[[str, str], frozenset[Concept]] = concepts_of) -> frozenset[Concept]:
    found: frozenset[Concept] = frozenset()
    for system, value in codings(code):
        found |= named(system, value)
    return found
