"""KDIGO 2012: creatinine, urine output and renal replacement staged apart, then combined by the worst."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from model.assessment import AkiEpisode, Baseline, KdigoCriterion, KdigoStaging
from model.baseline import NONE, References
from model.creatinine import CreatinineCourse
from model.episodes import latest_episode
from model.kdigo_creatinine import StagingRules, direction, stage_course
from model.kdigo_urine import UrineStage
from model.rrt import DialysisCourse

CURRENT_URINE = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class CreatinineNow:
    """The last time point of a course."""

    stage: int | None
    at: datetime
    mg_dl: float
    bounded: bool
    baseline: Baseline | None
    rise_48_h: float | None
    course: str | None
    episode: AkiEpisode | None


def combine(
    creatinine: CreatinineNow | None,
    urine: Sequence[UrineStage],
    dialysis: DialysisCourse | None,
    now: datetime,
) -> KdigoStaging:
    """The stage at `now`: the worst of the three criteria; of equals, creatinine before urine before dialysis."""
    creatinine_stage = creatinine.stage if creatinine else None
    urine_stage = _urine_now(urine, now)
    met = {
        KdigoCriterion.CREATININE: creatinine_stage,
        KdigoCriterion.URINE_OUTPUT: urine_stage,
        KdigoCriterion.RRT: 3 if dialysis else None,
    }
    known = {criterion: stage for criterion, stage in met.items() if stage is not None}
    stage = max(known.values(), default=None)
    criterion = next((c for c, s in known.items() if s == stage), None) if stage else None
    episode = creatinine.episode if creatinine else None
    peaks = [stage, episode.peak_stage if episode else None, _worst_urine(urine)]
    return KdigoStaging(
        stage=stage,
        criterion=criterion,
        since=_since(creatinine, urine, dialysis, now) if stage else None,
        baseline=creatinine.baseline if creatinine else None,
        creatinine_stage=creatinine_stage,
        urine_output_stage=urine_stage,
        peak_stage=max((peak for peak in peaks if peak is not None), default=None),
        course=creatinine.course if creatinine else None,
        creatinine_mg_dl=creatinine.mg_dl if creatinine else None,
        creatinine_at=creatinine.at if creatinine else None,
        ratio=_ratio(creatinine),
        rise_48_h_mg_dl=creatinine.rise_48_h if creatinine else None,
        episode=episode,
    )


def creatinine_now(
    course: CreatinineCourse, references: References, rules: StagingRules, assumed: Baseline | None
) -> CreatinineNow:
    """The stage, baseline, direction and episode at the last time point of a course that has one."""
    last = len(course) - 1
    stages = stage_course(course, references, rules)
    moving = direction(course, last)
    lowest = references.lowest_48_h[last]
    return CreatinineNow(
        stage=stages[last],
        at=course.at(last),
        mg_dl=course.mg_dl[last],
        bounded=not course.is_reference(last),
        baseline=references.baseline(course, last) or assumed,
        rise_48_h=course.mg_dl[last] - course.mg_dl[lowest] if lowest != NONE else None,
        course=moving,
        episode=latest_episode(course, references, stages, moving),
    )


def _ratio(creatinine: CreatinineNow | None) -> float | None:
    if creatinine is None or creatinine.baseline is None:
        return None
    return creatinine.mg_dl / creatinine.baseline.creatinine_mg_dl


def _urine_now(urine: Sequence[UrineStage], now: datetime) -> int | None:
    """The last charted stage, unless charting stopped more than 6 h ago."""
    return urine[-1].stage if urine and urine[-1].at >= now - CURRENT_URINE else None


def _worst_urine(urine: Sequence[UrineStage]) -> int | None:
    """The peak of the running oliguria."""
    start = _oliguria_start(urine)
    return max((u.stage or 0 for u in urine[start:]), default=None) if start is not None else None


def _oliguria_start(urine: Sequence[UrineStage]) -> int | None:
    start = None
    for index in range(len(urine) - 1, -1, -1):
        if not urine[index].stage:
            break
        start = index
    return start


def _since(
    creatinine: CreatinineNow | None,
    urine: Sequence[UrineStage],
    dialysis: DialysisCourse | None,
    now: datetime,
) -> datetime:
    """When the first of the criteria met now was first met without a break."""
    starts: list[datetime] = []
    if creatinine and creatinine.stage and creatinine.episode:
        starts.append(creatinine.episode.onset_at)
    oliguria = _oliguria_start(urine)
    if _urine_now(urine, now) and oliguria is not None:
        starts.append(urine[oliguria].at)
    if dialysis:
        starts.append(dialysis.first_at)
    return min(starts)
