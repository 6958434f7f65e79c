"""One query, asked and paged to its end: what came, how many pages, and why it stopped early if it did (FH-3)."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from fhirclient.models.fhirsearch import FHIRSearch, FHIRSearchParam

from model.sentences import Sentence
from patient_context.bundles import is_bundle, is_failure, is_outcome, next_link, unpack
from patient_context.fhir_server import FhirServer, ReadFailed
from patient_context.queries import FhirQuery
from patient_context.results import Result
from patient_context.shapes import Json, fhir_id, member, text

MAX_PAGES: Final = 50
_MAX_MEDICATIONS: Final = 60
_RETRIED: Final = frozenset({"unreadable"})  # a login page or a cut-off answer may be better the second time
_OPTIONAL: Final = frozenset({"_sort", "_count"})  # wishes a strict server may refuse (VN-11)


@dataclass(slots=True)
class Answer:
    """What one query brought. `failure`: nothing usable came; `cut_short`: the first pages came, not all."""

    query: FhirQuery
    resources: list[Json | Result] = field(default_factory=list)
    pages: int = 0
    failure: str | None = None
    status: int | None = None
    cut_short: str | None = None
    wrong_patient: bool = False


class _ResourceType:
    """What FHIRSearch wants to know of a model class; importing the class would load half of FHIR."""

    def __init__(self, name: str) -> None:
        self.resource_type = name


def ask(server: FhirServer, query: FhirQuery, patient_id: str, now: datetime) -> Answer:
    """Run one query. Never raises for what the EHR answers."""
    answer = Answer(query)
    try:
        if query.is_read:
            _read_patient(server, patient_id, answer)
        else:
            _search(server, _search_path(query, patient_id, now), answer)
    except ReadFailed as failed:
        if failed.status == 400 and not query.is_read and answer.pages == 0:
            return _ask_plainly(server, query, patient_id, now)
        _note(answer, failed)
    return answer


def _ask_plainly(server: FhirServer, query: FhirQuery, patient_id: str, now: datetime) -> Answer:
    """The same without the wishes, for an EHR that refuses them."""
    answer = Answer(query)
    try:
        _search(server, _search_path(query, patient_id, now, without=_OPTIONAL), answer)
    except ReadFailed as failed:
        _note(answer, failed)
    return answer


def _note(answer: Answer, failed: ReadFailed) -> None:
    answer.status = failed.status
    if answer.pages:
        answer.cut_short = _CUT_SHORT.get(failed.code, Sentence("A later page could not be read."))
    else:
        answer.failure = failed.code


_CUT_SHORT: Final = {
    "timeout": Sentence("There was no time to read all pages."),
    "outside-base": Sentence("The next page lies at an address that is not the EHR's and was not visited."),
}


def _read_patient(server: FhirServer, patient_id: str, answer: Answer) -> None:
    found = _read_twice(server, f"Patient/{patient_id}")
    if is_outcome(found) or found.get("resourceType") != "Patient":
        answer.failure = "unreadable"
        return
    answer.wrong_patient = found.get("id") != patient_id
    answer.resources, answer.pages = [found], 1


def _search_path(query: FhirQuery, patient_id: str, now: datetime, *, without: Iterable[str] = ()) -> str:
    search = FHIRSearch(_ResourceType(query.resource_type))
    search.params = [
        FHIRSearchParam(n, v) for n, v in query.search_parameters(patient_id, now) if n not in without
    ]
    return str(search.construct())


def _search(server: FhirServer, path: str | None, answer: Answer) -> None:
    visited: set[str] = set()
    while path is not None:
        address = server.address_of(path)
        if address in visited:
            answer.cut_short = Sentence("The EHR's pages lead in a circle.")
            return
        if answer.pages >= MAX_PAGES:
            answer.cut_short = Sentence("There are more than {count} pages.", count=MAX_PAGES)
            return
        visited.add(address)
        path = _take_page(_read_twice(server, address), answer)


def _take_page(page: Json, answer: Answer) -> str | None:
    """Add a page's resources; the address of the next one."""
    if is_outcome(page) and not is_failure(page):
        answer.pages += 1
        return None
    if not is_bundle(page):
        raise ReadFailed("operation-outcome" if is_outcome(page) else "unreadable", 200)
    unpacked = unpack(page)
    if unpacked.failures and not unpacked.entries:
        raise ReadFailed("operation-outcome", 200)
    if unpacked.failures or unpacked.capped:
        answer.cut_short = Sentence("The EHR reported an error within the results.")
    answer.resources += [entry.resource for entry in unpacked.entries]
    answer.pages += 1
    following = next_link(page)
    total = page.get("total")
    if following is None and isinstance(total, int) and total > len(answer.resources):
        answer.cut_short = Sentence("The EHR counts more results than it sent.")
    return following


def _read_twice(server: FhirServer, path: str) -> Json:
    try:
        return server.read_json(path)
    except ReadFailed as failed:
        if failed.code not in _RETRIED:
            raise
        return server.read_json(path)


def medication_paths(orders: Iterable[Json | Result]) -> list[str]:
    """The Medications that orders point to instead of naming the drug, each once, the first of them (FH-11)."""
    references = (text(member(order, "medicationReference").get("reference")) or "" for order in orders)
    wanted = (r for r in references if r.startswith("Medication/") and fhir_id(r.removeprefix("Medication/")))
    return list(dict.fromkeys(wanted))[:_MAX_MEDICATIONS]


def read_medication(server: FhirServer, path: str) -> Json | None:
    """One Medication, or None where the EHR does not let us; the order's display then names the drug."""
    try:
        found = server.read_json(path)
    except ReadFailed:
        return None
    return found if found.get("resourceType") == "Medication" else None
