"""The parts of an artifact, from their JSON. Whatever is not exactly what it should be raises ValueError.

KeyError, TypeError and the like may escape too: `model.artifact` turns all of them into a refusal.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from model.familiarity import Familiarity, Span
from model.feature_list import FEATURE_BY_ID
from model.risk import Categories, Head, PairTable, Shape
from model.spread import Deviations, Spread

LEAST_REPLICAS = 10


class UnknownFeature(ValueError):
    """The file names a feature this version does not compute."""


def head_from_json(content: Mapping[str, Any]) -> Head:
    """One head's tables."""
    return Head(
        id=content["id"],
        outcome=content["outcome"],
        horizon_hours=content["horizon_hours"],
        base_log_odds=_finite(content["base_log_odds"]),
        shapes=tuple(_shape(item) for item in content["shapes"]),
        pairs=tuple(_pair(item, [shape["feature"] for shape in content["shapes"]]) for item in content["pairs"]),
        categories=Categories(**content["categories"]),
    )


def familiarity_from_json(content: Mapping[str, Any], shapes: Sequence[Shape]) -> Familiarity:
    """The ranges of the training values of a head's features, every one of them."""
    spans = {shape.feature.id: _span(content["features"][shape.feature.id]) for shape in shapes}
    return Familiarity(spans, _count(content["unusual_concepts"]), _count(content["known_concepts"]))


def spread_from_json(content: Mapping[str, Any], head: Head) -> Spread:
    """A head's replicas; they must have its layout, and each place as many deviations as there are replicas."""
    base = _deviations(content["base"], len(content["base"]))
    spread = Spread(
        level=_finite(content["level"]),
        multiplier=_finite(content["multiplier"]),
        method=content["method"],
        base=base,
        shapes=tuple(_row(steps, len(base)) for steps in content["shapes"]),
        pairs=tuple(tuple(_row(row, len(base)) for row in table) for table in content["pairs"]),
    )
    same = [len(steps) for steps in spread.shapes] == [len(shape.log_odds) for shape in head.shapes]
    same &= [[len(row) for row in table] for table in spread.pairs] == [
        [len(row) for row in pair.log_odds] for pair in head.pairs
    ]
    if not same or len(base) < LEAST_REPLICAS or not 0.0 < spread.level < 1.0 or spread.multiplier <= 0.0:
        raise ValueError("the replicas do not have the layout of their head")
    return spread


def _shape(item: Mapping[str, Any]) -> Shape:
    feature = FEATURE_BY_ID.get(item["feature"])
    if feature is None:
        raise UnknownFeature(item["feature"])
    edges = tuple(_finite(edge) for edge in item["edges"])
    log_odds = tuple(_finite(height) for height in item["log_odds"])
    if len(log_odds) != len(edges) + 1 or not _ascends(edges):
        raise ValueError("a step function's edges do not ascend or do not match its heights")
    return Shape(feature, edges, log_odds)


def _pair(item: Mapping[str, Any], order: Sequence[str]) -> PairTable:
    """A pairwise table; its features are named in the file and become positions in the head."""
    first, second = (order.index(name) for name in item["features"])
    first_edges, second_edges = (tuple(_finite(edge) for edge in edges) for edges in item["edges"])
    rows = tuple(tuple(_finite(height) for height in row) for row in item["log_odds"])
    fits = len(rows) == len(first_edges) + 1 and all(len(row) == len(second_edges) + 1 for row in rows)
    if not (fits and _ascends(first_edges) and _ascends(second_edges)):
        raise ValueError("a pairwise table's edges do not ascend or do not match its heights")
    return PairTable(first, second, first_edges, second_edges, rows)


def _span(numbers: Sequence[Any]) -> Span:
    low, usual_low, usual_high, high = (_finite(number) for number in numbers)
    if not low <= usual_low <= usual_high <= high:
        raise ValueError("a training range does not ascend")
    return Span(low, usual_low, usual_high, high)


def _row(items: Sequence[Any], replicas: int) -> tuple[Deviations, ...]:
    return tuple(_deviations(item, replicas) for item in items)


def _deviations(items: Sequence[Any], replicas: int) -> Deviations:
    if len(items) != replicas or not all(type(one) is int for one in items):
        raise ValueError("a place has other deviations than one whole number per replica")
    return tuple(items)


def _count(number: Any) -> int:
    if type(number) is not int or number < 0:
        raise ValueError("a count is not a whole number")
    return number


def _ascends(edges: Sequence[float]) -> bool:
    return all(a < b for a, b in pairwise(edges))


def _finite(number: Any) -> float:
    if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
        raise ValueError("a weight is not a finite number")
    return float(number)
