"""How good the bundled model is on somebody's own patients: nothing is refitted, the artifact is scored as it is.

Two creatinine-only logistic regressions stand beside it: one fitted where the model was and frozen as it is, one
cross-fitted on the very data it is compared on, an advantage that the model does not have.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from model.feature_list import FEATURES
from model.risk import Head, RiskModel
from model.training.additive import Floats, sigmoid
from model.training.cohort import CohortStay, Progress, silent
from model.training.labels import each_result, every_six_hours, onset_landmarks, progression_landmarks
from model.training.landmark_table import LandmarkTable, build_table
from model.training.thresholds import LEAST_FLAGGED_SHARE
from model.validation import creatinine_rival
from model.validation.alerts import alert_burden, threshold_for, unforeseeable
from model.validation.comparators import creatinine_only, cross_fitted
from model.validation.drift import drift_of
from model.validation.flow import flow_of
from model.validation.metrics import calibration_curve, difference, operation_at, patient_weights, performance
from model.validation.missing import without_each_group
from model.validation.subgroups import largest_gaps, subgroup_performance

LEAST_EVENTS = 20
DECISION_THRESHOLDS = tuple(round(0.02 * step, 2) for step in range(1, 26))
FALSE_ALERT_BUDGETS = {"two_false_per_true": 2.0, "one_false_per_true": 1.0}
MOMENTS = {"creatinine": each_result, "6h": every_six_hours}
BUNDLED, FROZEN, REFITTED = "bundled", "creatinine_only_frozen", "creatinine_only"


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


@dataclass(frozen=True, slots=True)
class Reference:
    """What the model's training left to compare with: its inputs' distribution by head, the frozen rival."""

    distribution: Mapping[str, Any]
    rival: Mapping[str, Any]


def validate(
    stays: Iterable[CohortStay],
    model: RiskModel,
    reference: Reference,
    *,
    site: str,
    resamples: int,
    landmarks: str = "creatinine",
    progress: Progress = silent,
) -> dict[str, Any]:
    """Every figure of the report. `landmarks`: at each "creatinine" result, or every "6h".

    Raises TooFewEvents when onset cannot be measured; a progression with too few events is left out with a reason.
    """
    held = list(stays)
    found: dict[str, Any] = {
        "site": site,
        "model": {"id": model.identity.id, "version": model.identity.version, "sha256": model.identity.sha256},
        "resamples": resamples,
        "landmarks": landmarks,
        "stays": len(held),
        "flow": flow_of(held),
    }
    heads = {"onset": (model.onset_head, onset_landmarks)}
    if model.progression_head is not None:
        heads["progression"] = (model.progression_head, progression_landmarks)
    for step, (role, (head, landmarks_of)) in enumerate(heads.items()):
        progress(f"scoring {role}", step, len(heads))
        moments = MOMENTS[landmarks]
        try:
            table = build_table(held, landmarks_of, moments=moments, progress=progress, expected=len(held))
            found[role] = evaluate(table, head, role, reference, resamples)
        except TooFewEvents as few:
            if role == "onset":
                raise
            found[role] = {"not_measured": str(few)}
    progress("done", len(heads), len(heads))
    return found


def evaluate(table: LandmarkTable, head: Head, role: str, reference: Reference, resamples: int) -> dict[str, Any]:
    """One head on one table of landmarks."""
    known = ~np.isnan(table.outcome)
    events = int(table.outcome[known].sum())
    if not LEAST_EVENTS <= events < known.sum():
        raise TooFewEvents(
            f"{events} events are in these data; {LEAST_EVENTS} and as many patients without are needed."
        )
    scores = {
        BUNDLED: head_log_odds(head, table.values),
        FROZEN: creatinine_rival.log_odds(reference.rival, role, table.values),
        REFITTED: cross_fitted(creatinine_only, table).test,
    }
    test = table.rows(known)
    own, *rivals = (score[known] for score in scores.values())
    groups = subgroup_performance(test, own, resamples=resamples)
    return {
        "outcome": head.outcome,
        "cohort": describe(table, test),
        "models": {name: _performance(s[known], test.outcome, test, resamples) for name, s in scores.items()},
        "auroc_gain": {
            name: asdict(difference(own, rival, test.outcome, test.patient, resamples=resamples))
            for name, rival in zip((FROZEN, REFITTED), rivals, strict=True)
        },
        "calibration_curve": curve_with_intervals(sigmoid(own), test, resamples),
        "decision_curve": decision_curve({n: sigmoid(s[known]) for n, s in scores.items()}, test.outcome),
        "alerts": alerts(head, {name: sigmoid(score) for name, score in scores.items()}, table, resamples),
        "unforeseeable_episodes": unforeseeable(table),
        "unknown_counted_as_negative": {
            name: _performance(score, np.nan_to_num(table.outcome, nan=0.0), table, resamples)
            for name, score in scores.items()
        },
        "subgroups": groups,
        "largest_gaps": largest_gaps(groups),
        "without": without_each_group(test, own, lambda v: head_log_odds(head, v), resamples=resamples),
        "drift": drift_of(
            test.values, reference.distribution[head.id], {shape.feature.id for shape in head.shapes}
        ),
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


def decision_curve(risks: Mapping[str, Floats], outcome: Floats) -> list[dict[str, float]]:
    """Net benefit per landmark of each model and of flagging all; flagging none is 0."""
    points = []
    for threshold in DECISION_THRESHOLDS:
        found = {name: operation_at(threshold, risk, outcome) for name, risk in risks.items()}
        benefit = {name: operation.net_benefit for name, operation in found.items()}
        everybody = next(iter(found.values())).net_benefit_flag_all
        points.append({"threshold": threshold, **benefit, "flag_all": everybody})
    return points


def alerts(head: Head, risks: Mapping[str, Floats], table: LandmarkTable, resamples: int) -> dict[str, Any]:
    """Per model the burden and yield, at shipped thresholds and at local ones that keep a false-alert budget."""
    known = ~np.isnan(table.outcome)
    found: dict[str, Any] = {}
    for name, risk in risks.items():
        shipped = {"shipped_moderate": head.categories.moderate, "shipped_high": head.categories.high}
        wanted: dict[str, float | None] = dict(shipped) if name == BUNDLED else {}
        for budget, false_per_true in FALSE_ALERT_BUDGETS.items():
            wanted[budget] = threshold_for(risk[known], table.outcome[known], false_per_true, LEAST_FLAGGED_SHARE)
        found[name] = {
            rule: None if threshold is None else alert_burden(threshold, risk, table, resamples=resamples)
            for rule, threshold in wanted.items()
        }
    return found
