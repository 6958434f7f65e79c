"""Landmarks as arrays: the features of each, its outcome, and who it belongs to."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from model.age import ADULT_AGE_YEARS
from model.analytes import Analyte
from model.feature_list import FEATURES
from model.features import Feature, feature_values
from model.snapshot import Sex
from model.training.cohort import CohortStay, Progress, silent
from model.training.labels import Course, Landmark, each_result

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LandmarkTable:
    """One row per landmark. `outcome` is 0, 1, or NaN for unknown; `since_start` is hours since the stay began."""

    values: Floats
    outcome: Floats
    closeness: Floats
    hour: Floats
    since_start: Floats
    hours_to_event: Floats
    age: Floats
    female: NDArray[np.bool_]
    patient: NDArray[np.str_]
    stay: NDArray[np.str_]
    hospital: NDArray[np.str_]
    unit_type: NDArray[np.str_]
    period: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.outcome)

    def rows(self, keep: NDArray[np.bool_] | NDArray[np.int64]) -> "LandmarkTable":
        """The rows where `keep` is true, or the rows it numbers."""
        return LandmarkTable(*(getattr(self, field.name)[keep] for field in fields(self)))

    def evaluable(self) -> "LandmarkTable":
        """The landmarks whose outcome is known."""
        return self.rows(~np.isnan(self.outcome))

    def column(self, feature_id: str) -> Floats:
        return self.values[:, [feature.id for feature in FEATURES].index(feature_id)]


Moments = Callable[[Course], list[float]]
Marker = Callable[[Course, Sequence[float]], list[Landmark]]


def build_table(
    stays: Iterable[CohortStay],
    landmarks_of: Marker,
    *,
    moments: Moments = each_result,
    features: Sequence[Feature] = FEATURES,
    progress: Progress = silent,
    expected: int = 0,
) -> LandmarkTable:
    """The landmarks of all adult stays with a creatinine, at each result or at the `moments` asked for."""
    rows: list[tuple[list[float], Landmark, CohortStay]] = []
    for count, stay in enumerate(stays, 1):
        if count % 500 == 0:
            progress("computing features", count, expected)
        course, age = course_of(stay), stay.timeline.age_years
        if course is None or age is None or age < ADULT_AGE_YEARS:
            continue
        for landmark in landmarks_of(course, moments(course)):
            rows.append((feature_values(features, stay.timeline_at(landmark.hour), landmark.hour), landmark, stay))
    return _as_arrays(rows)


def course_of(stay: CohortStay) -> Course | None:
    """The stay's creatinine, or None when it has none. A result is never known before it was taken."""
    series = stay.timeline.series.get(Analyte.CREATININE)
    if series is None:
        return None
    known = series.hours if stay.known_hours is None else stay.known_hours[Analyte.CREATININE]
    return Course(
        series.hours,
        series.values,
        [max(pair) for pair in zip(known, series.hours, strict=True)],
        stay.begins,
        stay.ends,
        max(course.hours[-1] for course in stay.timeline.series.values()),
    )


def _start(stay: CohortStay) -> float:
    if math.isfinite(stay.begins):
        return stay.begins
    return min(course.hours[0] for course in stay.timeline.series.values())


def _as_arrays(rows: Sequence[tuple[list[float], Landmark, CohortStay]]) -> LandmarkTable:
    marks = [mark for _, mark, _ in rows]
    stays = [stay for _, _, stay in rows]
    numbers = {key: number for number, key in enumerate(dict.fromkeys(id(stay) for stay in stays))}
    return LandmarkTable(
        values=np.array([values for values, _, _ in rows], dtype=np.float64),
        outcome=np.array([math.nan if m.outcome is None else float(m.outcome) for m in marks]),
        closeness=np.array([m.closeness for m in marks]),
        hour=np.array([m.hour for m in marks]),
        since_start=np.array([m.hour - _start(s) for m, s in zip(marks, stays, strict=True)]),
        hours_to_event=np.array([m.hours_to_event for m in marks]),
        age=np.array([s.timeline.age_years for s in stays], dtype=np.float64),
        female=np.array([s.timeline.sex is Sex.FEMALE for s in stays]),
        patient=np.array([f"{s.hospital}/{s.patient_id}" for s in stays]),
        stay=np.array([f"{s.hospital}/{s.patient_id}@{numbers[id(s)]}" for s in stays]),
        hospital=np.array([s.hospital for s in stays]),
        unit_type=np.array([s.unit_type or "unknown" for s in stays]),
        period=np.array([s.period or "unknown" for s in stays]),
    )
