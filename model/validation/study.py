"""The transport study: one hospital against the other, both ways, then both with patients held out, or elsewhere.

Every number has a bootstrap interval by patient, and the creatinine-only logistic regression beside it.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import numpy as np

from model.training.additive import Floats, sigmoid
from model.training.artifact_writer import MODEL_VERSION
from model.training.cohort import Progress, silent
from model.training.labels import HORIZON_HOURS
from model.training.landmark_table import LandmarkTable
from model.training.recipe import ONSET_RECIPE, PROGRESSION_RECIPE, Recipe, fit_head
from model.training.thresholds import choose_categories
from model.training.training_run import Cohort
from model.validation.comparators import (
    CalibratedScores,
    Fitter,
    additive_only,
    creatinine_only,
    cross_fitted,
    full_boosting,
    transported,
)
from model.validation.metrics import calibration_curve, difference, operation_at, performance
from model.validation.subgroups import subgroup_performance

SHIPPED = "shipped"
FIXED_THRESHOLDS = (0.1, 0.2, 0.3)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One way to train and test: its name, the test landmarks, and scores for them by each fitter."""

    name: str
    description: str
    test: LandmarkTable
    score: Callable[[Fitter], CalibratedScores]
    training: LandmarkTable


def scenarios(table: LandmarkTable) -> Iterator[Scenario]:
    """A to B, B to A, and both hospitals with every patient scored by fits that never saw him or her."""
    part = {hospital: table.rows(table.hospital == hospital) for hospital in ("A", "B")}
    for source, target in (("A", "B"), ("B", "A")):
        yield Scenario(
            f"{source}_to_{target}",
            f"trained on hospital {source}, tested on hospital {target}",
            part[target],
            lambda fit, source=source, target=target: transported(fit, part[source], part[target]),  # type: ignore[misc]
            part[source],
        )
    fit_once = cache(lambda fit: cross_fitted(fit, table))
    for hospital in ("A", "B"):
        inside = table.hospital == hospital
        yield Scenario(
            f"both_to_{hospital}",
            f"trained on both hospitals, tested on unseen patients of {hospital} (5-fold)",
            part[hospital],
            lambda fit, inside=inside: _part(fit_once(fit), inside),  # type: ignore[misc]
            table,
        )


def _part(scores: CalibratedScores, inside: Any) -> CalibratedScores:
    return CalibratedScores(scores.test[inside], scores.training)


