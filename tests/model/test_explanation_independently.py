"""The reasons shown against Shapley's definition, by a reader of the artifact's files that shares no scoring code.

The game: a coalition of features is scored as if all others were unknown. What a feature is owed is its mean
contribution over every order in which the features can become known.
"""

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

import model
from model.artifact import load_bundled_model
from model.feature_list import FEATURE_BY_ID
from model.features import feature_values
from model.risk import Head
from tests.builders.timelines import NOW, SEPTIC, chart, timeline

BUNDLED = Path(model.__file__).parent / "bundled"
MODEL = load_bundled_model()
HEADS = [head for head in (MODEL.onset_head, MODEL.progression_head) if head is not None]
Values = Mapping[str, float]


def tables_of(head: Head) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((BUNDLED / f"{head.id}.json").read_text(encoding="utf-8"))
    return content


def level(edges: list[float], value: float) -> int:
    return sum(edge <= value for edge in edges)


def worth(tables: dict[str, Any], values: Values, known: Collection[str]) -> float:
    """The score when only `known` is known."""
    total = [tables["base_log_odds"]]
    for shape in tables["shapes"]:
        name = shape["feature"]
        if name in known:
            total.append(shape["log_odds"][level(shape["edges"], values[name])])
    for pair in tables["pairs"]:
        one, two = pair["features"]
        if one in known and two in known:
            row = pair["log_odds"][level(pair["edges"][0], values[one])]
            total.append(row[level(pair["edges"][1], values[two])])
    return math.fsum(total)


def owed(tables: dict[str, Any], values: Values, players: list[str]) -> dict[str, float]:
    """Shapley values by enumerating every coalition of `players`, with no assumption on what interacts."""
    count = len(players)
    coalitions = [frozenset(c) for size in range(count + 1) for c in combinations(players, size)]
    score = {coalition: worth(tables, values, coalition) for coalition in coalitions}
    weight = [math.factorial(s) * math.factorial(count - s - 1) / math.factorial(count) for s in range(count)]
    return {
        player: math.fsum(weight[len(c)] * (score[c | {player}] - score[c]) for c in coalitions if player not in c)
        for player in players
    }


def septic_values(head: Head) -> dict[str, float]:
    names = [shape.feature.id for shape in head.shapes]
    found = feature_values([FEATURE_BY_ID[name] for name in names], timeline(SEPTIC), 0.0)
    return {name: value for name, value in zip(names, found, strict=True) if not math.isnan(value)}


def entangled(head: Head, values: Values, count: int) -> list[str]:
    """Known features that interact most, then others, `count` in all."""
    partners = [head.shapes[i].feature.id for pair in head.pairs for i in (pair.first, pair.second)]
    names = sorted(values, key=lambda name: (-partners.count(name), name))
    return names[:count]


@pytest.mark.parametrize("head", HEADS, ids=lambda head: head.id)
def test_the_score_is_the_files_tables_added_up(head: Head) -> None:
    values = septic_values(head)
    scored = head.scored(timeline(SEPTIC), 0.0)
    assert worth(tables_of(head), values, values) == pytest.approx(head.log_odds(scored), abs=1e-12)


@pytest.mark.parametrize("head", HEADS, ids=lambda head: head.id)
def test_each_features_share_is_its_shapley_value_by_enumeration(
    head: Head, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = septic_values(head)
    players = entangled(head, values, 9)
    expected = owed(tables_of(head), values, players)
    unknown = [math.nan if s.feature.id not in players else values[s.feature.id] for s in head.shapes]
    monkeypatch.setattr("model.risk.feature_values", lambda *_: unknown)
    shares = {feature.id: share for feature, value, share in head.scored(timeline(SEPTIC), 0.0) if value == value}
    assert shares.keys() == expected.keys()
    for name, share in shares.items():
        assert share == pytest.approx(expected[name], abs=1e-12), name


def test_the_enumeration_meets_pairs_that_matter() -> None:
    """Otherwise the test above could not tell a halved pair from one given to either side."""
    head = MODEL.onset_head
    values = septic_values(head)
    players = entangled(head, values, 9)
    alone = {name: worth(tables_of(head), values, [name]) - head.base_log_odds for name in players}
    expected = owed(tables_of(head), values, players)
    assert sum(abs(expected[name] - alone[name]) > 1e-3 for name in players) >= 4


def test_an_unequal_split_of_a_pair_would_be_noticed() -> None:
    head = MODEL.onset_head
    tables, values = tables_of(head), septic_values(head)
    pair = next(p for p in tables["pairs"] if set(p["features"]) <= values.keys())
    one, two = pair["features"]
    alone = {"base_log_odds": 0.0, "shapes": [], "pairs": [pair]}
    whole = worth(alone, values, [one, two])
    assert owed(alone, values, [one, two]) == pytest.approx({one: whole / 2.0, two: whole / 2.0})


@pytest.mark.parametrize("head", HEADS, ids=lambda head: head.id)
def test_a_groups_share_on_the_page_is_the_sum_of_its_features_shapley_values(head: Head) -> None:
    """For a game without triples the mean over one order and its reverse is exact, so all features can play."""
    tables, values = tables_of(head), septic_values(head)
    shares = dict.fromkeys(values, 0.0)
    for order in (list(values), list(reversed(values))):
        for place, name in enumerate(order):
            gained = worth(tables, values, order[: place + 1]) - worth(tables, values, order[:place])
            shares[name] += gained / 2.0
    by_group: dict[str, float] = {}
    for name, share in shares.items():
        concept = FEATURE_BY_ID[name].concept
        by_group[concept] = by_group.get(concept, 0.0) + share
    made = replace(MODEL, onset_head=head)
    found = made.onset(chart(SEPTIC), now=NOW)
    assert {c.feature: c.log_odds for c in found.contributions} == pytest.approx(by_group, abs=1e-9)  # type: ignore[union-attr]
