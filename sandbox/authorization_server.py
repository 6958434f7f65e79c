"""The OAuth core of the embedded EHR: authlib's server side over this EHR's stores, with SMART's rules added."""

from __future__ import annotations

import re
import secrets
from datetime import timedelta
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.integrations.flask_oauth2.requests import FlaskOAuth2Request
from authlib.oauth2 import OAuth2Request
from authlib.oauth2.rfc6749 import UnsupportedResponseTypeError
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from flask import request as flask_request

from sandbox.authorization_assertions import PrivateKeyJwt
from sandbox.authorization_checks import S256Challenge, SmartChecks
from sandbox.authorization_endpoints import Introspection, Revocation
from sandbox.authorization_grants import BackendGrant, CodeGrant, RefreshGrant
from sandbox.authorization_identity import IdToken
from sandbox.launches import LaunchContext, long_token
from sandbox.scopes import ScopeSet
from sandbox.services import EhrServices
from sandbox.tokens import REFRESH_LIFE, Grant

BACKEND_TOKEN_LIFE = timedelta(minutes=5)
LONG_TOKEN_BYTES = 1500

_PLAIN = re.compile(r"[a-z_ ]{0,40}")


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

    def get_authorization_grant(self, request: Any) -> Any:
        """authlib puts the response type into its error text, which must not hold quotes or backslashes."""
        if not _PLAIN.fullmatch(request.payload.response_type or ""):
            raise UnsupportedResponseTypeError("of that kind")
        return super().get_authorization_grant(request)

    def _token_text(self, **_: Any) -> str:
        if self.services.settings.vendor.launch_is_long:
            return long_token()
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
