"""Why the score is what it is: each clinical concept's exact share, with the value and result it came from.

The score is a sum, so the shares are not an approximation: the base and the shares add up to the log-odds.
"""

import math
from collections.abc import Sequence
from datetime import datetime

from model.assessment import Contribution
from model.feature_list import CONCEPTS
from model.features import Chart, Feature
from model.sentences import Sentence
from model.snapshot import Measurement

Scored = tuple[Feature, float, float]  # the feature, its value, its log-odds


def contributions(scored: Sequence[Scored], chart: Chart) -> tuple[Contribution, ...]:
    """One contribution per concept with a known value, the weightiest first.

    The sum is the concept's whole; the value, unit, time and source shown are those of its weightiest feature
    among those that pull the way the sum does: no finding is shown as lowering a risk that it raises.
    """
    by_concept: dict[str, list[Scored]] = {}
    for item in scored:
        if not math.isnan(item[1]):
            by_concept.setdefault(item[0].concept, []).append(item)
    found = [_contribution(concept, items, chart) for concept, items in by_concept.items()]
    return tuple(sorted(found, key=lambda c: (-abs(c.log_odds), c.feature)))


def _contribution(concept: str, items: Sequence[Scored], chart: Chart) -> Contribution:
    total = math.fsum(item[2] for item in items)
    feature, value, _ = max(items, key=lambda item: item[2] if total >= 0.0 else -item[2])
    measurement = _measurement_behind(feature, chart)
    return Contribution(
        feature=concept,
        label=label_of(feature),
        log_odds=total,
        value=shown(feature, value),
        unit=None if feature.phrase else feature.unit or None,
        at=_time(measurement),
        source=None if measurement is None else measurement.source,
    )


def shown(feature: Feature, value: float) -> Sentence:
    """A value as a clinician reads it: rounded to what is measured, changes with their sign.

    Its fact `number` is the value itself, for readers of other units and languages.
    """
    if feature.words:
        return Sentence(feature.words[int(value)])
    rounded = round(value, feature.decimals) + 0.0  # no "-0.0"
    if feature.phrase:
        number = abs(value) if rounded else 0.0
        return Sentence(feature.phrase[rounded < 0], number=number, unit=feature.unit)
    sign = "+" if feature.signed and rounded else ""
    return Sentence(f"{{number:{sign}.{feature.decimals}f}}", number=value if rounded else 0.0)


def label_of(feature: Feature) -> str:
    """What a feature is shown under: its concept first, where that does more than repeat it."""
    name = CONCEPTS[feature.concept]
    if not has_group(feature):
        return feature.label
    return f"{name}: {feature.label[0].lower()}{feature.label[1:]}"


def has_group(feature: Feature) -> bool:
    """Whether the concept's share stands for more than the feature's own words say."""
    of_creatinine = feature.concept in ("creatinine_level", "creatinine_course")
    return not of_creatinine and not feature.label.startswith(CONCEPTS[feature.concept])


def _measurement_behind(feature: Feature, chart: Chart) -> Measurement | None:
    if feature.analyte is None:
        return None
    series, behind = chart.timeline.series[feature.analyte], chart.measurements[feature.analyte]
    inside = [i for i, hour in enumerate(series.hours) if hour >= -feature.window_hours]
    if feature.pick == "last":
        return behind[inside[-1]]
    extreme = min if feature.pick == "low" else max
    return behind[extreme(inside, key=lambda i: series.values[i])]


def _time(measurement: Measurement | None) -> datetime | None:
    return None if measurement is None else measurement.at
