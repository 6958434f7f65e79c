"""Urine output: rates over charted windows, never over silence."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.analytes import Analyte
from model.kdigo_urine import UrineStage, stage_urine
from model.snapshot import Comparator, Measurement
from tests.builders.charts import NOW, days, hours, result

KG_80 = [result(80.0, days(2), analyte=Analyte.WEIGHT)]


def urine(value: float, before: timedelta, source: str = "Observation/u", **facts: object) -> Measurement:
    return result(value, before, analyte=Analyte.URINE_OUTPUT, source=source, **facts)  # type: ignore[arg-type]


def hourly(count: int, millilitres: float) -> list[Measurement]:
    """`count` hours of charting up to now, opened by one entry."""
    return [urine(millilitres, hours(n), f"Observation/u{n}") for n in range(count + 1)]


def stages(volumes: Sequence[Measurement], weights: Sequence[Measurement] = KG_80) -> list[UrineStage]:
    return stage_urine(volumes, weights, NOW, max_interval_hours=2.0)


def last(volumes: Sequence[Measurement], weights: Sequence[Measurement] = KG_80) -> int | None:
    return stages(volumes, weights)[-1].stage


def test_the_first_entry_only_opens_the_chart() -> None:
    """Over how long the first volume was passed is unknown: a full bag must not hide oliguria."""
    volumes = [urine(2000.0, hours(6), "Observation/first"), *hourly(5, 10.0)]
    assert last(volumes) == 1


def test_a_volume_straddling_the_start_of_a_window_is_shared_by_time() -> None:
    """The entry of -5 h covers -7 h to -5 h: half of its 200 mL belongs to the 6 h window, which then has 0.26
    mL/kg/h less the rest."""
    volumes = [urine(0, hours(7)), urine(200, hours(5)), *hourly(4, 10.0)]
    assert last(volumes) == 1
    assert last([urine(0, hours(7)), urine(400, hours(5)), *hourly(4, 10.0)]) == 0


def test_two_outputs_at_one_time_add_up_and_one_read_twice_does_not() -> None:
    bladder = hourly(6, 30.0)
    drain = [urine(30.0, hours(n), f"Observation/d{n}") for n in range(7)]
    assert last(bladder) == 1
    assert last([*bladder, *drain]) == 0
    assert last([*bladder, *bladder]) == 1


@pytest.mark.parametrize(
    "facts",
    [
        {"comparator": Comparator.LESS_THAN},
        {"preliminary": True},
        {"day_only": True},
        {"known_after": hours(12)},
    ],
)
def test_an_entry_that_may_not_count_leaves_a_gap(facts: dict[str, object]) -> None:
    whole = hourly(6, 10.0)
    torn = [m for m in whole if m.at not in (NOW - hours(2), NOW - hours(3))]
    doubtful = [urine(10.0, hours(n), f"Observation/u{n}", **facts) for n in (2, 3)]
    assert last(whole) == 1
    assert last([*torn, *doubtful]) is None


def test_each_time_uses_the_weight_known_then() -> None:
    weights = [result(40.0, days(2), analyte=Analyte.WEIGHT), result(100.0, hours(3), analyte=Analyte.WEIGHT)]
    found = {stage.at: stage.stage for stage in stages(hourly(10, 30.0), weights)}
    assert (found[NOW - hours(4)], found[NOW]) == (0, 1)


def test_a_later_weight_serves_where_none_was_known_yet() -> None:
    assert last(hourly(6, 30.0), [result(80.0, timedelta(0), analyte=Analyte.WEIGHT)]) == 1


def test_oliguria_remembers_its_start_and_its_worst() -> None:
    final = stages(hourly(24, 20.0))[-1]
    assert final == UrineStage(NOW, 3, since=NOW - hours(18), peak=3)


def test_recovery_ends_the_oliguria() -> None:
    volumes = [urine(10.0, hours(n), f"Observation/u{n}") for n in range(8, 21)] + hourly(7, 200.0)
    assert stages(volumes)[-1] == UrineStage(NOW, 0)


@given(st.lists(st.integers(0, 200), min_size=8, max_size=40), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_the_order_of_entries_never_matters(millilitres: list[int], random: object) -> None:
    volumes = [urine(float(v), hours(n), f"Observation/u{n}") for n, v in enumerate(millilitres)]
    shuffled = list(volumes)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert stages(shuffled) == stages(volumes)


@given(st.lists(st.integers(0, 100), min_size=8, max_size=40), st.integers(0, 39), st.integers(1, 100))
@settings(deadline=None)
def test_more_urine_never_raises_a_stage(millilitres: list[int], where: int, more: int) -> None:
    def volumes(values: list[int]) -> list[Measurement]:
        return [urine(float(v), hours(n), f"Observation/u{n}") for n, v in enumerate(values)]

    richer = list(millilitres)
    richer[where % len(richer)] += more
    for before, after in zip(stages(volumes(millilitres)), stages(volumes(richer)), strict=True):
        assert (before.stage is None) == (after.stage is None)
        assert (after.stage or 0) <= (before.stage or 0)
