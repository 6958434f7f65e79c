"""Which times count as in hospital."""

from datetime import timedelta

import pytest

from model.hospital_stays import hospital_times
from model.snapshot import Stay
from tests.builders.charts import NOW, days, hours


def stay(setting: str, start: timedelta | None, end: timedelta | None) -> Stay:
    """A stay from and to times before NOW."""
    return Stay(setting, "Encounter/1", None if start is None else NOW - start, None if end is None else NOW - end)


def number_at(stays: list[Stay], before: timedelta) -> int:
    return hospital_times(stays, NOW).stay_at((NOW - before).timestamp())


@pytest.mark.parametrize("setting", ["IMP", "ACUTE", "EMER", "OBSENC"])
def test_an_occupied_bed_is_in_hospital(setting: str) -> None:
    assert number_at([stay(setting, days(3), days(1))], days(2)) == 0


@pytest.mark.parametrize("setting", ["AMB", "VR", "HH", ""])
def test_a_visit_is_not(setting: str) -> None:
    assert number_at([stay(setting, days(3), days(1))], days(2)) == -1


@pytest.mark.parametrize(("before", "expected"), [(days(3), 0), (days(1), 0), (days(4), -1), (hours(23), -1)])
def test_both_ends_belong_to_the_stay(before: timedelta, expected: int) -> None:
    assert number_at([stay("IMP", days(3), days(1))], before) == expected


def test_stays_up_to_a_day_apart_are_one() -> None:
    transferred = [stay("EMER", days(5), days(4)), stay("IMP", days(3), days(1))]
    assert number_at(transferred, days(3.5)) == 0
    apart = [stay("EMER", days(5), days(4)), stay("IMP", days(3) - hours(1), days(1))]
    assert [number_at(apart, days(n)) for n in (4.5, 3.5, 2)] == [0, -1, 1]


def test_a_stay_inside_another_does_not_shorten_it() -> None:
    stays = [stay("IMP", days(10), days(1)), stay("ACUTE", days(8), days(7))]
    assert number_at(stays, days(3)) == 0


def test_a_stay_without_an_end_is_still_running() -> None:
    assert number_at([stay("IMP", days(3), None)], timedelta(0)) == 0


@pytest.mark.parametrize("start", [None, -hours(1)])
def test_a_stay_without_a_start_or_still_ahead_is_not_used(start: timedelta | None) -> None:
    assert hospital_times([stay("IMP", start, None)], NOW).starts == ()
