"""The CDS clients (EHRs) that may call, as registered: an allow-list, checked whole at start-up.

Nothing is fetched from an issuer, key set or FHIR server that is not written here (ADR: the EHR registry).
"""

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, AliasChoices, BaseModel, ConfigDict, Field, model_validator

from cds_hooks.errors import MisconfiguredClient
from patient_context.queries import PrefetchVariant

# What cards suggest to order (patient_context.order_drafts, which is not imported: it loads much of FHIR).
Orderable = Literal["creatinine", "urinalysis", "urine-albumin", "renal-ultrasound", "nephrology"]
Algorithm = Literal["ES384", "RS384", "RS256", "ES256"]
DEFAULT_PORTS = {"https": 443, "http": 80}
_ODD_CHARACTERS = re.compile(r"[\s\\%\x00-\x1f\x7f-\U0010ffff]")


def canonical_url(url: str) -> str | None:
    """The one spelling under which two URLs of a FHIR base compare equal, or None for anything unusual.

    Refused rather than interpreted: user info, query, fragment, percent-encoding, dot segments, control and
    non-ASCII characters. Every one of them has served to make two parsers disagree about the host (CH-21).
    """
    if _ODD_CHARACTERS.search(url):
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    scheme, host = parts.scheme.lower(), (parts.hostname or "").lower()
    if scheme not in DEFAULT_PORTS or not host or "@" in parts.netloc or "?" in url or "#" in url:
        return None
    path = parts.path.rstrip("/")
    if any(segment in {"", ".", ".."} for segment in path.split("/")[1:]):
        return None
    shown_host = f"[{host}]" if ":" in host else host
    shown_port = "" if port in {None, DEFAULT_PORTS[scheme]} else f":{port}"
    return f"{scheme}://{shown_host}{shown_port}{path}"


def _fhir_base(url: str) -> str:
    canonical = canonical_url(url)
    if canonical is None:
        raise ValueError("must be a plain absolute http(s) URL without query, fragment or user info")
    return canonical


def _origin(origin: str) -> str:
    canonical = canonical_url(origin)
    if canonical is None or urlsplit(canonical).path or origin != canonical:
        raise ValueError("must be an origin such as https://ehr.example.org: no path, no wildcard")
    return origin


def _holds_public_keys(jwks: Mapping[str, Any]) -> bool:
    keys = jwks.get("keys")
    return any(
        isinstance(key, Mapping) and key.get("kty") in ("EC", "RSA") and key.get("kid") and "d" not in key
        for key in (keys if isinstance(keys, list) else ())
    )


