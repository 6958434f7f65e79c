"""The OAuth core of the embedded EHR: authlib's server side with SMART's rules added.

authlib does the protocol; this module says what a launch, a grant and a token are here. Codes and refresh tokens
are taken atomically before anything is issued, so that of two racing requests exactly one succeeds.
"""

from __future__ import annotations

import re
import secrets
from datetime import timedelta
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.integrations.flask_oauth2.requests import FlaskOAuth2Request
from authlib.oauth2 import OAuth2Request
from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidRequestError, grants
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from authlib.oidc.core import OpenIDCode
from flask import request as flask_request

from sandbox.authorization_assertions import PrivateKeyJwt
from sandbox.launches import LaunchContext
from sandbox.practitioners import find_practitioner
from sandbox.scopes import ScopeSet
from sandbox.services import EhrServices
from sandbox.tokens import REFRESH_LIFE, AuthorizationCode, Grant, IssuedToken

AUTH_METHODS = ["private_key_jwt", "client_secret_basic", "none"]
ID_TOKEN_LIFE = timedelta(minutes=5)
BACKEND_TOKEN_LIFE = timedelta(minutes=5)
LONG_TOKEN_BYTES = 1500

_ONCE_ONLY = ("aud", "launch", "nonce", "code_challenge", "code_challenge_method")
_S256_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


class SmartRequest(FlaskOAuth2Request):  # type: ignore[misc]  # authlib ships no types
    """A request from the wire, with the launch it belongs to once that is known."""

    launch_context: LaunchContext | None = None


class ResumedRequest(OAuth2Request):  # type: ignore[misc]
    """A standalone authorization request taken up again after the clinician signed in."""

    def __init__(self, uri: str, parameters: dict[str, str], context: LaunchContext) -> None:
        super().__init__("POST", uri)
        self.payload = BasicOAuth2Payload(parameters)
        self.launch_context: LaunchContext | None = context


class SmartAuthorizationServer(AuthorizationServer):  # type: ignore[misc]
    """authlib's Flask server over this EHR's stores."""

    def __init__(self, services: EhrServices) -> None:
        super().__init__(query_client=services.clients.get, save_token=self._keep_token)
        self.services = services
        self.register_token_generator(
            "default", BearerTokenGenerator(self._token_text, expires_generator=self._expires_in)
        )
        self.register_client_auth_method(
            "private_key_jwt",
            PrivateKeyJwt(services.settings.token_endpoint, services.client_keys, services.tokens, services.clock),
        )
        self.register_grant(CodeGrant, [SmartChecks(services), S256Challenge(), IdToken(services)])
        self.register_grant(RefreshGrant)
        self.register_grant(BackendGrant)
        self.register_endpoint(Revocation)
        self.register_endpoint(Introspection)

    def create_oauth2_request(self, request: Any) -> Any:
        return request if isinstance(request, OAuth2Request) else SmartRequest(flask_request)

    def _token_text(self, **_: Any) -> str:
        return secrets.token_urlsafe(LONG_TOKEN_BYTES if self.services.switches.long_token_text else 32)

    def _expires_in(self, _client: Any, grant_type: str) -> int:
        life = self.services.access_token_life()
        return int((min(life, BACKEND_TOKEN_LIFE) if grant_type == "client_credentials" else life).total_seconds())

    def _keep_token(self, token: dict[str, Any], request: Any) -> None:
        grant = _grant_of(request, token)
        store = self.services.tokens
        life = timedelta(seconds=token["expires_in"])
        token.setdefault("scope", "")
        store.issue("access_token", token["access_token"], grant, token["scope"], life)
        if "refresh_token" in token:
            kind = "offline_access" if "offline_access" in ScopeSet.parse(grant.scope) else "online_access"
            store.issue("refresh_token", token["refresh_token"], grant, grant.scope, REFRESH_LIFE[kind])


def _grant_of(request: Any, token: dict[str, Any]) -> Grant:
    source = request.authorization_code or request.refresh_token
    if source is not None:
        grant: Grant = source.grant
        return grant
    return Grant(secrets.token_urlsafe(16), request.client.client_id, token.get("scope", ""), None)


