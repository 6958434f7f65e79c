"""Encounters -> time in intensive care: by code where one says so, else by the unit's name, and that is told.

An admission lists the places it led through, a part of it repeats them: each place counts once.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from model.snapshot import UnitStay
from patient_context.chart import Chart
from patient_context.shapes import Json, codings, concept_text, member, objects, text
from patient_context.times import optional_time

# Names checked November 2026 in published value sets: SNOMED CT's intensive care units, HL7 v3 RoleCode, and the
# departments of the German remuneration catalogue, in which everything from 3600 is intensive medicine.
_SNOMED_UNITS: Final = frozenset(
    {
        "309904001", "309905000", "309907008", "309908003", "309909006", "309910001", "309911002", "418433008",
        "426439001", "441994008", "448391000124102",
    }
)  # fmt: skip
_ROLE_CODES: Final = frozenset({"ICU", "PEDICU", "PEDNICU"})
_UNITS: Final = {
    "http://snomed.info/sct": _SNOMED_UNITS,
    "urn:oid:2.16.840.1.113883.6.96": _SNOMED_UNITS,
    "http://terminology.hl7.org/CodeSystem/v3-RoleCode": _ROLE_CODES,
}
_DEPARTMENTS: Final = "http://fhir.de/CodeSystem/dkgev/Fachabteilungsschluessel"
_GERMAN_INTENSIVE: Final = "36"

_NAMED: Final = re.compile(
    r"\b(?:intensive (?:care|therapy)|critical care|coronary care|icus?|[mscntp]icus?|cvicu|tsicu|picu|nicu|itu"
    r"|intensivstation\w*|intensivpflege\w*|intensivmedizin\w*|intensivtherapie\w*"
    r"|soins intensifs|r[ée]animation|terapia intensiva|rianimazione"
    r"|cuidados intensivos|medicina intensiva|uci|intensieve zorgen|intensive cares?)\b"
    r"|集中治療|ICU",
    re.IGNORECASE,
)
_NOT_A_STAY_THERE: Final = re.compile(
    r"\b(?:post|follow[- ]?up|clinic|outreach|step[- ]?down|intermediate|ambulan\w*)\b", re.IGNORECASE
)
_NOT_THERE: Final = frozenset({"planned", "reserved"})
_OUTSIDE: Final = frozenset({"AMB", "VR", "HH", "FLD"})

_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)


class _Seen(NamedTuple):
    """A unit recognised as intensive care."""

    name: str
    by_name: bool


def add_unit_stays(chart: Chart, encounter: Json, setting: str, source: str) -> None:
    """The intensive care of one encounter that happened: the places it names, else the encounter as a whole."""
    if setting in _OUTSIDE:
        return
    zone = chart.reading.time_zone
    places = list(_places(encounter))
    whole = _seen([*objects(encounter.get("serviceType")), *objects(encounter.get("type"))])
    if not places and whole is not None:
        places = [(whole, member(encounter, "period"))]
    for seen, period in places:
        start, end = (optional_time(period.get(name), zone) for name in ("start", "end"))
        end = end or optional_time(
            member(encounter, "period").get("end"), zone
        )  # it did not outlast the encounter
        chart.unit_stays.append(UnitStay(seen.name, source, start, end, seen.by_name))


def _places(encounter: Json) -> Iterator[tuple[_Seen, Json]]:
    listed = objects(encounter.get("location"))
    for place in listed:
        seen = _seen_place(encounter, member(place, "location"))
        if seen is None or text(place.get("status")) in _NOT_THERE:
            continue
        period = member(place, "period")
        if not period and len(listed) == 1:
            period = member(encounter, "period")  # its only place: it was there all the time
        yield seen, period


def _seen_place(encounter: Json, reference: Json) -> _Seen | None:
    """By the contained Location's type, else by the display of the reference."""
    target = text(reference.get("reference")) or ""
    held = next((one for one in objects(encounter.get("contained")) if f"#{one.get('id')}" == target), {})
    name = text(reference.get("display")) or text(held.get("name")) or ""
    coded = _seen(objects(held.get("type")))
    if coded is not None:
        return _Seen(name or coded.name, coded.by_name)
    return _Seen(name, by_name=True) if _is_named(name) else None


def _seen(concepts: Iterable[Any]) -> _Seen | None:
    found = list(concepts)
    for concept in found:
        if any(_is_unit(system, code) for system, code in codings(concept)):
            return _Seen(concept_text(concept), by_name=False)
    named = (words for concept in found if _is_named(words := concept_text(concept)))
    return next((_Seen(words, by_name=True) for words in named), None)


def _is_unit(system: str, code: str) -> bool:
    if system.startswith(_DEPARTMENTS):
        return code.startswith(_GERMAN_INTENSIVE)
    return code in _UNITS.get(system, ())


def _is_named(words: str) -> bool:
    return bool(_NAMED.search(words)) and not _NOT_A_STAY_THERE.search(words)


def distinct_stays(found: Iterable[UnitStay]) -> tuple[UnitStay, ...]:
    """Each time in a unit once, in order of time: an admission and its part tell of the same one."""
    kept: list[UnitStay] = []
    for stay in sorted(found, key=lambda one: (one.start_at or _EARLIEST, one.source, repr(one))):
        same = next((n for n, other in enumerate(kept) if _continues(other, stay)), None)
        if same is None:
            kept.append(stay)
        else:
            kept[same] = replace(kept[same], end_at=_later(kept[same].end_at, stay.end_at))
    return tuple(kept)


def _continues(earlier: UnitStay, later: UnitStay) -> bool:
    if (earlier.unit, earlier.by_name) != (later.unit, later.by_name):
        return False
    if earlier.start_at is None or later.start_at is None:
        return earlier.start_at is later.start_at and earlier.end_at == later.end_at
    return earlier.end_at is None or later.start_at <= earlier.end_at


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return None if one is None or other is None else max(one, other)
