"""The one question everybody asks: `assess(snapshot)`.

Page, card, batch and command line all call it, so they can never disagree. It reads top to bottom: is the
question fit for this patient; how does the creatinine stage; what does the model say.
"""

from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Protocol

from model.analytes import Analyte
from model.applicability import cautions, exclusion
from model.assessment import (
    Assessment,
    EpisodeState,
    Inputs,
    InsufficientData,
    ModelIdentity,
    NotApplicable,
    Outcome,
    Prediction,
    Reason,
)
from model.errors import ModelError
from model.newer_results import newer_creatinine_not_used
from model.outside_training import situation_cautions
from model.policy import DEFAULT_POLICY, SitePolicy
from model.recalibration import RecalibrationRefused
from model.sentences import Sentence
from model.snapshot import PatientSnapshot
from model.stage_doubts import stage_doubts
from model.staging import Staging, stage


class RiskPredictor(Protocol):
    """What `assess` needs of a model; `model.risk.RiskModel` is one."""

    @property
    def identity(self) -> ModelIdentity: ...

    def onset(self, snapshot: PatientSnapshot, *, now: datetime) -> Prediction | Reason: ...

    def progression(
        self, snapshot: PatientSnapshot, *, now: datetime, current_stage: int
    ) -> Prediction | Reason: ...


def assess(
    snapshot: PatientSnapshot,
    *,
    now: datetime,
    model: RiskPredictor | ModelError,
    policy: SitePolicy = DEFAULT_POLICY,
) -> Outcome:
    """What can be said of this patient's kidneys at `now` from what was known at `now`.

    `model` may be the `ModelRefused` that loading it raised: staging still works and `reasons` says why there is
    no risk. Raises ValueError when `now` has no time zone.
    """
    if now.tzinfo is None:
        raise ValueError("now must be timezone-aware")
    identity = None if isinstance(model, ModelError) else model.identity
    inputs = _inputs(snapshot, now)
    if (excluded := exclusion(snapshot, now)) is not None:
        return NotApplicable(snapshot.patient_id, now, inputs, (excluded,), identity)

    staging = stage(snapshot, now, policy)
    prediction = _predict(snapshot, now, model, staging)
    newer = newer_creatinine_not_used(snapshot, staging.latest, now)
    doubts = stage_doubts(snapshot, staging.kdigo, now)
    reasons = [*staging.reasons, *doubts, *newer, *_incomplete_reasons(snapshot), *cautions(snapshot, now)]
    if isinstance(prediction, Reason):
        reasons.append(prediction)
    if _nothing_to_say(staging, prediction):
        return InsufficientData(snapshot.patient_id, now, inputs, tuple(reasons), identity)
    in_aki = bool(staging.kdigo.stage)
    predicted = prediction if isinstance(prediction, Prediction) else None
    return Assessment(
        patient_id=snapshot.patient_id,
        assessed_at=now,
        inputs=inputs,
        kdigo=staging.kdigo,
        nhs=staging.nhs,
        egfr=staging.egfr,
        risk=None if in_aki else predicted,
        progression=predicted if in_aki else None,
        model=identity,
        reasons=tuple(reasons),
    )


def _predict(
    snapshot: PatientSnapshot, now: datetime, model: RiskPredictor | ModelError, staging: Staging
) -> Prediction | Reason:
    """The model's answer, or why there is none. Whom it was made for, it knows itself."""
    if isinstance(model, RecalibrationRefused):
        return Reason("recalibration_refused", Sentence("No risk is given: {cause}", cause=model.sentence))
    if isinstance(model, ModelError):
        return Reason("model_unavailable", "No risk is given: the model is not available. Staging is unaffected.")
    stage = staging.kdigo.stage or 0
    if stage < 3 and (why := _why_not_asked(snapshot, staging, now)) is not None:
        return why
    asked = partial(model.progression, current_stage=stage) if stage else model.onset
    answer = asked(snapshot, now=now)
    if isinstance(answer, Reason):
        return answer
    return replace(answer, cautions=(*answer.cautions, *situation_cautions(snapshot, now, staging.kdigo)))


def _why_not_asked(snapshot: PatientSnapshot, staging: Staging, now: datetime) -> Reason | None:
    """Why no number may stand beside this stage.

    The model looks past a creatinine it cannot use: what the one before promises must not stand for the newer one.
    """
    if any(item.part == Analyte.CREATININE.value for item in snapshot.incomplete):
        return Reason("risk_needs_all_creatinine", "No risk is given: not all creatinine results could be read.")
    episode, latest = staging.kdigo.episode, staging.latest
    if episode is not None and episode.state is EpisodeState.PERSISTING:
        return Reason("risk_not_after_onset", "No risk of AKI is given: the last AKI has not recovered.")
    if latest is not None and (latest.comparator is not None or latest.day_only or latest.preliminary):
        return Reason(
            "risk_needs_exact_result",
            "No risk is given: the last creatinine is only a limit, without an hour, or preliminary.",
        )
    if newer_creatinine_not_used(snapshot, latest, now):
        return Reason(
            "risk_needs_newest_creatinine", "No risk is given: the newest creatinine result could not be used."
        )
    return None


def _nothing_to_say(staging: Staging, prediction: Prediction | Reason) -> bool:
    given = (staging.kdigo.stage, staging.nhs, staging.egfr)
    return isinstance(prediction, Reason) and all(part is None for part in given)


def _incomplete_reasons(snapshot: PatientSnapshot) -> list[Reason]:
    """What of the chart was not read whole, in the words of whoever read it."""
    return [Reason(f"{item.part}_incomplete", item.reason) for item in snapshot.incomplete]


def _inputs(snapshot: PatientSnapshot, now: datetime) -> Inputs:
    used = sum(
        sum([item.at <= now and item.available_at <= now for item in series])
        for series in snapshot.series.values()
    )
    return Inputs(used, snapshot.rejected, snapshot.incomplete)
