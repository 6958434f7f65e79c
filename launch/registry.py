"""The allow-list of EHRs. Nothing is fetched from an issuer that is not in it (SL-2, SL-4)."""

import re
from collections.abc import Iterable, Iterator
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    IPvAnyNetwork,
    SecretStr,
    StringConstraints,
    model_validator,
)

from launch.errors import UnknownIssuer

AuthMethod = Literal["private_key_jwt", "client_secret_basic", "client_secret_post", "public"]
SigningAlgorithm = Literal["ES384", "RS384"]
IdTokenAlgorithm = Literal["RS256", "RS384", "ES256", "ES384"]
ScopeSyntax = Literal["v1", "v2"]
PatientChoice = Literal["ehr", "worklist"]

_DEFAULT_PORTS = {"https": 443, "http": 80}
_MAX_URL_CHARS = 8192  # a FHIR search for 70 codes with their system is 2,400 characters
_URL_CHARS = re.compile(r"[A-Za-z0-9\-._~:/%\[\]@!$&'()*+,;=?#]+")
_HOST = re.compile(r"[a-z0-9]([a-z0-9.\-]*[a-z0-9])?|\[[0-9a-f:.]+\]")


def origin_of(url: str) -> str:
    """`scheme://host[:port]` of a URL in canonical spelling. Raises ValueError naming the broken rule."""
    if not url or len(url) > _MAX_URL_CHARS or not _URL_CHARS.fullmatch(url):
        raise ValueError("is not a plain ASCII URL")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("is not a URL") from None
    scheme = parts.scheme.lower()
    if scheme not in _DEFAULT_PORTS:
        raise ValueError("must begin with https://")
    if "@" in parts.netloc:
        raise ValueError("must not hold user information")
    bracketed = parts.netloc.startswith("[")
    host = f"[{parts.hostname}]" if bracketed else (parts.hostname or "")
    if not _HOST.fullmatch(host):
        raise ValueError("has no usable host name")
    return f"{scheme}://{host}" if port in (None, _DEFAULT_PORTS[scheme]) else f"{scheme}://{host}:{port}"


def canonical_base(url: str) -> str:
    """A FHIR base for comparison: lower-case scheme and host, no default port, no single trailing slash (SL-3).

    The path is kept as it is: percent-encoding, dots and doubled slashes are not cleaned up, so they never match.
    Raises ValueError naming the broken rule.
    """
    origin = origin_of(url)
    if "?" in url or "#" in url:
        raise ValueError("must not hold a query or a fragment")
    path = urlsplit(url).path
    return origin + path.removesuffix("/")


def is_below(url: str, base: str) -> bool:
    """Whether `url` is `base` or lies below it: same origin, path prefix ending at a segment border (SL-64)."""
    try:
        same_origin = origin_of(url) == origin_of(base)
    except ValueError:
        return False
    path, base_path = urlsplit(url).path, urlsplit(base).path.rstrip("/")
    lowered = path.lower()
    if any(step in lowered for step in ("/../", "/./", "%2e", "%2f", "%5c")) or lowered.endswith(("/..", "/.")):
        return False
    return same_origin and (path == base_path or path.startswith(base_path + "/"))


def _as_base(url: str) -> str:
    canonical_base(url)
    return url


def _as_origin(url: str) -> str:
    origin = origin_of(url)
    if urlsplit(url).path not in ("", "/") or "?" in url or "#" in url:
        raise ValueError("must be an origin: scheme, host and port only")
    return origin


def _as_address(url: str) -> str:
    origin_of(url)
    return url


def _as_scope(token: str) -> str:
    if not re.fullmatch(r"[\x21\x23-\x5b\x5d-\x7e]+", token):
        raise ValueError("is not one scope (no spaces, quotes or backslashes)")
    return token


BaseUrl = Annotated[str, AfterValidator(_as_base)]
Origin = Annotated[str, AfterValidator(_as_origin)]
Address = Annotated[str, AfterValidator(_as_address)]
Scope = Annotated[str, AfterValidator(_as_scope)]


def _as_system_scope(token: str) -> str:
    if not token.startswith("system/"):
        raise ValueError("must begin with system/")
    return _as_scope(token)


SystemScope = Annotated[str, AfterValidator(_as_system_scope)]
ClientId = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]+$")]
EhrId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9\-]{0,39}$")]


