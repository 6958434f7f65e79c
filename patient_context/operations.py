"""Procedures -> operations and contrast given, with when they took place.

A day without a time is kept as that whole day (`day_only`): coded procedures rarely say more.
"""

from datetime import datetime
from typing import Any, Final, NamedTuple

from model.contrast_imaging import recognise_examination
from model.drugs import Recognition
from model.snapshot import Coding, ContrastGiven, Medication, Operation
from patient_context.chart import Chart
from patient_context.procedure_kinds import IMAGING_WITH_CONTRAST, kinds_of
from patient_context.shapes import Json, Refused, member
from patient_context.times import FhirTime


class When(NamedTuple):
    """From when to when something was done; both None where nothing usable says so."""

    start_at: datetime | None
    end_at: datetime | None
    day_only: bool


_UNDATED: Final = When(None, None, day_only=False)


def add_operation(chart: Chart, procedure: Json, text: str, source: str) -> None:
    """A Procedure that is a surgical operation."""
    when = performed(chart, procedure)
    chart.operations.append(Operation(text, source, when.start_at, when.end_at, when.day_only))


def add_contrast(chart: Chart, procedure: Json, text: str, source: str, known: Recognition) -> None:
    """A Procedure that brought contrast into the blood."""
    chart.contrast.append(contrast_given(text, source, performed(chart, procedure), known))


def contrast_given(text: str, source: str, when: When, known: Recognition) -> ContrastGiven:
    """Contrast of an examination; `known` is how it was recognised."""
    by_name = known is Recognition.NAME_ONLY
    return ContrastGiven(text, source, when.start_at, when.end_at, when.day_only, by_name)


def contrast_of(coded: list[tuple[str, str]], words: str) -> Recognition | None:
    """How an examination is known to bring iodinated contrast into the blood; None where nothing says so."""
    if IMAGING_WITH_CONTRAST in kinds_of(coded):
        return Recognition.CODE
    codes = frozenset(Coding(system, code) for system, code in coded)
    found = recognise_examination(Medication(words, codes, ""))
    return found.recognition if found else None


def performed(chart: Chart, procedure: Json) -> When:
    """When a Procedure took place: one moment, or from its start; without an end it is over unless in progress."""
    if (moment := procedure.get("performedDateTime")) is not None:
        return at_once(chart, moment)
    period = member(procedure, "performedPeriod")
    start = _time(chart, period.get("start"))
    end = _time(chart, period.get("end"))
    if start is None:
        return _UNDATED if end is None else When(end.at, end.latest, end.day_only)
    if end is None:
        running = procedure.get("status") == "in-progress"
        return When(start.at, None if running else start.latest, start.day_only and not running)
    return When(start.at, max(end.latest, start.at), start.day_only and start.at == end.at)


def at_once(chart: Chart, value: Any) -> When:
    """One moment, or one day."""
    time = _time(chart, value)
    return _UNDATED if time is None else When(time.at, time.latest, time.day_only)


def _time(chart: Chart, value: Any) -> FhirTime | None:
    """A time that may be absent, too coarse or not understood: what was done stays, its date is not known."""
    if value is None:
        return None
    try:
        return chart.time_of(value)
    except Refused:
        return None
