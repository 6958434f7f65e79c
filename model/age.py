"""Age from a birth date. Days are counted in UTC so that how `now` spells its time zone changes nothing."""

from datetime import UTC, date, datetime

ADULT_AGE_YEARS = 18
NEWBORN_DAYS = 28
#: Beyond it a birth date is a placeholder (1900-01-01) or a slip; the longest life on record is 122 years.
OLDEST_YEARS = 120


def age_days(birth_date: date, now: datetime) -> int:
    """Whole days lived at `now`; negative when the birth date lies ahead."""
    return (now.astimezone(UTC).date() - birth_date).days


def age_years(birth_date: date, now: datetime) -> float:
    """Completed years plus the part of the running year: exact on birthdays, 29 February included."""
    today = now.astimezone(UTC).date()
    years = today.year - birth_date.year - ((today.month, today.day) < (birth_date.month, birth_date.day))
    last = _birthday(birth_date, birth_date.year + years)
    following = _birthday(birth_date, birth_date.year + years + 1)
    return years + (today - last).days / (following - last).days


def _birthday(birth_date: date, year: int) -> date:
    """The day a year of age is completed; born on 29 February, it is 1 March in common years."""
    try:
        return birth_date.replace(year=year)
    except ValueError:
        return date(year, 3, 1)
