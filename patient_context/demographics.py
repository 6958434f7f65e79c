"""The Patient resource -> age, sex and the banner's words. Nothing is guessed from a partial date."""

from datetime import date, datetime
from typing import Any, Final

from model.age import OLDEST_YEARS, age_years
from model.sentences import Sentence
from model.snapshot import Sex
from patient_context.chart import Chart
from patient_context.shapes import Json, Refused, first_code, member, objects, text
from patient_context.times import optional_time

#: A cohort is read as of this year, so that no date is too late; there an age at reading says nothing.
COHORT_YEAR: Final = 9000


def add_patient(chart: Chart, resource: Json, source: str) -> None:
    """Demographics of the one patient; an unusable birth date or sex is listed and left unknown."""
    try:
        chart.require_known_modifiers(resource)
    except Refused as refusal:
        chart.reject(source, refusal)
        return
    known = chart.demographics
    try:
        now = chart.read_at.astimezone(chart.reading.time_zone)
        known.birth_date = _birth_date(resource.get("birthDate"), now)
    except Refused as refusal:
        chart.reject(source, refusal)
    gender = resource.get("gender")
    known.sex = Sex(gender) if gender in ("female", "male") else None
    known.name = _name(resource)
    known.record_number = _record_number(resource)
    known.deceased = resource.get("deceasedBoolean") is True or _has_died(chart, resource.get("deceasedDateTime"))


def _has_died(chart: Chart, given: Any) -> bool:
    """A death after the time of assessment is not known yet; one whose date is unclear counts."""
    if text(given) is None:
        return False
    died_at = optional_time(given, chart.reading.time_zone)
    return died_at is None or died_at <= chart.latest_at


def _birth_date(value: Any, now: datetime) -> date | None:
    """The day, where a person of this `now` (on the site's clock) can have been born on it."""
    if value is None:
        return None
    if not isinstance(value, str) or len(value) < 10 or value[10:11] not in ("", "T"):
        raise Refused("birth-date-partial", "The birth date is not known to the day; age is left unknown.")
    try:
        born = date.fromisoformat(value[:10])
    except ValueError:
        raise Refused("birth-date-invalid", "The birth date does not exist.") from None
    if born > now.date():
        raise Refused("birth-date-invalid", "The birth date lies in the future.")
    if now.year < COHORT_YEAR and age_years(born, now) > OLDEST_YEARS:
        raise Refused(
            "birth-date-implausible",
            Sentence(
                "By the birth date the patient would be more than {years} years old; age is left unknown.",
                years=OLDEST_YEARS,
            ),
        )
    return born


def _name(resource: Json) -> str | None:
    names = objects(resource.get("name"))
    if not names:
        return None
    chosen = next((n for n in names if n.get("use") in ("official", "usual")), names[0])
    if whole := text(chosen.get("text")):
        return whole
    given = chosen.get("given")
    parts = [*(given if isinstance(given, list) else []), chosen.get("family")]
    return " ".join(p for p in parts if isinstance(p, str) and p) or None


def _record_number(resource: Json) -> str | None:
    identifiers = objects(resource.get("identifier"))
    for identifier in identifiers:
        if first_code(member(identifier, "type")) == "MR":
            return text(identifier.get("value"))
    return text(identifiers[0].get("value")) if len(identifiers) == 1 else None
