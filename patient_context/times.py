"""FHIR dates and times, with their precision kept (FH-7).

What a window is measured on must be known to the minute. A date alone is kept as `day_only`; a month or a
year is refused. A time without an offset is read in the site's zone; where the clock went back and the same
reading happened twice, the hour is unknown and only the day is kept.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final

from patient_context.shapes import Json, Refused, member

FUTURE_TOLERANCE: Final = timedelta(minutes=10)  # clocks of EHR, laboratory and ours differ

_MOMENT: Final = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)T(?P<minute>[01]\d:[0-5]\d|2[0-3]:[0-5]\d)"
    r"(?::(?P<second>[0-5]\d|60)(?:\.(?P<fraction>\d{1,12}))?)?(?P<offset>Z|[+-]\d\d:\d\d)?"
)
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
_COARSE: Final = re.compile(r"\d{4}(-\d\d)?")


@dataclass(frozen=True, slots=True)
class FhirTime:
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
        return FhirTime(clock if offset == "Z" else clock.astimezone(UTC))
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


def effective_time(resource: Json, zone: tzinfo) -> FhirTime:
    """When an Observation's patient was so: effectiveDateTime, effectivePeriod.end, effectiveInstant, issued.

    Raises Refused, also `time-missing`. A time that is given but unusable is refused, not replaced by `issued`.
    """
    given = resource.get("effectiveDateTime")
    if given is None:
        given = member(resource, "effectivePeriod").get("end")
    if given is None:
        given = resource.get("effectiveInstant")
    if given is None:
        given = resource.get("issued")
    if given is not None:
        return parse_time(given, zone)
    raise Refused("time-missing", "The result has no time.")


def optional_time(value: Any, zone: tzinfo) -> datetime | None:
    """The moment of a time that may be absent, coarse or broken, where nothing depends on it closely."""
    if value is None:
        return None
    try:
        return parse_time(value, zone).at
    except Refused:
        return None
