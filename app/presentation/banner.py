"""Whose chart this is and when it was read (SL-48, SL-54)."""

from dataclasses import dataclass
from datetime import date, datetime

from app.presentation.wording import Wording, machine_time
from model.sentences import Sentence
from model.snapshot import PatientSnapshot, Sex

_SEX_WORDS = {Sex.FEMALE: Sentence("female"), Sex.MALE: Sentence("male")}


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


def banner(snapshot: PatientSnapshot, say: Wording, *, ehr_name: str, need_patient_banner: bool) -> Banner:
    """The banner of one reading of one chart."""
    return Banner(
        name=snapshot.name or say.gettext("Name not in the chart"),
        birth_line=_birth_line(snapshot, say),
        sex=say.sentence(_SEX_WORDS[snapshot.sex]) if snapshot.sex else say.gettext("not stated"),
        record_number=snapshot.record_number or say.gettext("not in the chart"),
        ehr_name=ehr_name,
        read_clock=say.clock(snapshot.read_at),
        read_day=say.day(snapshot.read_at),
        read_iso=machine_time(snapshot.read_at),
        time_zone=say.zone.key,
        compact=not need_patient_banner,
        deceased=snapshot.deceased,
    )


def age_in_years(birth_date: date, on: datetime) -> int:
    """Completed years."""
    return on.year - birth_date.year - ((on.month, on.day) < (birth_date.month, birth_date.day))


def _birth_line(snapshot: PatientSnapshot, say: Wording) -> str:
    born, on = snapshot.birth_date, snapshot.read_at.astimezone(say.zone)
    if born is not None:
        return say.gettext("{day} ({years} y)", day=say.day(born), years=age_in_years(born, on))
    if any(one.code.startswith("birth-date") for one in snapshot.rejected):
        return say.gettext("in the chart, but not usable")
    return say.gettext("not in the chart")
