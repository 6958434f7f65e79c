"""Landmarks as arrays: the features of each, its outcome, and who it belongs to."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from model.age import ADULT_AGE_YEARS
from model.analytes import Analyte
from model.feature_list import FEATURES
from model.features import Feature, Series, feature_values
from model.snapshot import Sex
from model.training.cohort import CohortStay, Progress, silent
from model.training.labels import Landmark

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LandmarkTable:
    """One row per landmark. `outcome` is 0, 1, or NaN for unknown."""

    values: Floats
    outcome: Floats
    closeness: Floats
    hour: Floats
    hours_to_event: Floats
    age: Floats
    female: NDArray[np.bool_]
    patient: NDArray[np.str_]
    hospital: NDArray[np.str_]
    unit_type: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.outcome)

    def rows(self, keep: NDArray[np.bool_]) -> "LandmarkTable":
        """The rows where `keep` is true."""
        return LandmarkTable(*(getattr(self, field.name)[keep] for field in fields(self)))

    def evaluable(self) -> "LandmarkTable":
        """The landmarks whose outcome is known."""
        return self.rows(~np.isnan(self.outcome))

    def column(self, feature_id: str) -> Floats:
        return self.values[:, [feature.id for feature in FEATURES].index(feature_id)]


def build_table(
    stays: Iterable[CohortStay],
    landmarks_of: Callable[[Series], list[Landmark]],
    *,
    features: Sequence[Feature] = FEATURES,
    progress: Progress = silent,
    expected: int = 0,
) -> LandmarkTable:
    """The landmarks of all adult stays with a creatinine."""
    rows: list[tuple[list[float], Landmark, CohortStay]] = []
    for count, stay in enumerate(stays, 1):
        if count % 500 == 0:
            progress("computing features", count, expected)
        course = stay.timeline.series.get(Analyte.CREATININE)
        age = stay.timeline.age_years
        if course is None or age is None or age < ADULT_AGE_YEARS:
            continue
        for landmark in landmarks_of(course):
            rows.append((feature_values(features, stay.timeline, landmark.hour), landmark, stay))
    return _as_arrays(rows)


def _as_arrays(rows: Sequence[tuple[list[float], Landmark, CohortStay]]) -> LandmarkTable:
    marks = [mark for _, mark, _ in rows]
    stays = [stay for _, _, stay in rows]
    return LandmarkTable(
        values=np.array([values for values, _, _ in rows], dtype=np.float64),
        outcome=np.array([math.nan if m.outcome is None else float(m.outcome) for m in marks]),
        closeness=np.array([m.closeness for m in marks]),
        hour=np.array([m.hour for m in marks]),
        hours_to_event=np.array([m.hours_to_event for m in marks]),
        age=np.array([s.timeline.age_years for s in stays], dtype=np.float64),
        female=np.array([s.timeline.sex is Sex.FEMALE for s in stays]),
        patient=np.array([f"{s.hospital}/{s.patient_id}" for s in stays]),
        hospital=np.array([s.hospital for s in stays]),
        unit_type=np.array([s.unit_type or "unknown" for s in stays]),
    )
