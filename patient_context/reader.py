"""Read one patient's chart from an EHR: every query of the list at once, paged to its end, within a deadline.

The patient is compared with the one expected before anything is returned (FH-9). A query that fails or ends
early becomes an `Incomplete` of its key; a chart nobody could read becomes an exception. What is only shown is
asked in the same round and waited for a moment at most: without it the chart is whole (`not_read`).
"""

import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Final, TypeVar

import requests

from model.sentences import Sentence
from model.snapshot import Incomplete, PatientSnapshot
from patient_context.assembly import read_chart, snapshot_of
from patient_context.bundles import Entry
from patient_context.errors import (
    CHART_PROTECTED,
    ChartProtected,
    PatientMismatch,
    UpstreamRefused,
    UpstreamUnavailable,
)
from patient_context.fhir_server import FhirServer
from patient_context.pages import Answer, ask, medication_paths, read_medication
from patient_context.queries import QUERIES, FhirQuery, is_permitted, permits
from patient_context.reading import DEFAULT_READING, SiteReading
from patient_context.shapes import Json, fhir_id

_T = TypeVar("_T")
_PARALLEL: Final = 6
DEFAULT_DEADLINE_SECONDS: Final = 15.0
_GRACE_SECONDS: Final = 3.0  # how much longer than the assessment's data what is only shown may take


@dataclass(frozen=True, slots=True)
class FhirAccess:
    """An EHR's FHIR base and the right to read there. `scopes` None = unknown: ask and see."""

    base_url: str
    access_token: str | None = field(default=None, repr=False)
    scopes: frozenset[str] | None = None


def read(
    access: FhirAccess,
    *,
    patient_id: str,
    session: requests.Session,
    now: datetime,
    reading: SiteReading = DEFAULT_READING,
    only: Collection[str] | None = None,
    deadline_seconds: float = DEFAULT_DEADLINE_SECONDS,
    grace_seconds: float | None = None,
) -> PatientSnapshot:
    """The chart as of `now`; `only` limits it to some query keys.

    `grace_seconds` is how much longer than the rest what is only shown may take; by default a moment.

    Raises UpstreamUnavailable (network, 5xx, deadline), UpstreamRefused (401; 403 or 404 for the patient),
    ChartProtected and PatientMismatch. Everything less becomes the snapshot's `incomplete` or `not_read`.
    """
    if fhir_id(patient_id) is None:
        raise UpstreamRefused(404, "The patient id is not a FHIR id.")
    wanted = [query.at_site(reading.local_codes) for query in QUERIES if only is None or query.key in only]
    server = FhirServer(access.base_url, access.access_token, session, time.monotonic() + deadline_seconds)
    permitted = [query for query in wanted if is_permitted(access.scopes, query)]
    grace = _GRACE_SECONDS if grace_seconds is None else grace_seconds
    answers = _ask_all(server, permitted, patient_id, now, grace)
    answers += [Answer(query, failure="forbidden") for query in wanted if query not in permitted]
    _require_usable(answers)
    entries = [Entry(resource) for answer in answers for resource in answer.resources]
    if permits(access.scopes, "Medication", "r"):
        entries += [Entry(resource) for resource in _separate_medications(server, answers)]
    chart = read_chart(entries, patient_id=patient_id, read_at=now, reading=reading, base_url=access.base_url)
    gaps = [(answer.query, gap) for answer in answers if (gap := _gap(answer)) is not None]
    return snapshot_of(
        chart,
        patient_id=patient_id,
        incomplete=[gap for query, gap in gaps if not query.shown_only],
        not_read=[gap for query, gap in gaps if query.shown_only],
    )


