"""Bundles of every type, taken apart into resources; what surrounds them is noted, never followed.

Search results, collections, batch responses with Bundles inside, transactions, messages, documents and
histories all hold their resources in `entry[].resource`.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeGuard

import msgspec
from msgspec import Struct

from patient_context.results import Result, result_of
from patient_context.shapes import Json, codings, fhir_id, objects, text

MAX_RESOURCES: Final = 50_000
_EPIC_NO_RESULTS: Final = "4101"  # Epic reports an empty search as an OperationOutcome with this code (CH-18)
_EPIC_BREAK_THE_GLASS: Final = frozenset({"4130", "4131", "4134"})  # VN-13
_EPIC_SYSTEMS: Final = "urn:oid:1.2.840.114350."  # each customer has its own below it


class Entry(Struct, gc=False, rename={"full_url": "fullUrl"}):
    """One resource with its entry's fullUrl. An Observation is held as its record."""

    resource: Json | Result
    full_url: str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.resource, dict) and self.resource.get("resourceType") == "Observation":
            self.resource = result_of(self.resource)

    @property
    def kind(self) -> Any:
        """The resource's type, as given."""
        return "Observation" if isinstance(self.resource, Result) else self.resource.get("resourceType")

    @property
    def id(self) -> str | None:
        """The resource's id, if it is well-formed."""
        return fhir_id(self.resource.id if isinstance(self.resource, Result) else self.resource.get("id"))

    @property
    def reference(self) -> str | None:
        """ "Type/id" of a resource with a well-formed id."""
        resource = self.resource
        if isinstance(resource, Result):
            found = fhir_id(resource.id)
            return f"Observation/{found}" if found else None
        kind, found = resource.get("resourceType"), fhir_id(resource.get("id"))
        return f"{kind}/{found}" if found and isinstance(kind, str) else None


class ResultEntry(Entry, gc=False):
    """An entry that holds an Observation."""

    resource: Result


class ResultBundle(Struct, gc=False):
    """A Bundle of Observations alone, none of them misshapen: of the Bundle, the members that are read."""

    resourceType: Literal["Bundle"]
    entry: list[ResultEntry] = []
    type: Any = None
    total: Any = None
    link: Any = None

    def unpackable(self) -> Json:
        """As `unpack` takes it."""
        return msgspec.structs.asdict(self)


@dataclass(slots=True)
class Unpacked:
    """The resources of a Bundle; whether it has a next page, falls short of its total, or was cut at the cap."""

    entries: list[Entry] = field(default_factory=list)
    failures: int = 0
    has_next: bool = False
    falls_short: bool = False
    capped: bool = False
    ignored: Counter[str] = field(default_factory=Counter)


def is_bundle(value: Any) -> TypeGuard[Json]:
    """Whether a JSON value claims to be a Bundle."""
    return isinstance(value, dict) and value.get("resourceType") == "Bundle"


def is_outcome(value: Any) -> TypeGuard[Json]:
    """Whether a JSON value claims to be an OperationOutcome."""
    return isinstance(value, dict) and value.get("resourceType") == "OperationOutcome"


def is_failure(outcome: Json) -> bool:
    """Whether an OperationOutcome reports a failure rather than a warning or an empty result."""
    issues = objects(outcome.get("issue"))
    if any(code == _EPIC_NO_RESULTS for issue in issues for _, code in codings(issue.get("details"))):
        return False
    return not issues or any(issue.get("severity") not in ("warning", "information") for issue in issues)


def is_protected(outcome: Json) -> bool:
    """Whether an OperationOutcome says that the user must first "break the glass" in the EHR."""
    coded = (pair for issue in objects(outcome.get("issue")) for pair in codings(issue.get("details")))
    return any(code in _EPIC_BREAK_THE_GLASS and system.startswith(_EPIC_SYSTEMS) for system, code in coded)


def next_link(bundle: Json) -> str | None:
    """The address of the next page, as given."""
    return next(
        (text(link.get("url")) for link in objects(bundle.get("link")) if link.get("relation") == "next"), None
    )


def unpack(bundle: Json) -> Unpacked:
    """Every resource of a Bundle and of the Bundles inside it; an entry may be an `Entry` already."""
    found = Unpacked()
    waiting = [bundle]
    while waiting:
        current = waiting.pop()
        found.has_next = found.has_next or next_link(current) is not None
        before = len(found.entries)
        for entry in _entries(current, found.ignored):
            if len(found.entries) >= MAX_RESOURCES:
                found.capped = True
                return found
            resource = entry.resource
            if isinstance(resource, Result):
                found.entries.append(entry)
            elif is_bundle(resource):
                waiting.append(resource)
            elif is_outcome(resource):
                found.ignored["operation-outcome"] += 1
                found.failures += is_failure(resource)
            else:
                found.entries.append(entry)
        total = current.get("total")
        if current.get("type") == "searchset" and isinstance(total, int) and not isinstance(total, bool):
            found.falls_short = found.falls_short or total > len(found.entries) - before
    return found


def _entries(bundle: Json, ignored: Counter[str]) -> Iterator[Entry]:
    listed = bundle.get("entry")
    for entry in listed if isinstance(listed, list) else []:
        if isinstance(entry, Entry):
            yield entry
            continue
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if isinstance(resource, dict):
            yield Entry(resource, text(entry["fullUrl"]) if "fullUrl" in entry else None)
        else:
            ignored["entry-without-resource"] += 1
            # A failed part of a batch says so in its response.
            response = entry.get("response") if isinstance(entry, dict) else None
            if isinstance(response, dict) and is_outcome(response.get("outcome")):
                yield Entry(response["outcome"])
