"""What the model loses where a hospital does not measure something: each group of inputs made unknown in turn."""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

from model.analytes import Analyte
from model.feature_list import CONCEPTS, FEATURES, USED_ANALYTES
from model.features import Feature, Series, Timeline, View
from model.snapshot import Sex
from model.training.additive import Floats, sigmoid
from model.training.landmark_table import LandmarkTable
from model.validation.metrics import difference

VITAL_SIGNS = frozenset(
    {
        Analyte.HEART_RATE,
        Analyte.SYSTOLIC_BP,
        Analyte.DIASTOLIC_BP,
        Analyte.MEAN_BP,
        Analyte.TEMPERATURE,
        Analyte.RESPIRATORY_RATE,
        Analyte.SPO2,
    }
)


class _Watched(View):
    """A view that notes which analytes a feature reads."""

    __slots__ = ("read",)

    def __init__(self, timeline: Timeline) -> None:
        super().__init__(timeline, 0.0)
        self.read: set[Analyte] = set()

    def span(self, analyte: Analyte, window: float) -> tuple[Series, int, int]:
        self.read.add(analyte)
        return super().span(analyte, window)


def analytes_read(feature: Feature) -> frozenset[Analyte]:
    """The analytes a feature is computed from, seen by computing it on a patient who has everything."""
    everything = {analyte: Series([-2.0, -1.0], [1.0, 2.0]) for analyte in Analyte}
    view = _Watched(Timeline(60.0, Sex.FEMALE, everything))
    feature.compute(view)
    return frozenset(view.read)


def groups() -> dict[str, frozenset[Analyte]]:
    """The inputs that may be missing, by the words they are shown under; creatinine is always needed."""
    laboratory = frozenset(USED_ANALYTES) - VITAL_SIGNS - {Analyte.CREATININE}
    found = {
        words: frozenset(f.analyte for f in FEATURES if f.concept == concept and f.analyte is not None)
        for concept, words in CONCEPTS.items()
    }
    single = {words: inputs for words, inputs in found.items() if inputs and Analyte.CREATININE not in inputs}
    return single | {
        "All vital signs": VITAL_SIGNS & frozenset(USED_ANALYTES),
        "All laboratory values but creatinine": laboratory,
        "Everything but creatinine, age and sex": laboratory | (VITAL_SIGNS & frozenset(USED_ANALYTES)),
    }


def without_each_group(
    test: LandmarkTable, score: Floats, score_of: Callable[[Floats], Floats], *, resamples: int
) -> list[dict[str, Any]]:
    """Per group the change of AUROC with its interval, and observed over expected, when it is unknown for all."""
    return list(_rows(test, score, score_of, resamples))


def _rows(
    test: LandmarkTable, score: Floats, score_of: Callable[[Floats], Floats], resamples: int
) -> Iterator[dict[str, Any]]:
    read = [analytes_read(feature) for feature in FEATURES]
    for words, inputs in groups().items():
        blank = np.array([bool(inputs & found) for found in read])
        known = float((~np.isnan(test.values[:, blank])).any(axis=1).mean())
        without = score_of(np.where(blank, np.nan, test.values))
        change = difference(without, score, test.outcome, test.patient, resamples=resamples)
        yield {
            "group": words,
            "known_share": known,
            "auroc_change": asdict(change),
            "observed_over_expected": float(test.outcome.sum() / sigmoid(without).sum()),
        }