class SmartChecks:
    """What SMART asks of an authorization request beyond OAuth (SL-17..SL-19, SL-23)."""

    def __init__(self, services: EhrServices) -> None:
        self._services = services

    def __call__(self, grant: Any) -> None:
        grant.register_hook("after_validate_authorization_request_payload", self.check)

    def check(self, grant: Any, _result: Any) -> None:
        data = grant.request.payload.data
        for name in _ONCE_ONLY:
            if len(grant.request.payload.datalist.get(name, [])) > 1:
                raise InvalidRequestError(f"Multiple '{name}' in request.")
        if not data.get("state"):
            raise InvalidRequestError("Missing 'state' in request.")
        if data.get("aud") != self._services.settings.fhir_base:
            raise InvalidRequestError("'aud' must be exactly the FHIR base of this server.")
        if data.get("code_challenge_method") != "S256" or not data.get("code_challenge"):
            raise InvalidRequestError("PKCE with 'code_challenge_method=S256' is required.")
        if not _S256_CHALLENGE.fullmatch(data["code_challenge"]):
            raise InvalidRequestError("'code_challenge' is no base64url SHA-256.")
        self._check_launch(grant.request, data)

    def _check_launch(self, request: Any, data: Any) -> None:
        asked = "launch" in ScopeSet.parse(data.get("scope"))
        if asked and not data.get("launch"):
            raise InvalidRequestError("Scope 'launch' needs the 'launch' parameter.")
        if not data.get("launch"):
            return
        if not asked:
            raise InvalidRequestError("The 'launch' parameter needs the scope 'launch'.")
        if request.launch_context is None:
            raise InvalidRequestError("This launch is unknown, has expired or was used before.")


class S256Challenge(CodeChallenge):  # type: ignore[misc]
    """PKCE without `plain`."""

    DEFAULT_CODE_CHALLENGE_METHOD = "S256"
    SUPPORTED_CODE_CHALLENGE_METHOD = ("S256",)


