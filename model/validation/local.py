"""How good the bundled model is on somebody's own patients: nothing is refitted, the artifact is scored as it is.

The only thing fitted here is the comparator, a creatinine-only logistic regression, cross-fitted on the very data
it is compared on: an advantage to the comparator that the model does not have.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from model.feature_list import FEATURES
from model.risk import Head, RiskModel
from model.training.additive import Floats, sigmoid
from model.training.cohort import CohortStay, Progress, silent
from model.training.labels import onset_landmarks, progression_landmarks
from model.training.landmark_table import LandmarkTable, build_table
from model.training.thresholds import LEAST_FLAGGED_SHARE
from model.validation.alerts import alert_burden, threshold_for
from model.validation.comparators import creatinine_only, cross_fitted
from model.validation.drift import drift_of
from model.validation.metrics import calibration_curve, difference, operation_at, patient_weights, performance
from model.validation.subgroups import Mask, subgroup_performance, subgroups_of

LEAST_EVENTS = 20
DECISION_THRESHOLDS = tuple(round(0.02 * step, 2) for step in range(1, 26))
FALSE_ALERT_BUDGETS = {"two_false_per_true": 2.0, "one_false_per_true": 1.0}


class TooFewEvents(Exception):
    """Nothing can be measured: the message says how many events there are and how many are needed."""


def head_log_odds(head: Head, values: Floats) -> Floats:
    """What the head says of many landmarks at once; features in the order of FEATURES."""
    place = {feature.id: j for j, feature in enumerate(FEATURES)}
    columns = [values[:, place[shape.feature.id]] for shape in head.shapes]
    score = np.full(len(values), head.base_log_odds)
    for shape, column in zip(head.shapes, columns, strict=True):
        level = np.searchsorted(shape.edges, column, side="right")
        score += np.where(np.isnan(column), 0.0, np.asarray(shape.log_odds)[np.minimum(level, len(shape.edges))])
    for pair in head.pairs:
        first, second = columns[pair.first], columns[pair.second]
        row = np.minimum(np.searchsorted(pair.first_edges, first, side="right"), len(pair.first_edges))
        other = np.minimum(np.searchsorted(pair.second_edges, second, side="right"), len(pair.second_edges))
        score += np.where(np.isnan(first) | np.isnan(second), 0.0, np.asarray(pair.log_odds)[row, other])
    return score


def validate(
    stays: Iterable[CohortStay],
    model: RiskModel,
    distribution: Mapping[str, Any],
    *,
    site: str,
    resamples: int,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Every figure of the report. `distribution` is the artifact's training distribution, by head.

    Raises TooFewEvents when onset cannot be measured; a progression with too few events is left out with a reason.
    """
    held = list(stays)
    found: dict[str, Any] = {
        "site": site,
        "model": {"id": model.identity.id, "version": model.identity.version, "sha256": model.identity.sha256},
        "resamples": resamples,
        "stays": len(held),
    }
    heads = {"onset": (model.onset_head, onset_landmarks)}
    if model.progression_head is not None:
        heads["progression"] = (model.progression_head, progression_landmarks)
    for role, (head, landmarks_of) in heads.items():
        progress(f"scoring {role}", len(found), 8)
        try:
            table = build_table(held, landmarks_of) if held else None
            found[role] = evaluate(table, head, distribution, resamples)
        except TooFewEvents as few:
            if role == "onset":
                raise
            found[role] = {"not_measured": str(few)}
    return found


def evaluate(
    table: LandmarkTable | None, head: Head, distribution: Mapping[str, Any], resamples: int
) -> dict[str, Any]:
    """One head on one table of landmarks."""
    known = None if table is None or not len(table) else ~np.isnan(table.outcome)
    events = 0 if table is None or known is None else int(table.outcome[known].sum())
    if table is None or known is None or not LEAST_EVENTS <= events < known.sum():
        raise TooFewEvents(
            f"{events} events are in these data; {LEAST_EVENTS} and as many patients without are needed."
        )
    scores = head_log_odds(head, table.values)
    test, score = table.rows(known), scores[known]
    rival_all = cross_fitted(creatinine_only, table).test
    rival = rival_all[known]
    models = {"bundled": (score, scores), "creatinine_only": (rival, rival_all)}
    return {
        "outcome": head.outcome,
        "cohort": describe(table, test),
        "models": {name: _performance(s, test.outcome, test, resamples) for name, (s, _) in models.items()},
        "auroc_gain": asdict(difference(score, rival, test.outcome, test.patient, resamples=resamples)),
        "calibration_curve": curve_with_intervals(sigmoid(score), test, resamples),
        "decision_curve": decision_curve(sigmoid(score), sigmoid(rival), test.outcome),
        "alerts": alerts(head, sigmoid(score), sigmoid(scores), test, table),
        "unknown_counted_as_negative": {
            name: _performance(s, np.nan_to_num(table.outcome, nan=0.0), table, resamples)
            for name, (_, s) in models.items()
        },
        "subgroups": subgroup_performance(test, score, resamples=resamples, divisions=local_subgroups(test)),
        "drift": drift_of(test.values, distribution[head.id], {shape.feature.id for shape in head.shapes}),
    }


