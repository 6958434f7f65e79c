"""Age turns on the birthday, in every time zone."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from model.age import age_days, age_years

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("birth", "completed"),
    [
        (date(2008, 3, 10), 18),
        (date(2008, 3, 11), 17),
        (date(2008, 3, 9), 18),
        (date(2008, 2, 29), 18),
        (date(2026, 3, 10), 0),
    ],
)
def test_a_year_is_completed_on_the_birthday_and_not_before(birth: date, completed: int) -> None:
    assert int(age_years(birth, NOON)) == completed


def test_born_on_29_february_turns_on_1_march_in_common_years() -> None:
    birth = date(2008, 2, 29)
    assert int(age_years(birth, datetime(2026, 2, 28, 12, tzinfo=UTC))) == 17
    assert age_years(birth, datetime(2026, 3, 1, 12, tzinfo=UTC)) == 18.0


def test_the_spelling_of_the_time_zone_changes_nothing() -> None:
    tokyo = NOON.astimezone(timezone(timedelta(hours=9)))
    hawaii = NOON.astimezone(timezone(timedelta(hours=-10)))
    assert {age_days(date(2026, 2, 10), moment) for moment in (NOON, tokyo, hawaii)} == {28}


def test_a_birth_date_ahead_gives_a_negative_age() -> None:
    assert age_days(date(2026, 3, 11), NOON) == -1
    assert age_years(date(2026, 3, 11), NOON) < 0
