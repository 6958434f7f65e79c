"""The launch end to end: `begin` sends the browser to the EHR, `finish` makes a LaunchContext of its return."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from launch import tokens
from launch.authorization import AuthorizationRequest, Level, authorization_request, requested_scopes
from launch.context import LaunchContext, Tokens, launch_context
from launch.discovery import Discovery, SessionFor, SmartConfiguration, get_json
from launch.errors import (
    AuthorizationRefused,
    EhrMisconfigured,
    LaunchError,
    LaunchNotOffered,
    LaunchParametersMissing,
)
from launch.id_token import Expected, Identity, verify_id_token
from launch.jwks import FetchedKeys
from launch.keys import ClientKeys
from launch.pending import PendingLaunch
from launch.registry import EhrRegistration, EhrRegistry, PatientChoice

AUTHORIZATION_ERRORS: Final = frozenset(
    {
        "access_denied",
        "invalid_scope",
        "invalid_request",
        "unauthorized_client",
        "unsupported_response_type",
        "server_error",
        "temporarily_unavailable",
        "interaction_required",
        "login_required",
        "consent_required",
    }
)

ProductScopes = Callable[[str, Level], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """What the launch needs to know of the product around it."""

    redirect_uri: str
    product_scopes: ProductScopes
    """Scopes for one syntax ("v1" or "v2") and level; `openid`, `fhirUser` and the launch scope are added here."""
    writing_scopes: ProductScopes = lambda _syntax, _level: ()
    """Asked for as well where the registration allows `write_back`."""
    dispensable_scopes: ProductScopes = lambda _syntax, _level: ()
    """Those of them not asked for where the EHR's own list lacks them: some refuse the launch then."""


