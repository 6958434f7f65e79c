"""AKI episodes: where one begins, peaks and ends, from the stage at every time point.

KDIGO's windows look back 7 days, so a creatinine that rose and stayed high stops meeting them although nothing
got better. The episode therefore keeps the reference of its onset: it is over when the value no longer reaches
the criterion that opened it (ADQI 16: Chawla, Nat Rev Nephrol 2017;13:241; docs/kdigo.md, "Episodes").
"""

from dataclasses import dataclass

from model.assessment import AkiEpisode, EpisodeState
from model.baseline import NONE, References
from model.creatinine import DAY_SECONDS, CreatinineCourse
from model.kdigo_creatinine import meets_rise, ratio_stage, reference_mg_dl

AKI_DAYS = 7
AKD_DAYS = 90


@dataclass(slots=True)
class _Running:
    """An episode while the course is walked."""

    onset: int
    reference: float
    rise_reference: float | None  # set when the 48 h rise alone opened it
    peak: int
    peak_stage: int
    last: int
    recovered: int | None = None

    def see(self, index: int, stage: int, value: float, peak_value: float) -> None:
        self.last = index
        if stage > self.peak_stage or (stage == self.peak_stage and value > peak_value):
            self.peak, self.peak_stage = index, stage

    def is_over(self, value: float) -> bool:
        still_raised = ratio_stage(value / self.reference) > 0
        still_risen = self.rise_reference is not None and meets_rise(value - self.rise_reference)
        return not still_raised and not still_risen


class EpisodeTracker:
    """Walks a course once; after each point it can describe the episode that runs or last ran."""

    __slots__ = ("_course", "_episode", "_references")

    def __init__(self, course: CreatinineCourse, references: References) -> None:
        self._course = course
        self._references = references
        self._episode: _Running | None = None

    def see(self, index: int, stage: int | None) -> None:
        """Take in the next time point. One that could not be staged changes nothing."""
        if stage is None:
            return
        value, episode = self._course.mg_dl[index], self._episode
        if episode is None or episode.recovered is not None or _lost(self._course, episode.last, index):
            if stage > 0:
                self._episode = _open(self._course, self._references, index, stage)
            return
        episode.see(index, stage, value, self._course.mg_dl[episode.peak])
        if stage == 0 and episode.is_over(value):
            episode.recovered = index

    def describe(self, index: int, stage: int | None, direction: str | None) -> AkiEpisode | None:
        """The episode as it stands at `index`, or None without one in the 90 days before it."""
        if self._episode is None or _lost(self._course, self._episode.last, index):
            return None
        return _describe(self._course, self._episode, index, stage, direction)


def _lost(course: CreatinineCourse, last: int, index: int) -> bool:
    """With nothing measured for more than 90 days an episode is closed without a statement."""
    return course.seconds[index] - course.seconds[last] > AKD_DAYS * DAY_SECONDS


def _open(course: CreatinineCourse, references: References, index: int, stage: int) -> _Running:
    value = course.mg_dl[index]
    lowest = references.lowest_48_h[index]
    rise_reference = course.mg_dl[lowest] if lowest != NONE else None
    reference = reference_mg_dl(course, references, index) or rise_reference or value
    by_ratio = ratio_stage(value / reference) > 0
    return _Running(index, reference, None if by_ratio else rise_reference, index, stage, index)


def _describe(
    course: CreatinineCourse, episode: _Running, index: int, stage_now: int | None, direction: str | None
) -> AkiEpisode:
    end = index if episode.recovered is None else episode.recovered
    days = (course.seconds[end] - course.seconds[episode.onset]) / DAY_SECONDS
    return AkiEpisode(
        onset_at=course.at(episode.onset),
        state=_state(episode, stage_now, direction),
        phase="aki" if days <= AKI_DAYS else "akd" if days <= AKD_DAYS else "beyond_90_d",
        peak_stage=episode.peak_stage,
        peak_at=course.at(episode.peak),
        peak_creatinine_mg_dl=course.mg_dl[episode.peak],
        reference_creatinine_mg_dl=episode.reference,
        latest_ratio=course.mg_dl[index] / episode.reference,
        recovered_at=course.at(episode.recovered) if episode.recovered is not None else None,
    )


def _state(episode: _Running, stage_now: int | None, direction: str | None) -> EpisodeState:
    if episode.recovered is not None:
        return EpisodeState.RECOVERED
    if not stage_now:
        return EpisodeState.PERSISTING
    if stage_now < episode.peak_stage or direction == "falling":
        return EpisodeState.RESOLVING
    return EpisodeState.ACTIVE