class CdsClient(BaseModel):
    """One EHR as a CDS client: how it proves itself, which FHIR servers it may name, how it is answered."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ehr_id: str = Field(min_length=1)
    iss: str = Field(min_length=1, description="exactly as the JWT says it")
    fhir_servers: tuple[Annotated[str, AfterValidator(_fhir_base)], ...] = ()
    jwks: dict[str, Any] | None = Field(default=None, repr=False, description="static key set; nothing is fetched")
    jku: str | None = Field(default=None, min_length=1, validation_alias=AliasChoices("jku", "jwks_uri"))
    algorithms: tuple[Algorithm, ...] = Field(default=("ES384", "RS384"), min_length=1)
    audiences: tuple[str, ...] = Field(default=(), description="accepted beside the exact URL called (CH-49)")
    tenant: str | None = None
    subject: str | None = Field(default=None, description="the `sub` this client's tokens carry (VN-8)")
    max_token_life_seconds: int = Field(default=300, ge=60, le=3600)
    cors_origins: tuple[Annotated[str, AfterValidator(_origin)], ...] = ()
    empty_instead_of_412: bool = False
    empty_system_actions: bool = Field(default=False, description="send `systemActions: []` with the cards")
    order_codes: dict[Orderable, str] = Field(
        default_factory=dict, description='"system|code" by which the site orders a service that cards suggest'
    )
    cds_hooks_3: bool = Field(default=False, description="discovery may hold what the 3.0 ballot adds")
    prefetch_variant: PrefetchVariant = "coded"
    allow_unauthenticated: bool = False
    allow_http: bool = False

    @model_validator(mode="after")
    def _keys_come_from_somewhere(self) -> "CdsClient":
        if self.jwks is None and self.jku is None and not self.allow_unauthenticated:
            raise ValueError("needs jwks (static) or jku: without keys no token can be verified")
        if self.jwks is not None and not _holds_public_keys(self.jwks):
            raise ValueError("jwks holds no public EC or RSA key with a kid: no token could be verified")
        return self

    @model_validator(mode="after")
    def _orders_can_be_placed(self) -> "CdsClient":
        for service, code in self.order_codes.items():
            if not all(code.rpartition("|")):
                raise ValueError(f'order_codes: {service} is not written "system|code"')
        return self

    @model_validator(mode="after")
    def _https_unless_development(self) -> "CdsClient":
        urls = {"jku": (self.jku,) if self.jku else (), "fhir_servers": self.fhir_servers}
        for name, values in urls.items():
            if not self.allow_http and any(not url.startswith("https://") for url in values):
                raise ValueError(f"{name} must be https (allow_http is for development only)")
        return self

    def names_fhir_server(self, url: str) -> str | None:
        """The registered FHIR base that `url` spells, or None when it is not registered."""
        canonical = canonical_url(url)
        return canonical if canonical in self.fhir_servers else None


class CdsClientRegistry:
    """All registered clients. Several may share one `iss` (a vendor's) when each has its own `tenant` (CH-50).

    Raises MisconfiguredClient when two clients cannot be told apart or ask for different discovery documents, or
    when unauthenticated calls are allowed outside development.
    """

    def __init__(self, clients: Iterable[CdsClient], *, development: bool = False) -> None:
        self.clients = tuple(clients)
        self._by_identity = {(client.iss, client.tenant): client for client in self.clients}
        self._refuse_twins()
        self.prefetch_variant = self._one_prefetch_variant()
        self.unauthenticated = self._unauthenticated(development=development)
        self.cors_origins = frozenset(origin for client in self.clients for origin in client.cors_origins)
        self.cds_hooks_3 = any(client.cds_hooks_3 for client in self.clients)
        self.algorithms = frozenset(name for client in self.clients for name in client.algorithms)

    def by_iss(self, iss: str, tenant: str | None = None) -> CdsClient | None:
        """The client of an issuer and tenant as a token claims them, or None. Exact comparison.

        A client registered without a tenant answers for every tenant of its issuer that has no entry of its own.
        """
        return self._by_identity.get((iss, tenant)) or self._by_identity.get((iss, None))

    def order_codes_of(self, ehr_id: str) -> Mapping[str, str]:
        """How the site of an EHR orders what cards suggest; nothing where it has not said."""
        codes = next((client.order_codes for client in self.clients if client.ehr_id == ehr_id), {})
        return {str(service): code for service, code in codes.items()}

    def _refuse_twins(self) -> None:
        if len(self._by_identity) != len(self.clients):
            text = "Two CDS clients share iss and tenant: give each its own tenant."
            raise MisconfiguredClient("duplicate-client", text)

    def _one_prefetch_variant(self) -> PrefetchVariant:
        variants = sorted({client.prefetch_variant for client in self.clients})
        if len(variants) > 1:
            text = "prefetch_variant must be the same for every CDS client: discovery is one document for all."
            raise MisconfiguredClient("several-prefetch-variants", text)
        return variants[0] if variants else "coded"

    def _unauthenticated(self, *, development: bool) -> CdsClient | None:
        open_clients = [client for client in self.clients if client.allow_unauthenticated]
        if open_clients and not development:
            text = "allow_unauthenticated needs the development flag: it lets anybody read and cause assessments."
            raise MisconfiguredClient("unauthenticated-in-production", text)
        if len(open_clients) > 1:
            text = "Only one CDS client may be called without a token: which one would it be?"
            raise MisconfiguredClient("several-unauthenticated", text)
        return open_clients[0] if open_clients else None