class CodeGrant(grants.AuthorizationCodeGrant):  # type: ignore[misc]
    """Authorization code bound to one launch."""

    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS

    @staticmethod
    def validate_authorization_redirect_uri(request: Any, client: Any) -> str:
        """An unregistered redirect URI is never redirected to, nor echoed."""
        redirect_uri = request.payload.redirect_uri
        if not redirect_uri or not client.check_redirect_uri(redirect_uri):
            raise InvalidRequestError("The redirect URI is not registered for this client.")
        return str(redirect_uri)

    def save_authorization_code(self, code: str, request: Any) -> None:
        services: EhrServices = self.server.services
        data = request.payload.data
        context: LaunchContext = request.launch_context
        if data.get("launch") and services.launches.take(data["launch"]) is None:
            raise InvalidRequestError("This launch was used before.", redirect_uri=data["redirect_uri"])
        grant = Grant(
            id=secrets.token_urlsafe(16),
            client_id=request.client.client_id,
            scope=granted_scope(request.scope, context, request.client),
            context=context,
            nonce=data.get("nonce"),
            authenticated_at=services.clock(),
        )
        services.tokens.save_code(code, grant, data["redirect_uri"], data["code_challenge"])

    def query_authorization_code(self, code: str, client: Any) -> AuthorizationCode | None:
        found: AuthorizationCode | None = self.server.services.tokens.take_code(code, client.client_id)
        return found

    def delete_authorization_code(self, authorization_code: AuthorizationCode) -> None:
        """Nothing left to do: the code was taken when it was read."""

    def authenticate_user(self, authorization_code: AuthorizationCode) -> str | None:
        context = authorization_code.grant.context
        return context.practitioner_id if context else None

    def generate_token(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        kwargs["include_refresh_token"] = False
        token: dict[str, Any] = super().generate_token(*args, **kwargs)
        scopes = ScopeSet.parse(token.get("scope"))
        if scopes.wants_refresh and self.request.client.check_grant_type("refresh_token"):
            token["refresh_token"] = secrets.token_urlsafe(32)
        return token

    def create_token_response(self) -> Any:
        status, token, headers = super().create_token_response()
        token.update(launch_parameters(self.server.services, self.request.authorization_code.grant))
        return status, token, headers


class RefreshGrant(grants.RefreshTokenGrant):  # type: ignore[misc]
    """Refresh with rotation; reuse of an old refresh token ends the whole grant."""

    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS

    def authenticate_refresh_token(self, refresh_token: str) -> IssuedToken | None:
        found: IssuedToken | None = self.server.services.tokens.find(refresh_token, "refresh_token")
        return found

    def authenticate_user(self, refresh_token: IssuedToken) -> str | None:
        context = refresh_token.grant.context
        return context.practitioner_id if context else None

    def issue_token(self, user: str, refresh_token: IssuedToken) -> dict[str, Any]:
        if not self.server.services.tokens.spend_refresh_token(refresh_token):
            raise InvalidGrantError("The refresh token was used before; its authorization is revoked.")
        scope = self.request.payload.scope or refresh_token.scope
        token: dict[str, Any] = self.generate_token(user=user, scope=scope, include_refresh_token=False)
        token["refresh_token"] = secrets.token_urlsafe(32)
        token.update(launch_parameters(self.server.services, refresh_token.grant))
        return token

    def revoke_old_credential(self, refresh_token: IssuedToken) -> None:
        """Nothing left to do: the token was spent before the new one was issued."""


class BackendGrant(grants.ClientCredentialsGrant):  # type: ignore[misc]
    """SMART Backend Services: system scopes, asymmetric authentication only (SL-80)."""

    TOKEN_ENDPOINT_AUTH_METHODS = ("private_key_jwt",)


class IdToken(OpenIDCode):  # type: ignore[misc]
    """RS256 id_token whose issuer is the FHIR base."""

    def __init__(self, services: EhrServices) -> None:
        super().__init__()
        self._services = services

    def exists_nonce(self, nonce: str, request: Any) -> bool:  # noqa: ARG002  # authlib's signature
        """Codes are single use and bound to PKCE, so a repeated nonce gains nothing."""
        return False

    def resolve_client_private_key(self, client: Any) -> Any:  # noqa: ARG002
        return self._services.keys.id_token

    def get_client_algorithm(self, client: Any) -> str:  # noqa: ARG002
        return "RS256"

    def get_encode_header(self, client: Any) -> dict[str, str]:  # noqa: ARG002
        return {"alg": "RS256", "kid": str(self._services.keys.id_token.kid), "typ": "JWT"}

    def get_client_claims(self, client: Any) -> dict[str, Any]:
        now = int(self._services.clock().timestamp())
        return {
            "iss": self._services.settings.fhir_base,
            "aud": client.client_id,
            "iat": now,
            "exp": now + int(ID_TOKEN_LIFE.total_seconds()),
        }

    def generate_user_info(self, user: str, scope: str) -> dict[str, Any]:
        scopes = ScopeSet.parse(scope)
        reference = f"{self._services.settings.fhir_base}/Practitioner/{user}"
        claims: dict[str, Any] = {"sub": user}
        if "fhirUser" in scopes:
            claims["fhirUser"] = reference
        if "profile" in scopes:
            claims["profile"] = reference
            practitioner = find_practitioner(user)
            if practitioner:
                claims["name"] = practitioner.name
        return claims


class Revocation(RevocationEndpoint):  # type: ignore[misc]
    """RFC 7009."""

    CLIENT_AUTH_METHODS = AUTH_METHODS

    def query_token(self, token_string: str, token_type_hint: str | None) -> IssuedToken | None:  # noqa: ARG002
        found: IssuedToken | None = self.server.services.tokens.find(token_string)
        return found

    def revoke_token(self, token: IssuedToken, request: Any) -> None:  # noqa: ARG002
        self.server.services.tokens.revoke(token)


class Introspection(IntrospectionEndpoint):  # type: ignore[misc]
    """RFC 7662 with SMART's fields; a client may look at its own tokens only."""

    CLIENT_AUTH_METHODS = ("private_key_jwt", "client_secret_basic")

    def check_permission(self, token: IssuedToken, client: Any, request: Any) -> bool:  # noqa: ARG002
        return token.check_client(client)

    def query_token(self, token_string: str, token_type_hint: str | None) -> IssuedToken | None:  # noqa: ARG002
        found: IssuedToken | None = self.server.services.tokens.find(token_string)
        return found

    def introspect_token(self, token: IssuedToken) -> dict[str, Any]:
        settings = self.server.services.settings
        answer = {
            "active": True,
            "client_id": token.grant.client_id,
            "token_type": token.kind,
            "scope": token.scope,
            "iat": int(token.issued_at.timestamp()),
            "exp": int(token.expires_at.timestamp()),
        }
        context = token.grant.context
        if context:
            answer |= {"iss": settings.fhir_base, "sub": context.practitioner_id}
            answer["fhirUser"] = f"{settings.fhir_base}/{token.grant.fhir_user}"
            answer |= _patient_and_encounter(context)
        return answer


def granted_scope(scope: str, context: LaunchContext, client: Any) -> str:
    """What a user can grant: no system level, and nothing bound to a patient where none was chosen."""
    scopes = ScopeSet.parse(scope).without_levels("system")
    if context.patient_id is None:
        scopes = scopes.without_levels("patient")
    refresh = client.check_grant_type("refresh_token")
    kept = tuple(name for name in scopes.context if refresh or not name.endswith("_access"))
    return str(ScopeSet(kept, scopes.resources))


def launch_parameters(services: EhrServices, grant: Grant) -> dict[str, Any]:
    """Launch context that travels beside the access token (SMART 2.2, scopes page; SL-48..SL-53)."""
    context = grant.context
    if context is None:
        return {}
    optional = {"intent": context.intent, "tenant": services.settings.tenant, "appContext": context.app_context}
    return {
        **_patient_and_encounter(context),
        "need_patient_banner": context.need_patient_banner,
        "smart_style_url": f"{services.settings.base_url}/smart-style-v1.json",
        **{name: value for name, value in optional.items() if value is not None},
    }


def _patient_and_encounter(context: LaunchContext) -> dict[str, str]:
    found = {"patient": context.patient_id, "encounter": context.encounter_id}
    return {name: value for name, value in found.items() if value is not None}
