"""From an `Authorization` header to what its bearer may do: the gate in front of the FHIR server."""

from __future__ import annotations

from sandbox.errors import AccessDenied
from sandbox.scopes import Access
from sandbox.tokens import TokenStore


class BearerGate:
    """Called by the FHIR server with the header of each request."""

    def __init__(self, tokens: TokenStore) -> None:
        self._tokens = tokens

    def __call__(self, header: str | None) -> Access:
        """Raises AccessDenied (401) unless the header holds a live access token."""
        token = _token_in(header)
        if not token:
            raise AccessDenied(401, "login", "An access token is needed: Authorization: Bearer ...")
        access = self._tokens.access(token)
        if access is None:
            raise AccessDenied(401, "login", "The access token is unknown, has expired or was revoked.")
        return access

    def end(self, header: str | None) -> None:
        """The header's access token is good for nothing from now on; a refresh token stays."""
        token = self._tokens.find(_token_in(header), "access_token")
        if token is not None:
            self._tokens.revoke(token)


def _token_in(header: str | None) -> str:
    scheme, _, token = (header or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
