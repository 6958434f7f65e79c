"""Where an EHR's authorization server is: smart-configuration, else the CapabilityStatement (SL-8..16)."""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urljoin

import requests

from launch.errors import EhrMisconfigured, EhrUnavailable
from launch.registry import EhrRegistration
from launch.scopes import lists, lists_resources

SessionFor = Callable[[EhrRegistration], requests.Session]

_KEPT_FOR: Final = timedelta(minutes=5)
_MAX_BYTES: Final = 1_048_576
_OAUTH_URIS: Final = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SmartConfiguration:
    """What an EHR publishes about its authorization server. Addresses are absolute and at trusted origins."""

    authorization_endpoint: str
    token_endpoint: str
    issuer: str | None = None
    jwks_uri: str | None = None
    revocation_endpoint: str | None = None
    capabilities: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
    """What it lists as supported; the list need not be complete (SL-16)."""
    names_itself: bool = False
    """Whether every authorization response names its issuer (RFC 9207)."""

    @property
    def scope_syntax(self) -> str:
        """ "v2" when the EHR announces it, else "v1" (SL-25)."""
        return "v2" if "permission-v2" in self.capabilities else "v1"

    def may_know(self, scope: str) -> bool:
        """Whether asking for it cannot be told to be in vain: no list of resources, or one that holds it."""
        return not lists_resources(self.scopes) or lists(self.scopes, scope)


class Discovery:
    """Reads configurations and keeps each for minutes, never for the life of the process (SL-14)."""

    def __init__(self, session_for: SessionFor, clock: Callable[[], datetime]) -> None:
        self._session_for = session_for
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[datetime, SmartConfiguration]] = {}

    def configuration(self, registration: EhrRegistration) -> SmartConfiguration:
        """The EHR's configuration. Raises EhrUnavailable, EhrMisconfigured."""
        with self._lock:
            kept = self._kept.get(registration.id)
        if kept is not None and abs(self._clock() - kept[0]) < _KEPT_FOR:
            return kept[1]
        found = self._read(registration)
        with self._lock:
            self._kept[registration.id] = (self._clock(), found)
        return found

    def _read(self, registration: EhrRegistration) -> SmartConfiguration:
        base = registration.iss.rstrip("/")
        session = self._session_for(registration)
        headers = dict(registration.discovery_headers)
        published = get_json(session, f"{base}/.well-known/smart-configuration", headers)
        if published is not None:
            if "S256" not in _texts(published.get("code_challenge_methods_supported")):
                _log.warning("PKCE is not announced and sent all the same: ehr=%s", registration.id)
            return smart_configuration(published, registration)
        _log.warning("no smart-configuration, so the CapabilityStatement is read: ehr=%s", registration.id)
        statement = get_json(session, f"{base}/metadata", headers)
        if statement is None:
            raise EhrMisconfigured("no smart-configuration and no CapabilityStatement")
        return capability_configuration(statement, registration)


def get_json(
    session: requests.Session, url: str, headers: Mapping[str, str] | None = None
) -> Mapping[str, Any] | None:
    """A JSON object whatever its content type (SL-9); None for 4xx or for anything else.

    Raises EhrUnavailable when the EHR cannot be reached or answers 5xx.
    """
    try:
        response = session.get(url, headers={**(headers or {}), "Accept": "application/json"})
    except requests.RequestException as error:
        raise EhrUnavailable(type(error).__name__) from None
    if response.status_code >= 500:
        raise EhrUnavailable(f"status {response.status_code}")
    if response.status_code != 200 or len(response.content) > _MAX_BYTES:
        return None
    try:
        body = response.json()
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def smart_configuration(published: Mapping[str, Any], registration: EhrRegistration) -> SmartConfiguration:
    """Read a smart-configuration document. Raises EhrMisconfigured naming the field."""
    return SmartConfiguration(
        authorization_endpoint=_endpoint(published, "authorization_endpoint", registration),
        token_endpoint=_endpoint(published, "token_endpoint", registration),
        issuer=_text(published.get("issuer")),
        jwks_uri=_optional_endpoint(published, "jwks_uri", registration),
        revocation_endpoint=_optional_endpoint(published, "revocation_endpoint", registration),
        capabilities=_texts(published.get("capabilities")),
        scopes=_texts(published.get("scopes_supported")),
        names_itself=published.get("authorization_response_iss_parameter_supported") is True,
    )


def capability_configuration(statement: Mapping[str, Any], registration: EhrRegistration) -> SmartConfiguration:
    """Read the `oauth-uris` extension of a CapabilityStatement (SMART 1; SL-11). Raises EhrMisconfigured."""
    uris = {
        inner.get("url"): inner.get("valueUri")
        for rest in _objects(statement.get("rest"))
        for extension in _objects(_object(rest.get("security")).get("extension"))
        if extension.get("url") == _OAUTH_URIS
        for inner in _objects(extension.get("extension"))
    }
    return SmartConfiguration(
        authorization_endpoint=_endpoint(uris, "authorize", registration),
        token_endpoint=_endpoint(uris, "token", registration),
    )


def _endpoint(published: Mapping[Any, Any], field: str, registration: EhrRegistration) -> str:
    found = _optional_endpoint(published, field, registration)
    if found is None:
        raise EhrMisconfigured(f"{field} is missing")
    return found


def _optional_endpoint(published: Mapping[Any, Any], field: str, registration: EhrRegistration) -> str | None:
    """An address, resolved against the FHIR base (SL-10). Raises EhrMisconfigured outside the trusted origins."""
    value = _text(published.get(field))
    if value is None:
        return None
    absolute = urljoin(registration.iss.rstrip("/") + "/", value)
    if not registration.trusts(absolute) or "#" in absolute:
        raise EhrMisconfigured(f"{field} is outside the trusted origins")
    return absolute


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _texts(value: object) -> frozenset[str]:
    return frozenset(each for each in value if isinstance(each, str)) if isinstance(value, list) else frozenset()


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