def describe(table: LandmarkTable, known: LandmarkTable) -> dict[str, Any]:
    """Who was in the data."""
    return {
        "patients": len(np.unique(known.patient)),
        "landmarks": len(table),
        "evaluable": len(known),
        "unknown_share": 1.0 - len(known) / len(table),
        "events": int(known.outcome.sum()),
        "event_rate": float(known.outcome.mean()),
        "median_age": float(np.median(known.age)),
        "female_share": float(known.female.mean()),
        "hospitals": sorted(set(known.hospital.tolist())),
    }


def _performance(score: Floats, outcome: Floats, table: LandmarkTable, resamples: int) -> dict[str, Any]:
    found = performance(score, outcome, table.patient, resamples=resamples)
    return {name: asdict(estimate) for name, estimate in found.items()}


def curve_with_intervals(risk: Floats, test: LandmarkTable, resamples: int) -> list[dict[str, float]]:
    """Tenths of the risk: mean predicted, share observed with its interval over patients."""
    order = np.array_split(np.argsort(risk, kind="stable"), 10)
    weights = patient_weights(test.patient, resamples, 50)
    points = []
    for (predicted, observed, count), part in zip(calibration_curve(risk, test.outcome), order, strict=False):
        drawn = [_share(weight[part], test.outcome[part]) for weight in weights]
        low, high = np.nanquantile(drawn, [0.025, 0.975])
        points.append({"predicted": predicted, "observed": observed, "low": low, "high": high, "count": count})
    return [{key: float(value) for key, value in point.items()} for point in points]


def _share(weight: Floats, outcome: Floats) -> float:
    total = weight.sum()
    return float((weight * outcome).sum() / total) if total else math.nan


def decision_curve(risk: Floats, rival: Floats, outcome: Floats) -> list[dict[str, float]]:
    """Net benefit per landmark of the model, of creatinine alone, of flagging all; flagging none is 0."""
    points = []
    for threshold in DECISION_THRESHOLDS:
        own, other = operation_at(threshold, risk, outcome), operation_at(threshold, rival, outcome)
        points.append(
            {
                "threshold": threshold,
                "bundled": own.net_benefit,
                "creatinine_only": other.net_benefit,
                "flag_all": own.net_benefit_flag_all,
            }
        )
    return points


def alerts(
    head: Head, risk: Floats, risk_all: Floats, test: LandmarkTable, table: LandmarkTable
) -> dict[str, Any]:
    """The burden and yield at the shipped thresholds, and at the local ones that keep a false-alert budget."""
    wanted: dict[str, float | None] = {
        "shipped_moderate": head.categories.moderate,
        "shipped_high": head.categories.high,
    }
    for name, budget in FALSE_ALERT_BUDGETS.items():
        wanted[name] = threshold_for(risk, test.outcome, budget, LEAST_FLAGGED_SHARE)
    return {
        name: None if threshold is None else alert_burden(threshold, risk, risk_all, test, table)
        for name, threshold in wanted.items()
    }


def local_subgroups(table: LandmarkTable) -> dict[str, dict[str, Mask]]:
    """The study's groups, with kidney function by KDIGO G stage and each hospital."""
    egfr = table.column("egfr")
    stages = {"G1-2": (60.0, math.inf), "G3a": (45.0, 60.0), "G3b": (30.0, 45.0), "G4-5": (0.0, 30.0)}
    names = sorted(set(table.hospital.tolist()))
    groups = subgroups_of(table)
    groups.pop("egfr")
    groups["kidney function"] = {name: (egfr >= low) & (egfr < high) for name, (low, high) in stages.items()}
    if len(names) > 1:
        groups["hospital"] = {name: table.hospital == name for name in names}
    return groups
