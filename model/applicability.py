"""Who is not staged, and who is staged with a word of caution. Every answer is a reason, never a silent skip."""

from collections.abc import Iterator
from datetime import datetime

from model.age import NEWBORN_DAYS, age_days
from model.assessment import Assessment, KdigoCriterion, Outcome, Reason
from model.rrt import has_session_never_closed, has_undated_session, latest_course
from model.snapshot import Concept, PatientSnapshot, Problem

_ON_DIALYSIS = frozenset({"maintenance_dialysis", "kidney_failure_on_dialysis"})


def is_dialysed(outcome: Outcome) -> bool:
    """Whether creatinine is cleared by dialysis: by a current course, or as a way of life."""
    if isinstance(outcome, Assessment):
        return outcome.kdigo is not None and outcome.kdigo.criterion is KdigoCriterion.RRT
    return any(reason.code in _ON_DIALYSIS for reason in outcome.reasons)


def exclusion(snapshot: PatientSnapshot, now: datetime) -> Reason | None:
    """Why AKI staging does not apply to this patient at `now`, or None."""
    if snapshot.deceased:
        return Reason("deceased", "The chart says the patient has died.")
    if snapshot.birth_date is not None and age_days(snapshot.birth_date, now) < NEWBORN_DAYS:
        return Reason("newborn", "Under 28 days of age creatinine still reflects the mother's: not staged.")
    return _dialysis_exclusion(snapshot, now)


def _dialysis_exclusion(snapshot: PatientSnapshot, now: datetime) -> Reason | None:
    dialysis = _problem(snapshot, Concept.MAINTENANCE_DIALYSIS, now)
    if dialysis is not None and not _transplanted_since(snapshot, dialysis, now):
        return Reason("maintenance_dialysis", "On maintenance dialysis: AKI stages do not apply.")
    course = latest_course(snapshot.procedures, now)
    if course is not None and _transplanted_after(snapshot, course.last_at, now):
        return None
    if course is not None and course.is_maintenance:
        return Reason("maintenance_dialysis", "Dialysis for more than 90 days: AKI stages do not apply.")
    dialysed = course is not None or has_undated_session(snapshot.procedures)
    if dialysed and has_problem(snapshot, Concept.KIDNEY_FAILURE, now):
        return Reason("kidney_failure_on_dialysis", "Chronic kidney failure on dialysis: AKI stages do not apply.")
    return None


def cautions(snapshot: PatientSnapshot, now: datetime) -> Iterator[Reason]:
    """What the reader of a stage must know about this patient."""
    texts = {
        Concept.KIDNEY_TRANSPLANT: Reason(
            "kidney_transplant",
            "Kidney transplant: think of rejection, drug levels and obstruction; tell the transplant unit.",
        ),
        Concept.KIDNEY_FAILURE: Reason(
            "kidney_failure",
            "Chronic kidney failure is on the problem list: stage 3 is reached by small rises. "
            "Check whether the patient is on dialysis.",
        ),
        Concept.COMFORT_CARE: Reason("comfort_care", "Comfort care: staged for information, no alerts."),
        Concept.PREGNANCY: Reason(
            "pregnancy", "Pregnancy lowers creatinine: a normal value can be AKI, and eGFR equations do not hold."
        ),
    }
    for concept, reason in texts.items():
        if has_problem(snapshot, concept, now) or _done(snapshot, concept, now):
            yield reason
    if has_undated_session(snapshot.procedures):
        yield Reason(
            "rrt_undated", "A dialysis session has no date: it is not counted as started in this episode."
        )
    if has_session_never_closed(snapshot.procedures, now):
        yield Reason(
            "rrt_never_closed",
            "A dialysis procedure begun more than 30 days ago is still open on the chart: not counted as running.",
        )
    if snapshot.birth_date is None:
        yield Reason("adult_rules_used", "Age unknown: the rules for adults were used.")


def _problem(snapshot: PatientSnapshot, concept: Concept, now: datetime) -> Problem | None:
    """A problem that holds at `now`. One whose activity the chart does not state is taken to hold."""
    for problem in snapshot.problems:
        known = _dated(problem)
        if concept in problem.concepts and problem.active is not False and (known is None or known <= now):
            return problem
    return None


def has_problem(snapshot: PatientSnapshot, concept: Concept, now: datetime) -> bool:
    """Whether a problem of this concept holds at `now`."""
    return _problem(snapshot, concept, now) is not None


def _done(snapshot: PatientSnapshot, concept: Concept, now: datetime) -> bool:
    """Whether a procedure of this concept lies behind the patient."""
    done = (p.start_at or p.end_at for p in snapshot.procedures if concept in p.concepts)
    return any(at is None or at <= now for at in done)


def _transplanted_since(snapshot: PatientSnapshot, dialysis: Problem, now: datetime) -> bool:
    started = _dated(dialysis)
    return started is not None and _transplanted_after(snapshot, started, now)


def _transplanted_after(snapshot: PatientSnapshot, moment: datetime, now: datetime) -> bool:
    """Whether a transplant, as problem or procedure, is dated later than `moment`."""
    dates = [
        _dated(p) for p in snapshot.problems if Concept.KIDNEY_TRANSPLANT in p.concepts and p.active is not False
    ]
    dates += [p.start_at or p.end_at for p in snapshot.procedures if Concept.KIDNEY_TRANSPLANT in p.concepts]
    return any(date is not None and moment < date <= now for date in dates)


def _dated(problem: Problem) -> datetime | None:
    return problem.onset_at or problem.recorded_at
