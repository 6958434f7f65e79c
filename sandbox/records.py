"""The FHIR server without HTTP: read, search and create, each under the bearer's access."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import parse_qsl

from sandbox import manners
from sandbox.bundles import PageStyle, entry, searchset
from sandbox.creating import check_new, parse_body
from sandbox.definitions import offered
from sandbox.errors import AccessDenied, RequestRefused
from sandbox.paging import Page, read_token
from sandbox.practitioners import find_practitioner
from sandbox.profiles import STANDARD
from sandbox.search import PageSizes, Pairs, Search, understand
from sandbox.store import PatientStore
from sandbox.vendor import VendorProfile

Resource = dict[str, Any]
_SIGNED_IN = "Practitioner"  # belongs to no patient
_NOT_IN_HOSPITAL = "outpatient"


class Access(Protocol):
    """What this server needs to know of a bearer (`sandbox.scopes.Access` has it)."""

    def permits(self, resource_type: str, interaction: str) -> bool:
        """Whether some scope gives `create`, `read` or `search` on the type."""

    def compartment(self, resource_type: str, interaction: str) -> str | None:
        """The only patient that may be touched, or None when a user or system scope lifts the limit."""

    @property
    def fhir_user(self) -> str | None:
        """`Practitioner/...` of who signed in; None for a backend service."""


@dataclass(frozen=True, slots=True)
class Records:
    """Answers FHIR interactions. Raises AccessDenied and RequestRefused, which the HTTP layer words."""

    store: PatientStore
    base_url: str
    practitioners: Mapping[str, Resource]
    profile: VendorProfile = STANDARD

    def read(self, access: Access, resource_type: str, resource_id: str) -> Resource:
        """One resource. To a patient's token another patient's resource does not exist."""
        _permit(access, resource_type, "read")
        if resource_type == _SIGNED_IN:
            found = self.practitioners.get(resource_id)
            if found is not None:
                return {**found, "meta": {"versionId": "1"}}
        else:
            owned = self.store.read(resource_type, resource_id)
            bound = access.compartment(resource_type, "read")
            if owned is not None and bound in (None, owned[0]) and not self._is_hidden(access, owned[0]):
                return owned[1]
        raise RequestRefused(404, "not-found", f"There is no such {resource_type} for this token.")

    def search(
        self,
        access: Access,
        resource_type: str,
        pairs: Pairs,
        *,
        strict: bool,
        sorted_: bool = True,
        overlap: int = 0,
    ) -> Resource:
        """A page of matches as a searchset Bundle; `pairs` are the query's or the form's parameters.

        `sorted_` and `overlap` are for simulated faults.
        """
        _permit(access, resource_type, "search")
        vendor = self.profile
        counted = manners.heard(vendor, resource_type, pairs)
        page = _page(counted, vendor.next_link.parameter)
        search = understand(
            resource_type,
            page.pairs,
            base_url=self.base_url,
            zone=self._zone,
            strict=strict and page.offset == 0,
            sizes=PageSizes(vendor.default_page, vendor.largest_page),
        )
        found = search.run(self._searchable(access, search), self._zone, sorted_=sorted_)
        if not (search.sort and sorted_):
            found = manners.in_usual_order(vendor, found)
        if page.offset and page.offset >= len(found):
            raise RequestRefused(410, "not-found", "This page link is not valid any more: search again.")
        repeated = max(overlap, vendor.repeats_across_pages)
        style = PageStyle(vendor.next_link, repeated, vendor.sends_total, vendor.total_is_estimate)
        bundle = searchset(self.base_url, search, found, page, style)
        said = manners.outcomes(
            vendor, found=len(found), ignored=[n for n, _ in pairs if n in vendor.ignored_parameters]
        )
        if said:
            added = [entry(self.base_url, outcome, mode="outcome") for outcome in said]
            bundle["entry"] = [*bundle.get("entry", []), *added]
        return bundle

    def create(
        self, access: Access, resource_type: str, body: bytes, *, at: datetime, unless: str = ""
    ) -> tuple[Resource, bool]:
        """Keep a new resource; returns it as kept, and whether it is new.

        `unless` is the search of a conditional create (If-None-Exist): one match is returned and nothing kept,
        several are refused with 412 (FHIR R4, 3.1.0.8.1).
        """
        if not offered(self.profile)[resource_type].creatable:
            raise RequestRefused(405, "not-supported", f"{resource_type} cannot be created here.")
        _permit(access, resource_type, "create")
        resource = parse_body(body)
        bound = access.compartment(resource_type, "create")
        patient_id = check_new(resource_type, resource, patient_id=bound, base_url=self.base_url)
        if unless and (held := self._matching(access, resource_type, unless, patient_id)) is not None:
            return held, False
        try:
            return self.store.create(patient_id, resource, at=at), True
        except KeyError as error:
            raise RequestRefused(422, "business-rule", "subject is not a patient of this server.") from error

    def _matching(self, access: Access, resource_type: str, query: str, patient_id: str) -> Resource | None:
        """The one resource of this patient that a conditional create names."""
        pairs = [("patient", patient_id), *parse_qsl(query.partition("?")[2] or query)]
        search = understand(resource_type, pairs, base_url=self.base_url, zone=self._zone, strict=True)
        if len(search.tests) < 2:
            raise RequestRefused(412, "incomplete", "If-None-Exist names nothing to search by.")
        found = search.run(self._searchable(access, search), self._zone)
        if len(found) > 1:
            raise RequestRefused(412, "multiple-matches", "If-None-Exist matches several resources.")
        return found[0] if found else None

    @property
    def _zone(self) -> Any:
        return self.store.now.tzinfo

    def _searchable(self, access: Access, search: Search) -> Iterable[Resource]:
        """What the search may look at: the launch patient's resources, or those of the patients it names."""
        type_ = search.definition.type
        if type_ == _SIGNED_IN:
            return [{**p, "meta": {"versionId": "1"}} for p in self.practitioners.values()]
        bound = access.compartment(type_, "search")
        named = frozenset.intersection(*search.patients) if search.patients else None
        if bound is not None:
            if named is not None and named != {bound}:
                raise AccessDenied(403, "forbidden", "The search names a patient this token was not given for.")
            return self.store.resources(bound, type_)
        if named is None and type_ != "Patient":
            raise RequestRefused(400, "too-costly", "Name the patient: patient=<id>.")
        patient_ids = sorted(named) if named is not None else self.store.patient_ids()
        seen = [each for each in patient_ids if not self._is_hidden(access, each)]
        return [r for patient_id in seen for r in self.store.resources(patient_id, type_)]

    def _is_hidden(self, access: Access, patient_id: str) -> bool:
        """Whether this user, with scopes for many patients, may not see this one: the EHR decides, not the app."""
        user = find_practitioner((access.fhir_user or "").removeprefix("Practitioner/"))
        if user is None or not user.inpatients_only or access.compartment("Patient", "read") is not None:
            return False
        try:
            return self.store.summary(patient_id).category == _NOT_IN_HOSPITAL
        except KeyError:
            return False


def _permit(access: Access, resource_type: str, interaction: str) -> None:
    if not access.permits(resource_type, interaction):
        raise AccessDenied(403, "forbidden", f"The token's scopes do not allow {interaction} of {resource_type}.")


def _page(pairs: Pairs, parameter: str) -> Page:
    for name, text in pairs:
        if name == parameter:
            return read_token(text)
    return Page(tuple(pairs), 0)
