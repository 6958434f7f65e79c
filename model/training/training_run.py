"""`aki model train`: from the cohort folder to the artifact folder."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from model.training.additive import sigmoid
from model.training.artifact_writer import TrainedHead, runtime_head, write_artifact
from model.training.cohort import Progress, Source, silent
from model.training.distribution import distribution_of
from model.training.labels import onset_landmarks, progression_landmarks
from model.training.landmark_table import LandmarkTable, build_table
from model.training.physionet2019 import HOSPITALS, read_stays, source_of
from model.training.ranges import familiarity_of
from model.training.recipe import ONSET_RECIPE, PROGRESSION_RECIPE, Recipe, fit_calibrated
from model.training.replicas import spread_of
from model.training.thresholds import choose_categories

ONSET_OUTCOME = "first creatinine AKI (KDIGO stage 1 or higher by creatinine)"
PROGRESSION_OUTCOME = "a higher KDIGO stage by creatinine than now"


@dataclass(frozen=True, slots=True)
class Cohort:
    """Both landmark tables of a cohort folder, every landmark, and the files they came from."""

    onset: LandmarkTable
    progression: LandmarkTable
    sources: tuple[Source, ...]


def read_cohort(folder: Path, progress: Progress = silent) -> Cohort:
    """Both hospitals of PhysioNet 2019. Raises CohortUnreadable."""
    sources = tuple(source_of(folder, hospital) for hospital in HOSPITALS)
    total = sum(source.stays for source in sources)
    stays = []
    for hospital in HOSPITALS:
        for stay in read_stays(folder, hospital):
            stays.append(stay)
            if len(stays) % 500 == 0:
                progress("reading stays", len(stays), total)
    onset = build_table(stays, onset_landmarks, progress=progress, expected=total)
    progression = build_table(stays, progression_landmarks, progress=progress, expected=total)
    return Cohort(onset, progression, sources)


def train(folder: Path, out: Path, *, created: str, progress: Progress = silent) -> dict[str, str]:
    """Train the shipped model on all of the cohort and write its artifact; returns the files' SHA-256."""
    cohort = read_cohort(folder, progress)
    progress("fitting onset", 0, 2)
    onset = _trained("onset", "aki-onset-48h", ONSET_OUTCOME, cohort.onset, ONSET_RECIPE, progress)
    progress("fitting progression", 1, 2)
    course = _trained(
        "progression", "aki-progression-48h", PROGRESSION_OUTCOME, cohort.progression, PROGRESSION_RECIPE, progress
    )
    progress("writing", 2, 2)
    return write_artifact(out, (onset, course), cohort.sources, created=created)


def _trained(
    role: str, head_id: str, outcome: str, table: LandmarkTable, recipe: Recipe, progress: Progress
) -> TrainedHead:
    known = table.evaluable()
    fitted = fit_calibrated(known, recipe)
    categories = choose_categories(sigmoid(fitted.out_of_fold), known.outcome)
    head = runtime_head(fitted.head, head_id=head_id, outcome=outcome, categories=categories)
    return TrainedHead(
        role=role,
        head=replace(
            head,
            spread=spread_of(known, recipe, fitted.head, progress=progress),
            familiarity=familiarity_of(known.values, [shape.feature for shape in head.shapes]),
        ),
        recipe=recipe,
        landmarks=len(known),
        patients=len(np.unique(known.patient)),
        events=int(known.outcome.sum()),
        distribution=distribution_of(known.values),
    )
