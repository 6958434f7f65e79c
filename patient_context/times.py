"""FHIR dates and times, with their precision kept (FH-7).

What a window is measured on must be known to the minute. A date alone is kept as `day_only`; a month or a
year is refused. A time without an offset is read in the site's zone; where the clock went back and the same
reading happened twice, the hour is unknown and only the day is kept.
"""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final

from msgspec import Struct

from patient_context.results import Result
from patient_context.shapes import Refused

FUTURE_TOLERANCE: Final = timedelta(minutes=10)  # clocks of EHR, laboratory and ours differ

# The usual spellings, which datetime.fromisoformat reads alike; it alone would also take week dates and others.
_USUAL: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,12})?"
    r"(?:Z|[+-][0-9]{2}:[0-9]{2})"
).fullmatch
_MOMENT: Final = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)T(?P<minute>[01]\d:[0-5]\d|2[0-3]:[0-5]\d)"
    r"(?::(?P<second>[0-5]\d|60)(?:\.(?P<fraction>\d{1,12}))?)?(?P<offset>Z|[+-]\d\d:\d\d)?"
)
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
_COARSE: Final = re.compile(r"\d{4}(-\d\d)?")


class FhirTime(Struct, frozen=True, gc=False):
    """A moment in UTC. `day_only`: the day's start, the time of day unknown. `zone_assumed`: no offset."""

    at: datetime
    day_only: bool = False
    zone_assumed: bool = False

    @property
    def latest(self) -> datetime:
        """The last moment this time may stand for."""
        return self.at + timedelta(days=1, microseconds=-1) if self.day_only else self.at


def parse_time(value: Any, zone: tzinfo) -> FhirTime:
    """A FHIR date, dateTime or instant. Raises Refused: `time-too-coarse` or `time-not-understood`."""
    if not isinstance(value, str):
        raise Refused("time-not-understood", "The time is not a FHIR date or time.")
    try:
        if _USUAL(value):
            clock = datetime.fromisoformat(value)
            return FhirTime(clock if clock.tzinfo is UTC else clock.astimezone(UTC))
        if match := _MOMENT.fullmatch(value):
            return _moment(match, zone)
        if _DAY.fullmatch(value):
            return _day(value, zone)
    except (ValueError, OverflowError):  # 30 February, an offset of 99 hours, year 0
        raise Refused("time-not-understood", "The date does not exist.") from None
    if _COARSE.fullmatch(value):
        raise Refused("time-too-coarse", "The date is known only to the month or year.")
    raise Refused("time-not-understood", "The time is not a FHIR date or time.")


def _moment(match: re.Match[str], zone: tzinfo) -> FhirTime:
    day, minute, second, fraction, offset = match.groups()
    leap = second == "60"
    spelled = f"{day}T{minute}:{'59' if leap else second or '00'}"
    if fraction:
        spelled += f".{fraction[:6]:0<6}"
    clock = datetime.fromisoformat(spelled + (offset or ""))
    if leap:
        clock += timedelta(seconds=1)
    if offset:
        return FhirTime(clock.astimezone(UTC))
    return _on_local_clock(clock, day, zone)


def _on_local_clock(clock: datetime, day: str, zone: tzinfo) -> FhirTime:
    first, second = clock.replace(tzinfo=zone, fold=0), clock.replace(tzinfo=zone, fold=1)
    at = first.astimezone(UTC)
    if first.utcoffset() == second.utcoffset():
        return FhirTime(at, zone_assumed=True)
    if at.astimezone(zone).replace(tzinfo=None) != clock:
        raise Refused("time-not-understood", "The clock skipped this time when summer time began.")
    return _day(day, zone)  # the hour happened twice


def _day(value: str, zone: tzinfo) -> FhirTime:
    midnight = datetime.fromisoformat(value).replace(tzinfo=zone)
    return FhirTime(midnight.astimezone(UTC), day_only=True, zone_assumed=True)


def effective(result: Result) -> Any:
    """When the patient was so, as given: effectiveDateTime, effectivePeriod.end, effectiveInstant, else issued.

    Raises Refused `time-missing`. A time that is given but unusable is not replaced by `issued`.
    """
    given = result.effectiveDateTime
    if given is None and isinstance(result.effectivePeriod, dict):
        given = result.effectivePeriod.get("end")
    if given is None:
        given = result.effectiveInstant
    if given is None:
        given = result.issued
    if given is None:
        raise Refused("time-missing", "The result has no time.")
    return given


def optional_time(value: Any, zone: tzinfo) -> datetime | None:
    """The moment of a time that may be absent, coarse or broken, where nothing depends on it closely."""
    if value is None:
        return None
    try:
        return parse_time(value, zone).at
    except Refused:
        return None
