"""The grants of this EHR. Codes and refresh tokens are taken atomically before anything is issued, so that of two
racing requests exactly one succeeds."""

from __future__ import annotations

import secrets
from typing import Any

from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidRequestError, InvalidScopeError, grants

from sandbox.authorization_context import granted_scope, launch_parameters
from sandbox.launches import LaunchContext
from sandbox.scopes import ScopeSet
from sandbox.services import EhrServices
from sandbox.tokens import AuthorizationCode, Grant, IssuedToken
from sandbox.vendor import VendorProfile

AUTH_METHODS = ["private_key_jwt", "client_secret_basic", "none"]


def as_vendor_sends(token: dict[str, Any], vendor: VendorProfile) -> dict[str, Any]:
    """The token response in the vendor's spelling; it is kept in the store by then."""
    shown = {**token, "token_type": vendor.token_type}
    if not vendor.sends_expires_in:
        del shown["expires_in"]
    return shown


class CodeGrant(grants.AuthorizationCodeGrant):  # type: ignore[misc]  # authlib ships no types
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
            scope=granted_scope(request.scope, context, request.client, services.settings.vendor),
            context=context,
            nonce=data.get("nonce") if services.settings.vendor.echoes_nonce else None,
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
        return status, as_vendor_sends(token, self.server.services.settings.vendor), headers


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
        return as_vendor_sends(token, self.server.services.settings.vendor)

    def revoke_old_credential(self, refresh_token: IssuedToken) -> None:
        """Nothing left to do: the token was spent before the new one was issued."""


class BackendGrant(grants.ClientCredentialsGrant):  # type: ignore[misc]
    """SMART Backend Services: system scopes, asymmetric authentication only (SL-80)."""

    TOKEN_ENDPOINT_AUTH_METHODS = ("private_key_jwt",)

    def validate_requested_scope(self) -> None:
        """`scope` is required here, and a grant of nothing would be of no use."""
        if not self.request.client.get_allowed_scope(self.request.payload.scope):
            raise InvalidScopeError()
