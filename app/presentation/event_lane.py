"""Events on the course: stays, intensive care, operations, contrast, dialysis, kidney transplantation.

Operations and contrast are marks of their own form; where only the day is known the mark is hollow.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from app.chart import Span, SpanLane
from app.presentation.lane_words import LanesShown, LaneTable, LaneWindow, joined
from model.hospital_stays import IN_HOSPITAL
from model.rrt import RUNNING_AT_MOST
from model.sentences import Sentence
from model.snapshot import Concept, ContrastGiven, Operation, PatientSnapshot, ProcedureDone, Stay, UnitStay

_STAY: Final = Sentence("In hospital")
_EMERGENCY: Final = Sentence("Emergency department")
_INTENSIVE: Final = Sentence("Intensive care")
_OPERATION: Final = Sentence("Operation")
_CONTRAST: Final = Sentence("Contrast given")
_PROCEDURES: Final = {
    Concept.DIALYSIS_PROCEDURE: Sentence("Dialysis"),
    Concept.KIDNEY_TRANSPLANT: Sentence("Kidney transplant"),
}


@dataclass(frozen=True, slots=True)
class _Event:
    """Something that happened, under the row it belongs to. `runs`: without an end it is going on."""

    row: str
    text: str
    kind: str
    start: datetime | None
    end: datetime | None
    runs: bool
    source: str
    mark: str = ""
    day_only: bool = False
    by_name: bool = False


def events_shown(snapshot: PatientSnapshot, window: LaneWindow) -> LanesShown:
    """The rows and the table of the events in the window; those without any date only in the table."""
    found = [one for one in _events(snapshot, window.end) if window.shows(one.start, one.end)]
    dated = [one for one in found if one.start or one.end]
    lanes = tuple(
        SpanLane("event", window.say.sentence(row), tuple(_span(e, window) for e in dated if e.row == row), since)
        for row, since in _rows(window)
        if any(e.row == row for e in dated)
    )
    return LanesShown(lanes, _table(found, snapshot, window))


def _rows(window: LaneWindow) -> tuple[tuple[str, datetime | None], ...]:
    stays, procedures = window.read_from("encounters"), window.read_from("procedures")
    treatments = ((words, procedures) for words in (_OPERATION, _CONTRAST, *_PROCEDURES.values()))
    return ((_EMERGENCY, stays), (_STAY, stays), (_INTENSIVE, stays), *treatments)


def _events(snapshot: PatientSnapshot, now: datetime) -> Iterator[_Event]:
    for stay in snapshot.stays:
        if stay.setting in IN_HOSPITAL and stay.start_at is not None and stay.start_at <= now:
            yield _of_stay(stay)
    yield from (_of_unit(unit) for unit in snapshot.unit_stays)
    yield from (_of_operation(one) for one in snapshot.operations)
    yield from (_of_contrast(one) for one in snapshot.contrast)
    for procedure in snapshot.procedures:
        for concept, words in _PROCEDURES.items():
            if concept in procedure.concepts:
                yield _of_procedure(procedure, words, now)


def _of_stay(stay: Stay) -> _Event:
    """A stay without an end is taken as going on, as everywhere (`model.hospital_stays`)."""
    row = _EMERGENCY if stay.setting == "EMER" else _STAY
    return _Event(row, "", "stay", stay.start_at, stay.end_at, True, stay.source)


def _of_unit(unit: UnitStay) -> _Event:
    runs = unit.start_at is not None
    return _Event(
        _INTENSIVE, unit.unit, "unit", unit.start_at, unit.end_at, runs, unit.source, by_name=unit.by_name
    )


def _of_operation(done: Operation) -> _Event:
    times = (done.start_at, done.end_at)
    return _Event(_OPERATION, done.text, "event", *times, True, done.source, "diamond", done.day_only)


def _of_contrast(done: ContrastGiven) -> _Event:
    times = (done.start_at, done.end_at)
    return _Event(
        _CONTRAST, done.text, "event", *times, False, done.source, "triangle", done.day_only, done.by_name
    )


def _of_procedure(done: ProcedureDone, row: str, now: datetime) -> _Event:
    """Without an end it is going on, unless nobody closed the record (`model.rrt`)."""
    start = done.start_at or done.end_at
    runs = start is not None and start >= now - RUNNING_AT_MOST
    return _Event(row, done.text, "treatment", start, done.end_at, runs, done.source)


def _span(event: _Event, window: LaneWindow) -> Span:
    end = window.end if event.end is None and event.runs else event.end
    label = ", ".join(part for part in _cells(event, window)[:3] if part)
    return Span(event.start, end, event.kind, label, event.mark, event.day_only)


def _cells(event: _Event, window: LaneWindow) -> tuple[str, ...]:
    say = window.say
    what = say.sentence(event.row)
    words = f"{what}: {event.text}" if event.text and event.text != what else what
    if event.by_name:
        words = say.gettext("{known}, recognised by its name only", known=words)
    start, end = _when(event, window)
    return (words, start, end, event.source)


def _when(event: _Event, window: LaneWindow) -> tuple[str, str]:
    say = window.say
    if event.start is None:
        return say.gettext("date not known"), ""
    if event.day_only:
        return say.day(event.start), say.gettext("time unknown")
    if event.mark and event.start == event.end:
        return window.moment(event.start), ""
    end = window.moment(event.end) if event.end else say.gettext("no end in the chart")
    return window.moment(event.start), end


def _table(found: list[_Event], snapshot: PatientSnapshot, window: LaneWindow) -> LaneTable:
    say = window.say
    rows = tuple(_cells(event, window) for event in found)
    none = "" if rows else say.gettext("None known in this window.")
    known = say.gettext(
        "Operations are known by category or code, contrast by code or the examination's name, intensive care by "
        "code or the unit's name: what none of these tells is not shown."
    )
    unread = ""
    if reason := window.reason_not_read(snapshot, "imaging"):
        unread = say.gettext("Imaging examinations could not be read: {reason}", reason=reason)
    columns = (say.gettext("Event"), say.gettext("From"), say.gettext("To"), say.gettext("Source"))
    words = joined(none, known, unread, window.read_words(snapshot, "encounters", "procedures"))
    return LaneTable(say.gettext("Events"), columns, rows, words)
