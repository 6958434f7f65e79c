"""What a vendor's FHIR server does to a search: what it refuses, what it ignores, what it adds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import quoteattr

from sandbox.errors import AccessDenied, RequestRefused
from sandbox.outcomes import outcome
from sandbox.vendor import VendorProfile

Resource = dict[str, Any]
Pairs = Sequence[tuple[str, str]]

NO_RESULTS = "4101"
_WHAT = frozenset({"category", "code", "combo-code", "_id"})
_TIMES = ("effectiveDateTime", "authoredOn", "recordedDate", "performedDateTime", "occurrenceDateTime", "sent")
_PERIODS = ("effectivePeriod", "performedPeriod", "period")


def check_type(profile: VendorProfile, type_: str) -> None:
    """Raises AccessDenied (403) for a type this client's registration lacks."""
    if type_ in profile.forbidden_types:
        raise AccessDenied(403, "forbidden", "This client is not registered for this API.")


def heard(profile: VendorProfile, type_: str, pairs: Pairs) -> list[tuple[str, str]]:
    """The parameters that count. Raises RequestRefused (400) for an Observation search that says not what."""
    names = {name.partition(":")[0] for name, _ in pairs}
    first_page = profile.next_link.parameter not in names
    if profile.observation_needs_what and type_ == "Observation" and first_page and not names & _WHAT:
        raise RequestRefused(400, "required", "An Observation search needs category or code.")
    return [(name, text) for name, text in pairs if name.partition(":")[0] not in profile.ignored_parameters]


def in_usual_order(profile: VendorProfile, found: list[Resource]) -> list[Resource]:
    """Matches nobody asked to sort, in the order this vendor sends them."""
    if profile.order == "stored":
        return found
    return sorted(found, key=_time_of, reverse=profile.order == "newest_first")


def _time_of(resource: Resource) -> str:
    for name in _TIMES:
        if name in resource:
            return str(resource[name])
    return next((str(resource[name].get("start", "")) for name in _PERIODS if name in resource), "")


def outcomes(profile: VendorProfile, *, found: int, ignored: Sequence[str]) -> list[Resource]:
    """The OperationOutcomes this vendor puts among the results (CH-18, VN-13)."""
    if not profile.outcome_entries:
        return []
    said = []
    if ignored:
        text = f"Unknown parameters were ignored: {', '.join(sorted(set(ignored)))}."
        said.append(outcome("not-supported", text, severity="information"))
    if not found:
        text = "Resource request returns no results."
        said.append(outcome("not-found", text, severity="warning", vendor_code=NO_RESULTS))
    return said


def to_xml(resource: Resource) -> str:
    """A resource in FHIR's XML form: enough of it for a CapabilityStatement."""
    name = resource["resourceType"]
    inner = "".join(_elements(key, value) for key, value in resource.items() if key != "resourceType")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{name} xmlns="http://hl7.org/fhir">{inner}</{name}>'


def _elements(name: str, value: Any) -> str:
    if isinstance(value, list):
        return "".join(_elements(name, item) for item in value)
    if isinstance(value, dict):
        url = f" url={quoteattr(value['url'])}" if name == "extension" else ""
        inner = (_elements(k, v) for k, v in value.items() if not (name == "extension" and k == "url"))
        return f"<{name}{url}>{''.join(inner)}</{name}>"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"<{name} value={quoteattr(text)}/>"
