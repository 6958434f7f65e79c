"""KDIGO creatinine stages of a whole population in one pass over columns; offline only.

The same rules as `model.kdigo_creatinine`, for patients without stays, heights or supplied baselines and for
times to the second; the tests hold the two equal. The service never imports this: one chart is staged faster
without numpy.
"""

import numpy as np
from numpy.typing import NDArray

from model.baseline import WINDOW_7_D_SECONDS, WINDOW_48_H_SECONDS, WINDOW_365_D_SECONDS
from model.kdigo_creatinine import CEILING_MG_DL, RISE_MG_DL, TOLERANCE

UNKNOWN = -1
Floats = NDArray[np.float64]
Indexes = NDArray[np.int64]


def stage_population(group: NDArray[np.int64], seconds: Floats, mg_dl: Floats) -> NDArray[np.int8]:
    """The stage of every value, 0 to 3, or `UNKNOWN` where nothing earlier says.

    `group` is the patient. Rows must be sorted by group, then strictly ascending by time; raises ValueError
    otherwise, as for columns of different lengths or a value that is not a positive number.
    """
    _check(group, seconds, mg_dl)
    if not len(group):
        return np.empty(0, np.int8)
    start = _group_starts(group)
    clock = _one_clock(start, seconds)
    index = np.arange(len(group))
    week_from = np.maximum(np.searchsorted(clock, clock - WINDOW_7_D_SECONDS), start)
    two_days_from = np.maximum(np.searchsorted(clock, clock - WINDOW_48_H_SECONDS), start)
    year_from = np.maximum(np.searchsorted(clock, clock - WINDOW_365_D_SECONDS), start)
    levels = _lowest_levels(mg_dl, int((index - week_from).max()))
    lowest_48_h = _lowest(levels, two_days_from, index)
    reference = np.minimum(_lowest(levels, week_from, index), _medians(mg_dl, year_from, week_from))
    return _stages(mg_dl, reference, lowest_48_h)


def _stages(mg_dl: Floats, reference: Floats, lowest_48_h: Floats) -> NDArray[np.int8]:
    """Infinite references are those that are not there."""
    ratio = mg_dl / reference + TOLERANCE
    by_ratio = (ratio >= 1.5).astype(np.int8) + (ratio >= 2.0) + (ratio >= 3.0)
    in_aki = (by_ratio > 0) | (mg_dl - lowest_48_h >= RISE_MG_DL - TOLERANCE)
    stage = np.where(in_aki, np.maximum(by_ratio, 1), 0)
    stage[in_aki & (mg_dl >= CEILING_MG_DL - TOLERANCE)] = 3
    stage[np.isinf(reference)] = UNKNOWN
    return stage.astype(np.int8)


def _check(group: NDArray[np.int64], seconds: Floats, mg_dl: Floats) -> None:
    if not len(group) == len(seconds) == len(mg_dl):
        raise ValueError("group, seconds and mg_dl must be of one length")
    if not (np.isfinite(mg_dl).all() and (mg_dl > 0).all() and np.isfinite(seconds).all()):
        raise ValueError("every creatinine must be a positive number and every time a number")
    same = group[1:] == group[:-1]
    if not ((group[1:] > group[:-1]) | (same & (seconds[1:] > seconds[:-1]))).all():
        raise ValueError("rows must be sorted by group, then strictly ascending by time")


def _group_starts(group: NDArray[np.int64]) -> Indexes:
    """For each row, the index of its group's first row."""
    first = np.concatenate(([True], group[1:] != group[:-1]))
    starts = np.flatnonzero(first)
    return np.asarray(starts[np.cumsum(first) - 1], np.int64)


def _one_clock(start: Indexes, seconds: Floats) -> Floats:
    """Times since each group's first value, the groups laid one after another, so that all rows ascend."""
    since = seconds - seconds[start]
    last = np.flatnonzero(np.concatenate((start[1:] != start[:-1], [True])))
    lengths = since[last] + 2 * WINDOW_365_D_SECONDS
    offsets = np.concatenate(([0.0], np.cumsum(lengths)[:-1]))
    number = np.cumsum(np.concatenate(([0], start[1:] != start[:-1])))
    return np.asarray(since + offsets[number], np.float64)


def _lowest_levels(values: Floats, widest: int) -> list[Floats]:
    """Level k holds the lowest of the 2**k values from each row on (a sparse table)."""
    levels, width = [values], 1
    while 2 * width <= widest:
        before = levels[-1]
        levels.append(np.minimum(before[:-width], before[width:]))
        width *= 2
    return levels


def _lowest(levels: list[Floats], begin: Indexes, end: Indexes) -> Floats:
    """The lowest value of rows begin to end - 1; infinite where there are none."""
    lowest = np.full(len(begin), np.inf)
    length = end - begin
    for k, level in enumerate(levels):
        width = 2**k
        rows = np.flatnonzero((length >= width) & ((length < 2 * width) | (k == len(levels) - 1)))
        lowest[rows] = np.minimum(level[begin[rows]], level[end[rows] - width])
    return lowest


def _medians(values: Floats, begin: Indexes, end: Indexes) -> Floats:
    """The median of rows begin to end - 1; infinite where there are none. One pass for each length of window."""
    medians = np.full(len(begin), np.inf)
    length = end - begin
    by_length = np.argsort(length, kind="stable")
    edges = np.flatnonzero(np.diff(length[by_length], prepend=-1))
    for rows in np.split(by_length, edges[1:]):
        width = int(length[rows[0]])
        if width > 0:
            windows = values[begin[rows][:, np.newaxis] + np.arange(width)]
            windows.partition(width // 2, axis=1)
            middle = windows[:, width // 2]
            if width % 2 == 0:
                middle = (windows[:, : width // 2].max(axis=1) + middle) / 2
            medians[rows] = middle
    return medians
