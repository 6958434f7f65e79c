"""Renal replacement therapy: started in this episode (KDIGO stage 3), or a way of life (nothing to stage)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from model.snapshot import Concept, ProcedureDone

CURRENT_WINDOW = timedelta(days=7)
SAME_COURSE_GAP = timedelta(days=30)
MAINTENANCE_AFTER = timedelta(days=90)
# A chart says "in progress" until somebody closes it. Continuous treatment runs for days, rarely weeks; a record
# open for longer was forgotten, and must neither be stage 3 for ever nor turn into maintenance dialysis.
RUNNING_AT_MOST = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class DialysisCourse:
    """An unbroken course of renal replacement: sessions never more than 30 days apart."""

    first_at: datetime
    last_at: datetime

    @property
    def is_maintenance(self) -> bool:
        """Dialysis for more than 90 days is no longer treatment of AKI (KDIGO: AKD lasts up to 3 months)."""
        return self.last_at - self.first_at > MAINTENANCE_AFTER


def current_course(procedures: Iterable[ProcedureDone], now: datetime) -> DialysisCourse | None:
    """The course whose last session lies within the 7 days before `now`."""
    course = latest_course(procedures, now)
    return course if course is not None and course.last_at >= now - CURRENT_WINDOW else None


def latest_course(procedures: Iterable[ProcedureDone], now: datetime) -> DialysisCourse | None:
    """The last course that began by `now`, or None without a dated session."""
    course: DialysisCourse | None = None
    for start, end in sorted(_sessions(procedures, now)):
        if course is not None and start - course.last_at <= SAME_COURSE_GAP:
            course = DialysisCourse(course.first_at, max(course.last_at, end))
        else:
            course = DialysisCourse(start, end)
    return course


def is_cleared(procedures: Iterable[ProcedureDone], at: datetime) -> bool:
    """Whether a creatinine taken at `at` was taken during a course of renal replacement."""
    return current_course(procedures, at) is not None


def cleared_spans(procedures: Iterable[ProcedureDone], now: datetime) -> tuple[tuple[datetime, datetime], ...]:
    """From when to when `is_cleared` holds, known at `now`: each session and the 7 days after it."""
    spans: list[tuple[datetime, datetime]] = []
    for start, end in sorted(_sessions(procedures, now)):
        if spans and start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(spans[-1][1], end + CURRENT_WINDOW))
        else:
            spans.append((start, end + CURRENT_WINDOW))
    return tuple(spans)


def has_undated_session(procedures: Iterable[ProcedureDone]) -> bool:
    """Whether a session on the chart has no date: it cannot be said whether it belongs to this episode."""
    return any(_is_dialysis(p) and p.start_at is None and p.end_at is None for p in procedures)


def _sessions(procedures: Iterable[ProcedureDone], now: datetime) -> Iterable[tuple[datetime, datetime]]:
    for procedure in procedures:
        start = procedure.start_at or procedure.end_at
        if _is_dialysis(procedure) and start is not None and start <= now:
            yield start, _end(procedure, start, now)


def _end(procedure: ProcedureDone, start: datetime, now: datetime) -> datetime:
    """When a session that began by `now` ended: without an end it still runs, unless it was never closed."""
    if procedure.end_at is None:
        return start if _never_closed(procedure, now) else now
    return max(start, min(procedure.end_at, now))


def _never_closed(procedure: ProcedureDone, now: datetime) -> bool:
    start = procedure.start_at
    return procedure.end_at is None and start is not None and start < now - RUNNING_AT_MOST


def has_session_never_closed(procedures: Iterable[ProcedureDone], now: datetime) -> bool:
    """Whether a session begun more than 30 days ago has no end: it is counted at its start only."""
    return any(_is_dialysis(p) and _never_closed(p, now) for p in procedures)


def _is_dialysis(procedure: ProcedureDone) -> bool:
    return Concept.DIALYSIS_PROCEDURE in procedure.concepts