class LaunchClient:
    """A SMART App Launch client for every registered EHR."""

    def __init__(
        self,
        registry: EhrRegistry,
        keys: ClientKeys,
        *,
        session_for: SessionFor,
        clock: Callable[[], datetime],
        settings: ClientSettings,
    ) -> None:
        self.registry = registry
        self.keys = keys
        self._session_for = session_for
        self._clock = clock
        self._settings = settings
        self._discovery = Discovery(session_for, clock)
        self._issuer_keys: dict[str, tuple[str, FetchedKeys]] = {}
        self._lock = threading.Lock()

    def begin(self, iss: str | None, launch: str | None, level: Level = "patient") -> AuthorizationRequest:
        """An EHR launch. Raises LaunchError; an unknown issuer is never contacted (SL-2)."""
        if not iss or not launch:
            raise LaunchParametersMissing("iss" if not iss else "launch")
        registration = self.registry.by_iss(iss)
        if level == "user":
            _require_offer(registration, "worklist")
        return self._begin(registration, iss, launch, level)

    def begin_standalone(self, ehr_id: str, level: Level = "patient") -> AuthorizationRequest:
        """A launch from our own start page: the EHR lets the user pick the patient (`launch/patient`), or, at the
        user's level, nobody picks one yet. Raises LaunchError."""
        registration = self.registry.by_id(ehr_id)
        _require_offer(registration, "worklist" if level == "user" else "ehr")
        return self._begin(registration, registration.iss, None, level)

    def finish(self, pending: PendingLaunch, query: Mapping[str, str]) -> LaunchContext:
        """Exchange the code and read the context. `pending` has been taken already: there is no second try.

        Raises any LaunchError.
        """
        registration = self.registry.by_id(pending.ehr_id)
        if "error" in query:
            code = query["error"]
            raise AuthorizationRefused(code if code in AUTHORIZATION_ERRORS else "unknown_error")
        if not query.get("code"):
            raise LaunchParametersMissing("code")
        configuration = self._discovery.configuration(registration)
        _check_response_issuer(query, configuration)
        now = self._clock()
        endpoint = self._token_endpoint(registration, configuration)
        response = tokens.exchange_code(endpoint, code=query["code"], pending=pending, now=now)
        granted = tokens.read_tokens(response, requested=frozenset(pending.scopes), now=now)
        user = self._user(response.get("id_token"), registration, configuration, pending)
        return launch_context(
            response, ehr_id=registration.id, fhir_base_url=pending.iss.rstrip("/"), tokens=granted, user=user
        )

    def renew(self, ehr_id: str, granted: Tokens, *, patient: str | None) -> Tokens:
        """New tokens for a launch that goes on (SL-66). Raises any LaunchError; never tried twice."""
        registration = self.registry.by_id(ehr_id)
        endpoint = self._token_endpoint(registration, self._discovery.configuration(registration))
        return tokens.refresh(endpoint, granted, now=self._clock(), patient=patient)

    def revoke(self, ehr_id: str, granted: Tokens) -> bool:
        """Best effort to make the EHR forget a launch's tokens; whether it confirmed (SL-70). Never raises."""
        try:
            registration = self.registry.by_id(ehr_id)
            configuration = self._discovery.configuration(registration)
        except LaunchError:
            return False
        if configuration.revocation_endpoint is None:
            return False
        endpoint = self._token_endpoint(registration, configuration)
        return tokens.revoke(endpoint, configuration.revocation_endpoint, granted, now=self._clock())

    def _token_endpoint(
        self, registration: EhrRegistration, configuration: SmartConfiguration
    ) -> tokens.TokenEndpoint:
        session = self._session_for(registration)
        return tokens.TokenEndpoint(configuration.token_endpoint, registration, self.keys, session)

    def _product_scopes(
        self, registration: EhrRegistration, configuration: SmartConfiguration, level: Level
    ) -> tuple[str, ...]:
        syntax = registration.scope_syntax or configuration.scope_syntax
        wanted = self._settings.product_scopes(syntax, level)
        if registration.write_back:
            wanted += self._settings.writing_scopes(syntax, level)
        dispensable = self._settings.dispensable_scopes(syntax, level)
        return tuple(scope for scope in wanted if scope not in dispensable or configuration.may_know(scope))

    def _begin(
        self, registration: EhrRegistration, iss: str, launch: str | None, level: Level
    ) -> AuthorizationRequest:
        configuration = self._discovery.configuration(registration)
        wanted = self._product_scopes(registration, configuration, level)
        scopes = requested_scopes(registration, wanted, standalone=launch is None, level=level)
        return authorization_request(
            registration,
            configuration,
            iss=iss,
            launch=launch,
            scopes=scopes,
            redirect_uri=registration.redirect_uri or self._settings.redirect_uri,
        )

    def _user(
        self,
        id_token: Any,
        registration: EhrRegistration,
        configuration: SmartConfiguration,
        pending: PendingLaunch,
    ) -> Identity | None:
        """The signed-in user, or None when the EHR sent no id_token (SL-45)."""
        if not isinstance(id_token, str) or not id_token:
            return None
        issuer = registration.id_token_issuer or configuration.issuer or registration.iss
        expected = Expected(issuer=issuer, nonce=pending.nonce, now=self._clock())
        keys = self._keys_of(registration, configuration, issuer)
        return verify_id_token(id_token, registration=registration, keys=keys, expected=expected)

    def _keys_of(
        self, registration: EhrRegistration, configuration: SmartConfiguration, issuer: str
    ) -> FetchedKeys:
        def fetch() -> Mapping[str, Any]:
            session = self._session_for(registration)
            uri = configuration.jwks_uri or _published_jwks_uri(session, issuer)
            if uri is None or not registration.trusts(uri):
                raise EhrMisconfigured("jwks_uri is missing or outside the trusted origins")
            jwks = get_json(session, uri)
            if jwks is None:
                raise EhrMisconfigured("jwks_uri holds no key set")
            return jwks

        def _published_jwks_uri(session: Any, issuer: str) -> str | None:
            if not registration.trusts(issuer):
                return None
            published = get_json(session, f"{issuer.rstrip('/')}/.well-known/openid-configuration") or {}
            uri = published.get("jwks_uri")
            return uri if isinstance(uri, str) else None

        with self._lock:
            place = configuration.jwks_uri or issuer
            kept = self._issuer_keys.get(registration.id)
            if kept is None or kept[0] != place:  # the EHR may move its keys while this process lives
                kept = self._issuer_keys[registration.id] = place, FetchedKeys(fetch, self._clock)
            return kept[1]


def _require_offer(registration: EhrRegistration, choice: PatientChoice) -> None:
    if choice not in registration.choose_patient:
        raise LaunchNotOffered(choice)


def _check_response_issuer(query: Mapping[str, str], configuration: SmartConfiguration) -> None:
    """RFC 9207: an authorization response that names its issuer must name the one we asked (mix-up defence);
    one that does not name it is refused where the EHR says that it always does."""
    named = query.get("iss")
    if named is None and not configuration.names_itself:
        return
    if configuration.issuer is not None and named != configuration.issuer:
        raise AuthorizationRefused("issuer_mismatch")
