"""What distinguishes one vendor's EHR from another: fields with a usual value, and the source of each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, NamedTuple

from sandbox.cds_dialects import CdsDialect, find_dialect

Basis = Literal["live", "documented", "secondary", "memory", "assumed"]
BASIS_WORDS: dict[Basis, str] = {
    "live": "the vendor's live sandbox, as a third party catalogued it",
    "documented": "the vendor's or project's own documentation or source",
    "secondary": "somebody else's account",
    "memory": "from memory, no source read",
    "assumed": "our assumption, to have the case covered",
}
"""How far a value can be trusted. None of them has been checked by us against the vendor's production."""

FhirUser = Literal["absolute", "relative", "elsewhere", "profile", "none"]
Order = Literal["stored", "newest_first", "oldest_first"]
IdForm = Literal["plain", "epic", "numeric", "uuid", "athena"]
SmartSyntax = Literal["v1", "v2"]


@dataclass(frozen=True, slots=True)
class Fact:
    """Where a value comes from: item ids of the standards checklist, and how far they can be trusted."""

    source: str
    basis: Basis


@dataclass(frozen=True, slots=True)
class NextLink:
    """How the address of the next page is spelled: the parameter, and whether it stands on the bare base."""

    parameter: str = "_page"
    on_base: bool = False


@dataclass(frozen=True, slots=True)
class VendorProfile:
    """One vendor's behaviour. Every field that departs from the usual value has an entry in `facts`."""

    id: str
    name: str
    summary: str
    fhir_path: str = "/fhir"
    slash_after_base: bool = False
    """The FHIR base that launches name, and `aud` must repeat, ends with a slash."""

    # Discovery
    publishes_smart_configuration: bool = True
    login_host: str | None = None
    """The authorization server answers under this host name instead of the FHIR server's."""
    issuer_path: str | None = None
    """The id_token's issuer below the login host; None: the FHIR base."""
    publishes_issuer: bool = True
    without_capabilities: tuple[str, ...] = ()
    xml_without_accept: bool = False

    # Authorization
    launch_is_long: bool = False
    """The launch parameter and the access token look like long JWTs."""
    access_token_seconds: int | None = None
    sends_expires_in: bool = True
    token_type: str = "Bearer"  # noqa: S105  # an OAuth word
    granted_syntax: SmartSyntax | None = None
    """Scopes come back in this syntax whatever was asked."""
    refuses_wildcard_scopes: bool = False
    sends_encounter: bool = True
    token_extras: Mapping[str, Any] = field(default_factory=dict)
    fhir_user: FhirUser = "absolute"
    echoes_nonce: bool = True
    names_key: bool = True
    """The id_token's header has a `kid`."""

    # FHIR
    ids: IdForm = "plain"
    default_page: int = 50
    largest_page: int = 200
    next_link: NextLink = field(default_factory=NextLink)
    repeats_across_pages: int = 0
    order: Order = "stored"
    ignored_parameters: tuple[str, ...] = ()
    """Search and result parameters without effect, on any type."""
    observation_needs_what: bool = False
    """400 for an Observation search with neither category nor code."""
    sends_total: bool = True
    total_is_estimate: bool = False
    """Bundle.total is only a lower bound until the last page."""
    outcome_entries: bool = False
    """Searchsets carry OperationOutcome entries: for what was ignored, and in place of an empty result."""
    absent_types: tuple[str, ...] = ()
    forbidden_types: tuple[str, ...] = ()
    """403 whatever the scopes say, as where the client's registration lacks the API."""
    creatable: tuple[str, ...] | None = None
    """Types that can be created; None: all the embedded EHR knows how to."""
    local_codes: str | None = None
    """Code system of local laboratory codes that come before the LOINC code."""
    unmapped_codes: tuple[str, ...] = ()
    """LOINC codes the site has never mapped its own to: only the local code is sent."""
    unit_is_text: bool = False
    """Units have no UCUM system or code."""
    drugs_by_reference: bool = False
    """Orders point to a Medication instead of holding its code."""

    # CDS Hooks
    cds_dialect: str = "2.0"
    cds_issuer: str = "{fhir_base}"
    """The JWT's `iss`; `{fhir_base}` stands for this EHR's."""

    facts: Mapping[str, Fact] = field(default_factory=dict)

    @property
    def dialect(self) -> CdsDialect:
        """How this EHR speaks CDS Hooks unless the bench says otherwise."""
        return find_dialect(self.cds_dialect)

    def departures(self) -> dict[str, Any]:
        """Fields whose value is not the usual one."""
        usual = VendorProfile("", "", "")
        named = (f.name for f in fields(self) if f.name not in ("id", "name", "summary", "facts"))
        return {name: getattr(self, name) for name in named if getattr(self, name) != getattr(usual, name)}


class Known(NamedTuple):
    """A field's value in one profile, how far it can be trusted, and where it is from."""

    value: Any
    basis: Basis
    source: str


def profile(
    profile_id: str, name: str, summary: str, *, like: VendorProfile | None = None, **known: Known
) -> VendorProfile:
    """A profile from what is known of it; what is not named is as in `like`, or as usual.

    Raises TypeError for a field there is none of.
    """
    usual = like or VendorProfile("", "", "")
    facts = {field_name: Fact(one.source, one.basis) for field_name, one in known.items()}
    values = {field_name: one.value for field_name, one in known.items()}
    return replace(usual, id=profile_id, name=name, summary=summary, facts={**usual.facts, **facts}, **values)
