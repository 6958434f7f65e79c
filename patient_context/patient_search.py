"""Finds patients by record number, or by family name and birth date, with the right of the user who asks.

What is typed is sent in the body of a POST, so it stands in no address and no log (FHIR R4, 3.1.1.2). A list that
could be incomplete is no list to choose from: too many matches, or a page that cannot be read, bring none.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final
from urllib.parse import urlencode

import requests

from model.snapshot import Sex
from patient_context.bundles import is_bundle, is_failure, is_outcome, next_link, unpack
from patient_context.errors import UpstreamRefused, UpstreamUnavailable
from patient_context.fhir_server import FhirServer, ReadFailed
from patient_context.mapping import snapshot_from_resources
from patient_context.reader import FhirAccess
from patient_context.reading import DEFAULT_READING, SiteReading
from patient_context.results import Result
from patient_context.shapes import Json, fhir_id, objects, text

MOST_FOUND: Final = 20
_MOST_PAGES: Final = 5
_DEADLINE_SECONDS: Final = 15.0
_NOT_IMPLEMENTED: Final = 501


@dataclass(frozen=True, slots=True)
class PatientQuery:
    """What is searched for: a record number, or a family name with a birth date."""

    identifier: str | None = field(default=None, repr=False)
    family: str | None = field(default=None, repr=False)
    birth_date: date | None = field(default=None, repr=False)

    def parameters(self) -> dict[str, str]:
        """Search parameters; FHIR's separators inside what was typed are escaped."""
        if self.identifier is not None:
            return {"identifier": _escaped(self.identifier)}
        born = self.birth_date.isoformat() if self.birth_date else ""
        return {"family": _escaped(self.family or ""), "birthdate": born}


@dataclass(frozen=True, slots=True)
class FoundPatient:
    """One match, in the words of the banner. `inactive`: the EHR no longer uses this record."""

    patient_id: str = field(repr=False)
    name: str | None = field(default=None, repr=False)
    birth_date: date | None = field(default=None, repr=False)
    sex: Sex | None = None
    record_number: str | None = field(default=None, repr=False)
    deceased: bool = False
    inactive: bool = False


@dataclass(frozen=True, slots=True)
class FoundPatients:
    """The matches, or `too_many` and none. `left_out` were sent by the EHR but are not what was asked for."""

    patients: tuple[FoundPatient, ...] = ()
    too_many: bool = False
    left_out: int = 0


def find_patients(
    access: FhirAccess,
    asked: PatientQuery,
    *,
    session: requests.Session,
    now: datetime,
    reading: SiteReading = DEFAULT_READING,
    deadline_seconds: float = _DEADLINE_SECONDS,
) -> FoundPatients:
    """Ask the EHR. Raises UpstreamRefused (it does not search for this user, or not in this way), and
    UpstreamUnavailable (network, 5xx, deadline, an answer that is not readable or not whole)."""
    server = FhirServer(access.base_url, access.access_token, session, time.monotonic() + deadline_seconds)
    found: dict[str, Json] = {}
    left_out = 0
    try:
        for resource in _matches(server, asked, reading):
            patient_id = fhir_id(resource.get("id"))
            if patient_id is None or not _is_asked_for(resource, asked):
                left_out += 1
                continue
            found.setdefault(patient_id, resource)
            if len(found) > MOST_FOUND:
                return FoundPatients(too_many=True)
    except _TooManyPages:
        return FoundPatients(too_many=True)
    except ReadFailed as failed:
        raise _as_upstream(failed) from None
    patients = (_patient(each, resource, now, reading) for each, resource in found.items())
    return FoundPatients(tuple(patients), left_out=left_out)


class _TooManyPages(Exception):
    """The EHR still has more after the pages that are read."""


def _matches(server: FhirServer, asked: PatientQuery, reading: SiteReading) -> Iterator[Json]:
    page = _first_page(server, asked, reading)
    for _ in range(_MOST_PAGES):
        if is_outcome(page) and not is_failure(page):
            return  # Epic's way to say that nothing was found
        if not is_bundle(page):
            raise ReadFailed("operation-outcome" if is_outcome(page) else "unreadable", 200)
        unpacked = unpack(page)
        if unpacked.failures:
            raise ReadFailed("operation-outcome", 200)
        found = (entry.resource for entry in unpacked.entries if entry.kind == "Patient")
        yield from (resource for resource in found if not isinstance(resource, Result))
        following = next_link(page)
        if following is None:
            return
        page = server.read_json(following)
    raise _TooManyPages


def _first_page(server: FhirServer, asked: PatientQuery, reading: SiteReading) -> Json:
    """Once more without `_count`, a wish that a strict server may refuse."""
    parameters = asked.parameters()
    try:
        return _ask(server, {**parameters, "_count": str(MOST_FOUND + 1)}, reading)
    except ReadFailed as failed:
        if failed.status != requests.codes.bad_request:
            raise
    return _ask(server, parameters, reading)


def _ask(server: FhirServer, parameters: Mapping[str, str], reading: SiteReading) -> Json:
    if reading.patient_search == "get":
        return server.read_json(f"Patient?{urlencode(parameters)}")
    return server.post_search("Patient", parameters)


def _is_asked_for(resource: Json, asked: PatientQuery) -> bool:
    """An EHR may pass over a parameter it does not know and send whoever it likes (FHIR R4, 3.1.1.1)."""
    if asked.identifier is not None:
        values = (text(each.get("value")) or "" for each in objects(resource.get("identifier")))
        return _plain(asked.identifier) in {_plain(value) for value in values}
    born = text(resource.get("birthDate")) or ""
    return asked.birth_date is not None and born[:10] == asked.birth_date.isoformat()


def _plain(number: str) -> str:
    """A record number as people mean it: without spaces, case and leading zeros."""
    return "".join(number.split()).casefold().lstrip("0")


def _patient(patient_id: str, resource: Json, now: datetime, reading: SiteReading) -> FoundPatient:
    whose = snapshot_from_resources([resource], patient_id=patient_id, read_at=now, reading=reading)
    return FoundPatient(
        patient_id=patient_id,
        name=whose.name,
        birth_date=whose.birth_date,
        sex=whose.sex,
        record_number=whose.record_number,
        deceased=whose.deceased,
        inactive=resource.get("active") is False,
    )


def _as_upstream(failed: ReadFailed) -> UpstreamRefused | UpstreamUnavailable:
    status = failed.status or 0
    if status != requests.codes.too_many_requests and (400 <= status < 500 or status == _NOT_IMPLEMENTED):
        return UpstreamRefused(status, "The EHR does not search for patients in this way, or for this user.")
    return UpstreamUnavailable(failed.code, "The EHR did not answer the search.")


def _escaped(typed: str) -> str:
    for separator in "\\,$|":
        typed = typed.replace(separator, f"\\{separator}")
    return typed
