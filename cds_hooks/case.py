"""What the silence rules and the record of a card need to know of a patient: no chart, no words."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from cds_hooks.care_setting import is_at_a_visit
from model.analytes import Analyte
from model.applicability import is_dialysed
from model.assessment import Assessment, KdigoStaging, Outcome, Prediction
from model.forecasts import forecast_of
from model.snapshot import Concept, PatientSnapshot

_NO_MODEL = frozenset({"model_unavailable", "recalibration_refused", "recalibration_expired"})
_EPISODE = timedelta(days=7)  # KDIGO: AKI happens within seven days


@dataclass(frozen=True, slots=True)
class Case:
    """One patient at one time. `score` is the probability of onset, or in AKI of a higher stage.

    `acknowledged`: AKI is an active problem written down in this episode, and creatinine was measured since.
    `without_model`: there is no score because of this system, not of the patient.
    `at_a_visit`: the open encounter is known to be one in a clinic, at home or by video.
    """

    stage: int | None = None
    course: str | None = None
    on_dialysis: bool = False
    likely_worse: bool = False
    creatinine_age_hours: float | None = None
    acknowledged: bool = False
    at_a_visit: bool = False
    without_model: bool = False
    score: float | None = None
    score_category: str | None = None


def case_of(outcome: Outcome, snapshot: PatientSnapshot, now: datetime) -> Case:
    """The case behind an outcome."""
    latest_at = _latest_creatinine_at(snapshot, now)
    found = outcome if isinstance(outcome, Assessment) else None
    kdigo = found.kdigo if found else None
    forecast = forecast_of(outcome)
    score = forecast.prediction if forecast else None
    return Case(
        stage=kdigo.stage if kdigo else None,
        course=kdigo.course if kdigo else None,
        on_dialysis=is_dialysed(outcome),
        likely_worse=_is_high(found.progression if found else None),
        creatinine_age_hours=(now - latest_at) / timedelta(hours=1) if latest_at else None,
        acknowledged=_is_acknowledged(snapshot, kdigo, latest_at, now),
        at_a_visit=is_at_a_visit(snapshot, now),
        without_model=any(reason.code in _NO_MODEL for reason in outcome.reasons),
        score=score.probability if score else None,
        score_category=score.category if score else None,
    )


def _is_high(prediction: Prediction | None) -> bool:
    return prediction is not None and prediction.probability >= prediction.threshold


def _latest_creatinine_at(snapshot: PatientSnapshot, now: datetime) -> datetime | None:
    series = snapshot.measurements(Analyte.CREATININE)
    return max((one.at for one in series if max(one.at, one.available_at) <= now), default=None)


def _is_acknowledged(
    snapshot: PatientSnapshot, kdigo: KdigoStaging | None, latest_at: datetime | None, now: datetime
) -> bool:
    """A plan itself (CarePlan) is not read: a creatinine after the diagnosis shows that somebody follows it."""
    if kdigo is None or latest_at is None:
        return False
    onset_at = kdigo.episode.onset_at if kdigo.episode else kdigo.since or now - _EPISODE
    return any(
        Concept.ACUTE_KIDNEY_INJURY in problem.concepts
        and problem.active is True
        and problem.recorded_at is not None
        and onset_at <= problem.recorded_at < latest_at
        for problem in snapshot.problems
    )