def fitters(recipe: Recipe) -> Mapping[str, Fitter]:
    """What is compared, the shipped recipe first."""
    found: dict[str, Fitter] = {
        SHIPPED: lambda table: fit_head(table, recipe).log_odds,
        "creatinine_only": creatinine_only,
        "full_boosting": full_boosting(recipe),
    }
    if recipe.plan.pairs:
        found["additive_without_pairs"] = additive_only(recipe)
    return found


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Another set of patients to test on: its name and its landmark tables by head."""

    name: str
    tables: Mapping[str, LandmarkTable]

    def scenarios(self, head: str, training: LandmarkTable) -> Iterator[Scenario]:
        """A alone, B alone and both, each tested on these patients."""
        test = self.tables[head]
        for source in ("A", "B", "both"):
            part = training if source == "both" else training.rows(training.hospital == source)
            words = "both hospitals" if source == "both" else f"hospital {source}"
            yield Scenario(
                f"{source}_to_{self.name}",
                f"trained on {words}, tested on {self.name}",
                test,
                lambda fit, part=part: transported(fit, part, test),  # type: ignore[misc]
                part,
            )


def run_study(
    cohort: Cohort, *, resamples: int, progress: Progress = silent, elsewhere: Elsewhere | None = None
) -> dict[str, Any]:
    """All scenarios of both heads, as JSON-ready numbers; with `elsewhere`, those that end there instead."""
    heads = {"onset": (cohort.onset, ONSET_RECIPE), "progression": (cohort.progression, PROGRESSION_RECIPE)}
    found: dict[str, Any] = {
        "study": "transport",
        "command": f"aki model study --data ../shared/data/physionet2019 --resamples {resamples}"
        + ("" if elsewhere is None else f" --elsewhere ../shared/data/{elsewhere.name}"),
        "recipe_of_version": MODEL_VERSION,
        "resamples": resamples,
        "data": [asdict(source) for source in cohort.sources],
    }
    done = 0
    for head, (table, recipe) in heads.items():
        found[head] = {}
        compared = fitters(recipe)
        for scenario in scenarios(table) if elsewhere is None else elsewhere.scenarios(head, table):
            progress(f"{head}: {scenario.description}", done, 8)
            found[head][scenario.name] = evaluate(scenario, compared, resamples)
            done += 1
    progress("done", 8, 8)
    return {key: rounded(value) for key, value in found.items()}


def evaluate(scenario: Scenario, compared: Mapping[str, Fitter], resamples: int) -> dict[str, Any]:
    """Everything that is reported about one scenario."""
    scores = {name: scenario.score(fit) for name, fit in compared.items()}
    known = ~np.isnan(scenario.test.outcome)
    test, test_scores = scenario.test.rows(known), {name: s.test[known] for name, s in scores.items()}
    shipped = test_scores[SHIPPED]
    return {
        "description": scenario.description,
        "cohort": describe(scenario.test),
        "models": {
            name: {
                k: asdict(e) for k, e in performance(s, test.outcome, test.patient, resamples=resamples).items()
            }
            for name, s in test_scores.items()
        },
        "auroc_gain_over": {
            name: asdict(difference(shipped, s, test.outcome, test.patient, resamples=resamples))
            for name, s in test_scores.items()
            if name != SHIPPED
        },
        "operation": operations(scenario, scores[SHIPPED], test, shipped),
        "calibration_curve": calibration_curve(sigmoid(shipped), test.outcome),
        "unknown_counted_as_negative": unknown_as_negative(scenario.test, scores, resamples),
        "subgroups": subgroup_performance(test, shipped, resamples=resamples),
    }


def describe(table: LandmarkTable) -> dict[str, Any]:
    """How many landmarks, patients and events there are, and how much of the outcome is unknown."""
    known = table.evaluable()
    return {
        "landmarks": len(table),
        "evaluable": len(known),
        "unknown_share": 1.0 - len(known) / len(table),
        "patients": len(np.unique(known.patient)),
        "events": int(known.outcome.sum()),
        "event_rate": float(known.outcome.mean()),
        "median_age": float(np.median(known.age)),
        "female_share": float(known.female.mean()),
    }


def operations(
    scenario: Scenario, scores: CalibratedScores, test: LandmarkTable, log_odds: Floats
) -> dict[str, Any]:
    """Flagging at the thresholds the training hospitals chose, and at fixed ones."""
    known = ~np.isnan(scenario.training.outcome)
    categories = choose_categories(sigmoid(scores.training[known]), scenario.training.outcome[known])
    chosen = {"moderate": categories.moderate, "high": categories.high}
    chosen |= {f"at_{threshold:g}": threshold for threshold in FIXED_THRESHOLDS}
    found: dict[str, Any] = {
        name: asdict(operation_at(threshold, sigmoid(log_odds), test.outcome))
        for name, threshold in chosen.items()
    }
    found["high"]["episodes"] = episodes_at(categories.high, sigmoid(log_odds), test)
    return found


def episodes_at(threshold: float, risk: Floats, table: LandmarkTable) -> dict[str, Any] | None:
    """The share of AKI episodes flagged at any landmark of the 48 h before, and how long before."""
    before = table.hours_to_event <= HORIZON_HOURS
    if not before.any():
        return None
    flagged = before & (risk >= threshold)
    leads = [
        float(table.hours_to_event[flagged & (table.patient == patient)].max())
        for patient in np.unique(table.patient[flagged])
    ]
    episodes = len(np.unique(table.patient[before]))
    return {
        "episodes": episodes,
        "caught_share": len(leads) / episodes,
        "median_lead_hours": float(np.median(leads)) if leads else math.nan,
    }


def unknown_as_negative(
    table: LandmarkTable, scores: Mapping[str, CalibratedScores], resamples: int
) -> dict[str, Any]:
    """The other handling of verification bias: no later creatinine counts as no AKI."""
    outcome = np.nan_to_num(table.outcome, nan=0.0)
    return {
        name: {
            key: asdict(value)
            for key, value in performance(scores[name].test, outcome, table.patient, resamples=resamples).items()
        }
        for name in (SHIPPED, "creatinine_only")
    }


def rounded(item: Any) -> Any:
    """The same structure with numbers to four digits after the point, and NaN left out as null."""
    if isinstance(item, Mapping):
        return {key: rounded(value) for key, value in item.items()}
    if isinstance(item, list | tuple):
        return [rounded(value) for value in item]
    if isinstance(item, float):
        return round(item, 4) if math.isfinite(item) else None
    return item