class BackendRegistration(BaseModel):
    """The client for work without a user (SMART Backend Services): `[ehr.backend]`. Always `private_key_jwt`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    client_id: ClientId
    signing_alg: SigningAlgorithm = "ES384"
    scopes: Annotated[tuple[SystemScope, ...], Field(min_length=1)]
    """`system/` scopes; a request without them is refused by every server (SL-80)."""


class EhrRegistration(BaseModel):
    """One EHR this app is registered with (SL-4). Written by hospital IT; every field is checked at start."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: EhrId
    name: Annotated[str, StringConstraints(min_length=1, max_length=120)]
    iss: BaseUrl
    client_id: ClientId
    auth_method: AuthMethod = "private_key_jwt"
    client_secret: SecretStr | None = None
    signing_alg: SigningAlgorithm = "ES384"
    scopes: tuple[Scope, ...] | None = None
    """Replaces the product's own list; `launch` (or `launch/patient`) is always added."""
    scope_syntax: ScopeSyntax | None = None
    """None: v2 when the EHR announces `permission-v2`, else v1 (SL-25)."""
    refresh: Literal["none", "online_access", "offline_access"] = "none"
    """Asks for a refresh token, where a launch must outlive its access token (SL-29). Most need none."""
    choose_patient: tuple[PatientChoice, ...] = ("ehr",)
    """Where a launch names no patient yet: "ehr" lets the EHR's sign-in ask for one (`launch/patient`), "worklist"
    asks for `user/` scopes and lets this app search; both may be offered, or none."""
    authorize_method: Literal["auto", "post"] = "auto"
    """"auto": GET, and POST for an address too long for some servers; "post": always POST (SL-21)."""
    redirect_uri: Address | None = None
    id_token_issuer: Address | None = None
    """Where the `iss` of id_tokens is not the published `issuer` (SL-42)."""
    id_token_algorithms: Annotated[tuple[IdTokenAlgorithm, ...], Field(min_length=1)] = (
        "RS256",
        "ES384",
        "ES256",
        "RS384",
    )
    allow_missing_nonce: bool = False
    """For authorization servers that do not echo the nonce; PKCE then carries the protection alone."""
    trusted_origins: tuple[Origin, ...] = ()
    """Origins besides the FHIR base's own where this EHR's authorization server and keys may live."""
    frame_ancestors: tuple[Origin, ...] = ()
    """Origins whose pages may show this app in a frame (SL-60)."""
    discovery_headers: dict[str, str] = Field(default_factory=dict)
    """Sent with discovery only, for example `Epic-Client-ID` (SL-13)."""
    backend: BackendRegistration | None = None
    write_back: bool = False
    """Asks for the right to write and offers it to the clinician, who still decides each time (FH-20)."""
    networks: tuple[IPvAnyNetwork, ...] = ()
    """Private address ranges this EHR may resolve to; public addresses need no entry."""
    allow_http: bool = False
    """Plain http, for development only: the app refuses it unless AKI_DEVELOPMENT is set."""

    @property
    def canonical_iss(self) -> str:
        """The FHIR base in the spelling used for comparison."""
        return canonical_base(self.iss)

    @property
    def origins(self) -> frozenset[str]:
        """Every origin that may be contacted for this EHR."""
        return frozenset((origin_of(self.iss), *self.trusted_origins))

    def trusts(self, url: str) -> bool:
        """Whether `url` lies at one of this EHR's origins and is https (or http where allowed) (SL-10)."""
        try:
            origin = origin_of(url)
        except ValueError:
            return False
        return origin in self.origins and (origin.startswith("https://") or self.allow_http)

    def as_backend(self) -> "EhrRegistration | None":
        """This EHR seen by the backend client; None where none is registered."""
        if self.backend is None:
            return None
        changes = {
            "client_id": self.backend.client_id,
            "signing_alg": self.backend.signing_alg,
            "auth_method": "private_key_jwt",
            "client_secret": None,
        }
        return self.model_copy(update=changes)

    @model_validator(mode="after")
    def _secrets_fit_the_method(self) -> Self:
        needs_secret = self.auth_method in ("client_secret_basic", "client_secret_post")
        if needs_secret and self.client_secret is None:
            raise ValueError(f"client_secret is needed for auth_method {self.auth_method}")
        if not needs_secret and self.client_secret is not None:
            raise ValueError(f"client_secret has no use with auth_method {self.auth_method}")
        return self

    @model_validator(mode="after")
    def _plain_http_is_explicit(self) -> Self:
        urls = (self.iss, *self.trusted_origins, *self.frame_ancestors)
        if not self.allow_http and any(url.lower().startswith("http:") for url in urls):
            raise ValueError(
                "iss, trusted_origins and frame_ancestors must be https (or allow_http in development)"
            )
        return self


class EhrRegistry:
    """Registrations by id and by issuer."""

    def __init__(self, registrations: Iterable[EhrRegistration]) -> None:
        """Raises ValueError when two registrations share an id or an issuer."""
        self._by_id: dict[str, EhrRegistration] = {}
        self._by_iss: dict[str, EhrRegistration] = {}
        for registration in registrations:
            if registration.id in self._by_id:
                raise ValueError(f"id {registration.id} is used twice")
            if registration.canonical_iss in self._by_iss:
                raise ValueError(
                    f"{registration.id} and {self._by_iss[registration.canonical_iss].id} share an iss"
                )
            self._by_id[registration.id] = registration
            self._by_iss[registration.canonical_iss] = registration

    def __iter__(self) -> Iterator[EhrRegistration]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    def by_iss(self, iss: str) -> EhrRegistration:
        """The registration of a received `iss`, by exact match once canonical (SL-3). Raises UnknownIssuer."""
        try:
            return self._by_iss[canonical_base(iss)]
        except (ValueError, KeyError):
            raise UnknownIssuer from None

    def by_id(self, ehr_id: str) -> EhrRegistration:
        """The registration with this id. Raises UnknownIssuer."""
        try:
            return self._by_id[ehr_id]
        except KeyError:
            raise UnknownIssuer from None
