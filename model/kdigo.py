"""KDIGO 2012: creatinine, urine output and renal replacement staged apart, then combined by the worst."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from model.assessment import AkiEpisode, Baseline, KdigoCriterion, KdigoStaging
from model.baseline import NONE, References
from model.creatinine import CreatinineCourse
from model.episodes import EpisodeTracker
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
    creatinine: CreatinineNow | None, urine: UrineStage | None, dialysis: DialysisCourse | None, now: datetime
) -> KdigoStaging:
    """The stage at `now`: the worst of the three criteria; of equals dialysis, then creatinine, then urine.

    Dialysis first: while it clears creatinine, creatinine does not measure the kidneys.
    `urine` is the last charted time; more than 6 h old it says nothing of now.
    """
    if urine is not None and urine.at < now - CURRENT_URINE:
        urine = None
    met = {
        KdigoCriterion.RRT: 3 if dialysis else None,
        KdigoCriterion.CREATININE: creatinine.stage if creatinine else None,
        KdigoCriterion.URINE_OUTPUT: urine.stage if urine else None,
    }
    stage = max((value for value in met.values() if value is not None), default=None)
    staging = KdigoStaging(
        stage=stage,
        criterion=next(criterion for criterion, value in met.items() if value == stage) if stage else None,
        since=min(_starts(creatinine, urine, dialysis), default=None),
        urine_output_stage=met[KdigoCriterion.URINE_OUTPUT],
        peak_stage=max((peak for peak in _peaks(stage, creatinine, urine) if peak is not None), default=None),
    )
    return staging if creatinine is None else _with_creatinine(staging, creatinine)


def _with_creatinine(staging: KdigoStaging, creatinine: CreatinineNow) -> KdigoStaging:
    baseline = creatinine.baseline
    return replace(
        staging,
        baseline=baseline,
        creatinine_stage=creatinine.stage,
        course=creatinine.course,
        creatinine_mg_dl=creatinine.mg_dl,
        creatinine_at=creatinine.at,
        ratio=creatinine.mg_dl / baseline.creatinine_mg_dl if baseline else None,
        rise_48_h_mg_dl=creatinine.rise_48_h,
        episode=creatinine.episode,
    )


def _starts(
    creatinine: CreatinineNow | None, urine: UrineStage | None, dialysis: DialysisCourse | None
) -> Iterator[datetime]:
    """When each criterion met now was first met without a break."""
    if creatinine and creatinine.stage and creatinine.episode:
        yield creatinine.episode.onset_at
    if urine and urine.stage and urine.since:
        yield urine.since
    if dialysis:
        yield dialysis.first_at


def _peaks(stage: int | None, creatinine: CreatinineNow | None, urine: UrineStage | None) -> Iterator[int | None]:
    yield stage
    yield creatinine.episode.peak_stage if creatinine and creatinine.episode else None
    yield urine.peak if urine else None


def creatinine_points(
    course: CreatinineCourse, references: References, rules: StagingRules, assumed: Baseline | None
) -> Iterator[CreatinineNow]:
    """What could be said at each time point of a course, from that point and those before it."""
    tracker = EpisodeTracker(course, references)
    for index, stage in enumerate(stage_course(course, references, rules)):
        tracker.see(index, stage)
        yield _point(course, references, index, stage, tracker, assumed)


def creatinine_now(
    course: CreatinineCourse, references: References, rules: StagingRules, assumed: Baseline | None
) -> CreatinineNow:
    """What can be said at the last time point of a course that has one."""
    tracker = EpisodeTracker(course, references)
    stages = stage_course(course, references, rules)
    for index, stage in enumerate(stages):
        tracker.see(index, stage)
    return _point(course, references, len(course) - 1, stages[-1], tracker, assumed)


def _point(
    course: CreatinineCourse,
    references: References,
    index: int,
    stage: int | None,
    tracker: EpisodeTracker,
    assumed: Baseline | None,
) -> CreatinineNow:
    moving = direction(course, index)
    lowest = references.lowest_48_h[index]
    return CreatinineNow(
        stage=stage,
        at=course.at(index),
        mg_dl=course.mg_dl[index],
        bounded=not course.exact[index],
        baseline=references.baseline(course, index) or assumed,
        rise_48_h=course.mg_dl[index] - course.mg_dl[lowest] if lowest != NONE else None,
        course=moving,
        episode=tracker.describe(index, stage, moving),
    )
