"""Whose chart this is and when it was read (SL-48, SL-54)."""

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from app.presentation.wording import clock, day, machine_time
from model.snapshot import PatientSnapshot


@dataclass(frozen=True, slots=True)
class Banner:
    """Name and date of birth are always there; the rest is left out when the EHR shows its own banner."""

    name: str
    birth_line: str
    sex: str
    record_number: str
    ehr_name: str
    read_clock: str
    read_day: str
    read_iso: str
    time_zone: str
    compact: bool
    deceased: bool


def banner(snapshot: PatientSnapshot, *, ehr_name: str, zone: ZoneInfo, need_patient_banner: bool) -> Banner:
    """The banner of one reading of one chart."""
    return Banner(
        name=snapshot.name or "Name not in the chart",
        birth_line=_birth_line(snapshot.birth_date, snapshot.read_at.astimezone(zone)),
        sex=snapshot.sex.value if snapshot.sex else "not stated",
        record_number=snapshot.record_number or "not in the chart",
        ehr_name=ehr_name,
        read_clock=clock(snapshot.read_at, zone),
        read_day=day(snapshot.read_at.astimezone(zone)),
        read_iso=machine_time(snapshot.read_at),
        time_zone=zone.key,
        compact=not need_patient_banner,
        deceased=snapshot.deceased,
    )


def age_in_years(birth_date: date, on: datetime) -> int:
    """Completed years."""
    return on.year - birth_date.year - ((on.month, on.day) < (birth_date.month, birth_date.day))


def _birth_line(birth_date: date | None, on: datetime) -> str:
    if birth_date is None:
        return "not in the chart"
    return f"{day(birth_date)} ({age_in_years(birth_date, on)} y)"