def _ask_all(
    server: FhirServer, queries: list[FhirQuery], patient_id: str, now: datetime, grace: float
) -> list[Answer]:
    """All answers, in the order of the list. A query still running at the deadline is given up."""
    needed = sum(not query.shown_only for query in queries)  # they come first in the list
    calls: list[Callable[[], Answer]] = [partial(ask, server, query, patient_id, now) for query in queries]
    found = _in_parallel(server, calls, needed, grace)
    return [answer or Answer(query, failure="timeout") for query, answer in zip(queries, found, strict=True)]


def _in_parallel(
    server: FhirServer, calls: "list[Callable[[], _T]]", needed: int | None = None, grace: float = 0.0
) -> "list[_T | None]":
    """The results in order; None for a call that had not returned in time.

    In time is by the deadline, and for those beyond the first `needed` no more than `grace` seconds after these.
    """
    pool = ThreadPoolExecutor(max_workers=_PARALLEL, thread_name_prefix="fhir-read")
    try:
        running = [pool.submit(copy_context().run, call) for call in calls]  # the log's request id goes along
        first = len(running) if needed is None else needed
        wait(running[:first], timeout=server.seconds_left())
        wait(running[first:], timeout=min(grace, server.seconds_left()))
        return [future.result() if future.done() else None for future in running]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _require_usable(answers: list[Answer]) -> None:
    """Raise what makes the whole chart unreadable."""
    answers = [answer for answer in answers if not answer.query.shown_only]
    if any(answer.status == 401 for answer in answers):
        raise UpstreamRefused(401, "The EHR no longer accepts the session's token.")
    for answer in answers:
        if answer.query.is_read:
            _require_patient(answer)
    if answers and all(answer.failure for answer in answers):
        if any(answer.failure == CHART_PROTECTED for answer in answers):
            raise ChartProtected
        if all(answer.failure == "forbidden" for answer in answers):
            raise UpstreamRefused(403, "The EHR does not permit reading this chart.")
        raise UpstreamUnavailable(answers[0].failure or "unavailable", "The EHR did not answer any query.")


def _require_patient(answer: Answer) -> None:
    if answer.failure == CHART_PROTECTED:
        raise ChartProtected
    if answer.failure == "forbidden" or answer.status in (404, 410):
        raise UpstreamRefused(answer.status or 403, "The EHR does not give access to this patient.")
    if answer.failure:
        raise UpstreamUnavailable(answer.failure, "The EHR did not answer with the patient.")
    if answer.wrong_patient:
        raise PatientMismatch("patient-mismatch", "The EHR answered with another patient than the one asked for.")


def _separate_medications(server: FhirServer, answers: list[Answer]) -> list[Json]:
    """Orders first; what was given mostly names the same drugs."""
    kinds = ("MedicationRequest", "MedicationAdministration")
    pages = (one.resources for kind in kinds for one in answers if one.query.resource_type == kind)
    paths = medication_paths(resource for page in pages for resource in page)
    calls: list[Callable[[], Json | None]] = [partial(read_medication, server, path) for path in paths]
    answered = _in_parallel(server, calls)
    return [medication for medication in answered if medication is not None]


_SENTENCES: Final = {
    "forbidden": Sentence("The EHR does not permit reading this part of the chart."),
    CHART_PROTECTED: Sentence("This part of the chart is protected: open it in the EHR first (break-the-glass)."),
    "not-found": Sentence("The EHR does not offer this part of the chart."),
    "timeout": Sentence("The EHR did not answer in time."),
    "unavailable": Sentence("The EHR could not answer."),
    "unreadable": Sentence("The EHR's answer was not readable FHIR."),
    "operation-outcome": Sentence("The EHR reported an error."),
}


def _gap(answer: Answer) -> Incomplete | None:
    if answer.failure:
        return Incomplete(
            answer.query.key, answer.failure, _SENTENCES.get(answer.failure, _SENTENCES["unavailable"])
        )
    if answer.cut_short:
        return Incomplete(
            answer.query.key,
            "partial",
            Sentence("{why} Pages read: {pages}.", why=answer.cut_short, pages=answer.pages),
        )
    return None
