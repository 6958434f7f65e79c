"""How well the model does for whom: sex, age, unit, kidney function, time in the stay, hospital, period."""

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.training.additive import Floats, sigmoid
from model.training.landmark_table import LandmarkTable
from model.validation.metrics import RankedOutcomes, estimate, patient_weights

LEAST_EVENTS = 20
SEED = 49
Mask = NDArray[np.bool_]
UNKNOWN = "unknown"


def subgroups_of(table: LandmarkTable) -> dict[str, dict[str, Mask]]:
    """The groups reported, by what divides them. Hospital and period only where there are several."""
    egfr, since = table.column("egfr"), table.since_start
    found: dict[str, dict[str, Mask]] = {
        "sex": {"female": table.female, "male": ~table.female},
        "age": {
            "18-49": table.age < 50,
            "50-64": (table.age >= 50) & (table.age < 65),
            "65-79": (table.age >= 65) & (table.age < 80),
            "80+": table.age >= 80,
        },
        "unit": _named(table.unit_type),
        "kidney function": {
            "G1-2": egfr >= 60,
            "G3a": (egfr >= 45) & (egfr < 60),
            "G3b": (egfr >= 30) & (egfr < 45),
            "G4-5": egfr < 30,
        },
        "time in the stay": {
            "first day": since < 24,
            "second and third day": (since >= 24) & (since < 72),
            "later": since >= 72,
        },
    }
    several = {"hospital": _named(table.hospital), "period": _named(table.period)}
    return found | {division: groups for division, groups in several.items() if len(groups) > 1}


def _named(labels: NDArray[np.str_]) -> dict[str, Mask]:
    return {str(name): labels == name for name in np.unique(labels)}


def subgroup_performance(table: LandmarkTable, log_odds: Floats, *, resamples: int) -> dict[str, Any]:
    """AUROC and observed over expected in every subgroup with enough events, and each division's largest gap."""
    return {
        division: _division(table, log_odds, groups, resamples) for division, groups in subgroups_of(table).items()
    }


def _division(
    table: LandmarkTable, log_odds: Floats, groups: Mapping[str, Mask], resamples: int
) -> dict[str, Any]:
    told = {name: inside for name, inside in groups.items() if _enough(table.outcome[inside])}
    reported = {name: _one(table.rows(inside), log_odds[inside], resamples) for name, inside in told.items()}
    left_out = [name for name, inside in groups.items() if inside.any() and name not in told]
    found: dict[str, Any] = {"groups": reported, "too_few_events": left_out, "auroc_gap": None, "gap": None}
    if len(reported) > 1:
        by_auroc = sorted(reported, key=lambda name: float(reported[name]["auroc"]["value"]))
        gap = _gap(table, log_odds, told[by_auroc[-1]], told[by_auroc[0]], resamples)
        found |= {"auroc_gap": gap["value"], "gap": {"best": by_auroc[-1], "worst": by_auroc[0]} | gap}
    return found


def _enough(outcome: Floats) -> bool:
    return bool(len(outcome)) and LEAST_EVENTS <= outcome.sum() < len(outcome)


def _gap(table: LandmarkTable, log_odds: Floats, best: Mask, worst: Mask, resamples: int) -> dict[str, float]:
    """The AUROC of one group minus that of the other, over the same resamples of all patients."""
    weights = patient_weights(table.patient, resamples, SEED)
    ranked = [(inside, RankedOutcomes(log_odds[inside], table.outcome[inside])) for inside in (best, worst)]

    def difference(weight: Floats) -> float:
        first, second = (ranks.auroc(weight[inside]) for inside, ranks in ranked)
        return first - second

    return asdict(estimate(difference, weights))


def _one(table: LandmarkTable, log_odds: Floats, resamples: int) -> dict[str, Any]:
    weights = patient_weights(table.patient, resamples, SEED)
    ranked, risk = RankedOutcomes(log_odds, table.outcome), sigmoid(log_odds)
    expected = estimate(lambda w: float((w * table.outcome).sum() / (w * risk).sum()), weights)
    return {
        "landmarks": len(table),
        "patients": len(np.unique(table.patient)),
        "events": int(table.outcome.sum()),
        "auroc": asdict(estimate(ranked.auroc, weights)),
        "observed_over_expected": asdict(expected),
    }


def largest_gaps(found: Mapping[str, Any]) -> list[str]:
    """In words the gaps a reader must not miss: in ranking patients, and in how often AKI came as predicted."""
    said = []
    gaps = [(part["gap"]["value"], division) for division, part in found.items() if part["gap"] is not None]
    if gaps:
        division = max(gaps)[1]
        part, gap = found[division]["groups"], found[division]["gap"]
        best, worst = part[gap["best"]]["auroc"]["value"], part[gap["worst"]]["auroc"]["value"]
        said.append(
            f"Largest gap in discrimination, by {division}: AUROC {best:.2f} in {gap['best']}, {worst:.2f} in "
            f"{gap['worst']}; difference {gap['value']:.2f} (95\u00a0%: {gap['low']:.2f} to {gap['high']:.2f})."
        )
    ratios = [
        (abs(math.log(group["observed_over_expected"]["value"])), division, name)
        for division, part in found.items()
        for name, group in part["groups"].items()
    ]
    if ratios:
        _, division, name = max(ratios)
        ratio = found[division]["groups"][name]["observed_over_expected"]
        said.append(
            f"Largest gap in calibration, by {division}: in {name} it came {ratio['value']:.2f} times as often as "
            f"predicted (95\u00a0%: {ratio['low']:.2f} to {ratio['high']:.2f})."
        )
    return said
