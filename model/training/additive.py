"""Additive boosting by sums: shape functions, then a few pairwise tables, one Newton step at a time.

Every step needs only, per bin, the sum of gradients and of curvatures: what hospitals could exchange without
sharing a patient. Code 0 is "unknown" and its value is 0 by construction. Each update is centred over the
known values, so that no constant can hide in a shape and be had by merely being measured.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class BoostingPlan:
    """How long and how boldly to boost. Fixed before any test hospital is opened (DECISIONS.md)."""

    rounds: int = 30
    pair_rounds: int = 30
    pairs: int = 20
    learning_rate: float = 0.05
    ridge: float = 20.0
    pair_ridge: float = 60.0
    least_curvature: float = 20.0
    seed: int = 20190


@dataclass(frozen=True, slots=True)
class AdditiveFit:
    """Fitted tables: `shapes[j][code]`, `tables[k][code_i, code_j]`; code 0 is unknown and always 0."""

    intercept: float
    shapes: list[Floats]
    pairs: list[tuple[int, int]]
    tables: list[Floats]

    def log_odds(self, codes: Codes, pair_codes: Codes) -> Floats:
        """Scores of rows given as codes, features by rows."""
        score = np.full(codes.shape[1], self.intercept)
        for shape, column in zip(self.shapes, codes, strict=True):
            score += shape[column]
        for (i, j), table in zip(self.pairs, self.tables, strict=True):
            score += table[pair_codes[i], pair_codes[j]]
        return score


def sigmoid(score: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-score)), dtype=np.float64)


class _Booster:
    """The running score and its gradients over one training set."""

    def __init__(self, target: Floats, plan: BoostingPlan) -> None:
        self.target, self.plan = target, plan
        rate = float(target.mean())
        self.intercept = float(np.log(rate / (1.0 - rate)))
        self.score = np.full(target.shape, self.intercept)
        self.refresh()

    def refresh(self) -> None:
        risk = sigmoid(self.score)
        self.gradient = risk - self.target
        self.curvature = risk * (1.0 - risk)

    def add(self, values: Floats, codes: Codes) -> None:
        self.score += values[codes]
        self.refresh()

    def recentre(self) -> None:
        """One Newton step on the intercept."""
        step = -self.gradient.sum() / self.curvature.sum()
        self.intercept += float(step)
        self.score += step
        self.refresh()

    def sums(self, codes: Codes, size: int) -> tuple[Floats, Floats]:
        return (
            np.bincount(codes, self.gradient, size).astype(np.float64),
            np.bincount(codes, self.curvature, size).astype(np.float64),
        )


def _stump(gradient: Floats, curvature: Floats, directions: Codes, plan: BoostingPlan) -> Floats | None:
    """The best two-level step over the known bins, centred over them; None when no cut may be made.

    A cut needs enough patients on both sides and, where `directions` has +1 or -1, must step that way. Sums of
    steps that each keep their way keep it too, so the constraint costs hospitals nothing to exchange.
    """
    g_left, h_left = np.cumsum(gradient)[:-1], np.cumsum(curvature)[:-1]
    g_right, h_right = gradient.sum() - g_left, curvature.sum() - h_left
    left, right = -g_left / (h_left + plan.ridge), -g_right / (h_right + plan.ridge)
    gain = -(g_left * left + g_right * right)
    allowed = (h_left >= plan.least_curvature) & (h_right >= plan.least_curvature)
    allowed &= directions * (right - left) >= 0.0
    if not allowed.any():
        return None
    cut = int(np.argmax(np.where(allowed, gain, -np.inf)))
    step = np.where(np.arange(len(gradient)) <= cut, left[cut], right[cut])
    return np.asarray(plan.learning_rate * (step - np.average(step, weights=curvature)), dtype=np.float64)


def fit_additive(
    codes: Codes,
    pair_codes: Codes,
    target: Floats,
    sizes: list[int],
    pair_sizes: list[int],
    directions: list[Codes],
    plan: BoostingPlan,
    pairs: list[tuple[int, int]] | None = None,
) -> AdditiveFit:
    """Boost one shape per feature in turn, round after round, then `plan.pairs` interaction tables.

    `codes` are features by rows, from 0 (unknown) to `sizes[j] - 1`; `target` lies between 0 and 1.
    `directions[j]` says per cut which way the shape may step (+1, -1, 0 for either); only features free in every
    cut may enter a pair, lest its table undo what the shape keeps. `pairs` given are taken as they are.
    """
    booster = _Booster(target, plan)
    shapes = [np.zeros(size) for size in sizes]
    order = np.random.default_rng(plan.seed)
    varying = [j for j, size in enumerate(sizes) if size > 2]
    for _ in range(plan.rounds):
        for j in order.permutation(varying):
            _boost_shape(booster, codes[j], shapes[j], directions[j])
        booster.recentre()
    if pairs is None:
        free = [j for j in range(len(sizes)) if not directions[j].any()]
        pairs = choose_pairs(booster, pair_codes, pair_sizes, free)
    tables = [np.zeros((pair_sizes[i], pair_sizes[j])) for i, j in pairs]
    cells = [_cells(pair_codes, pair, table.shape[1]) for pair, table in zip(pairs, tables, strict=True)]
    for _ in range(plan.pair_rounds if pairs else 0):
        for codes_k, table in zip(cells, tables, strict=True):
            _boost_table(booster, codes_k, table)
        booster.recentre()
    return AdditiveFit(booster.intercept, shapes, pairs, tables)


def _boost_shape(booster: _Booster, codes: Codes, shape: Floats, directions: Codes) -> None:
    gradient, curvature = booster.sums(codes, len(shape))
    step = _stump(gradient[1:], curvature[1:], directions, booster.plan)
    if step is not None:
        values = np.concatenate([[0.0], step])
        shape += values
        booster.add(values, codes)


def _cells(pair_codes: Codes, pair: tuple[int, int], width: int) -> Codes:
    """One code per cell; every cell with an unknown side becomes cell 0."""
    first, second = pair_codes[pair[0]], pair_codes[pair[1]]
    return np.where((first == 0) | (second == 0), 0, first * width + second)


def _crosscut(gradient: Floats, curvature: Floats, plan: BoostingPlan) -> tuple[float, Floats] | None:
    """The best cross-cut of a table's known cells: its gain and the four-level step.

    The step is the pure interaction of a 2 x 2 table (+ - / - +, each inversely to its quadrant's curvature): it
    has no part that the two shapes alone could express, and its mean over the known cells is zero.
    """
    g, h = _quarters(gradient), np.maximum(_quarters(curvature), 1e-9)
    contrast = _SIGNS / h
    slope, spread = (contrast * g).sum(0), np.abs(contrast).sum(0)
    height = -slope / (spread + plan.pair_ridge * (contrast**2).sum(0))
    gain = -slope * height
    gain[h.min(0) < plan.least_curvature] = -np.inf
    row, column = np.unravel_index(int(np.argmax(gain)), gain.shape)
    if not np.isfinite(gain[row, column]):
        return None
    below = np.arange(gradient.shape[0])[:, None] > row
    beyond = np.arange(gradient.shape[1])[None, :] > column
    levels = plan.learning_rate * height[row, column] * contrast[:, row, column]
    return float(gain[row, column]), levels[2 * below + beyond]


_SIGNS = np.array([1.0, -1.0, -1.0, 1.0])[:, None, None]


def _quarters(cells: Floats) -> Floats:
    """Sums of the four quadrants of every cross-cut."""
    total = np.cumsum(np.cumsum(cells, 0), 1)
    low_low = total[:-1, :-1]
    low_high, high_low = total[:-1, -1:] - low_low, total[-1:, :-1] - low_low
    return np.stack([low_low, low_high, high_low, total[-1, -1] - low_low - low_high - high_low])


def _table_sums(booster: _Booster, codes: Codes, shape: tuple[int, int]) -> tuple[Floats, Floats]:
    gradient, curvature = booster.sums(codes, shape[0] * shape[1])
    return gradient.reshape(shape)[1:, 1:], curvature.reshape(shape)[1:, 1:]


def _boost_table(booster: _Booster, codes: Codes, table: Floats) -> None:
    found = _crosscut(*_table_sums(booster, codes, (table.shape[0], table.shape[1])), booster.plan)
    if found is not None:
        values = np.zeros_like(table)
        values[1:, 1:] = found[1]
        table += values
        booster.add(values.ravel(), codes)


def choose_pairs(booster: _Booster, pair_codes: Codes, sizes: list[int], free: list[int]) -> list[tuple[int, int]]:
    """The pairs of free features whose best cross-cut gains most beyond the shapes already fitted."""
    gains: list[tuple[float, int, int]] = []
    for i, j in combinations(free if booster.plan.pairs else (), 2):
        if min(sizes[i], sizes[j]) < 3:
            continue
        codes = _cells(pair_codes, (i, j), sizes[j])
        found = _crosscut(*_table_sums(booster, codes, (sizes[i], sizes[j])), booster.plan)
        if found is not None:
            gains.append((-found[0], i, j))
    return [(i, j) for _, i, j in sorted(gains)[: booster.plan.pairs]]
