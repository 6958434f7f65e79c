"""Whether a month's inputs lie where they lay: in the training patients, and in the site's own first months.

Every hospital differs from those the model learned from; that is told, not alarmed at. An input that leaves where
it lay at this very site is an alarm: a unit, a code, an assay or a ward has changed.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from app.watching.inputs import UNKNOWN, Tenths
from model.feature_list import FEATURE_BY_ID

LARGE_SHIFT: Final = 0.25  # the usual reading of the index
LARGE_CHANGE_OF_UNKNOWN: Final = 0.2
SURE_Z: Final = 4.4  # one chance in 200,000: some 80 inputs are looked at every month
MIN_PATIENTS: Final = 100


@dataclass(frozen=True, slots=True)
class InputCounts:
    """How often each part of each input occurred among some predictions, and of how many patients they were."""

    patients: int
    predictions: int
    refused_units: int
    by_feature: Mapping[str, Counter[str]]

    def unknown_share(self, feature: str) -> float:
        """The share of predictions this input was unknown to."""
        counts = self.by_feature[feature]
        return counts[UNKNOWN] / max(counts.total(), 1)


@dataclass(frozen=True, slots=True)
class InputDrift:
    """One input of a month against the training patients and, where there are any, the site's first months.

    A shift is the population stability index of the known values less what chance alone makes of it, 0 at least.
    `has_moved`: it, or the share unknown, is far from the site's first months, and further than by chance.
    """

    feature: str
    label: str
    shift_from_training: float
    shift_from_start: float | None
    unknown: float
    unknown_in_training: float
    unknown_at_start: float | None
    has_moved: bool = False


def count_inputs(rows: Iterable[tuple[str, str, int]], tenths: Sequence[Tenths]) -> InputCounts:
    """Count (patient, levels, refused units) of predictions; levels of another model's length are left out."""
    by_feature: dict[str, Counter[str]] = {part.feature: Counter() for part in tenths}
    patients, predictions, refused = set(), 0, 0
    for patient, levels, refused_units in rows:
        if len(levels) != len(tenths):
            continue
        patients.add(patient)
        predictions += 1
        refused += refused_units > 0
        for part, letter in zip(tenths, levels, strict=True):
            by_feature[part.feature][letter] += 1
    return InputCounts(len(patients), predictions, refused, by_feature)


def drift_of(now: InputCounts, start: InputCounts | None, tenths: Sequence[Tenths]) -> list[InputDrift]:
    """Every input of a month, the furthest from the site's first months first."""
    found = [_one(part, now, start) for part in tenths]
    return sorted(found, key=lambda one: (-(one.shift_from_start or 0.0), -one.shift_from_training))


def share_changed(now: float, then: float, now_count: int, then_count: int) -> bool:
    """Whether two shares differ by much and by more than chance makes likely, `counts` being patients."""
    pooled = (now * now_count + then * then_count) / (now_count + then_count)
    error = math.sqrt(pooled * (1.0 - pooled) * (1.0 / now_count + 1.0 / then_count))
    return abs(now - then) >= LARGE_CHANGE_OF_UNKNOWN and abs(now - then) > SURE_Z * error


def _one(part: Tenths, now: InputCounts, start: InputCounts | None) -> InputDrift:
    counts, unknown = _known(now.by_feature[part.feature], part), now.unknown_share(part.feature)
    known = now.patients * (1.0 - unknown)
    training = _Shift.between(counts, [share * 1e6 for share in part.shares], known, math.inf)
    from_start, before, moved = None, None, False
    if start is not None:
        before = start.unknown_share(part.feature)
        then, known_then = _known(start.by_feature[part.feature], part), start.patients * (1.0 - before)
        moved = share_changed(unknown, before, now.patients, start.patients)
        if min(known, known_then) >= MIN_PATIENTS / 2:
            shift = _Shift.between(counts, then, known, known_then)
            from_start, moved = shift.index, moved or shift.is_large
    label = FEATURE_BY_ID[part.feature].label
    return InputDrift(part.feature, label, training.index, from_start, unknown, part.unknown, before, moved)


def _known(counts: Counter[str], part: Tenths) -> list[float]:
    return [float(counts[chr(ord("a") + i)]) for i in range(len(part.shares))]


@dataclass(frozen=True, slots=True)
class _Shift:
    """The population stability index less its mean under no change; and whether it is large beyond chance.

    Under no change it is a chi-square of parts - 1, times 1/n + 1/m for samples of n and m patients; its quantile
    is Wilson and Hilferty's.
    """

    index: float
    is_large: bool

    @classmethod
    def between(
        cls, found: Sequence[float], expected: Sequence[float], patients: float, expected_patients: float
    ) -> "_Shift":
        used = [(f + 0.5, e + 0.5) for f, e in zip(found, expected, strict=True) if f or e]
        if len(used) < 2:
            return cls(0.0, is_large=False)
        f_total, e_total = sum(f for f, _ in used), sum(e for _, e in used)
        shares = [(f / f_total, e / e_total) for f, e in used]
        raw = math.fsum((f - e) * math.log(f / e) for f, e in shares)
        scale, freedom = 1.0 / max(patients, 1.0) + 1.0 / max(expected_patients, 1.0), len(used) - 1
        spread = 2.0 / (9.0 * freedom)
        chance = freedom * (1.0 - spread + SURE_Z * math.sqrt(spread)) ** 3
        index = max(0.0, raw - freedom * scale)
        return cls(index, is_large=index >= LARGE_SHIFT and raw > chance * scale)
