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
        scheme, _, token = (header or "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise AccessDenied(401, "login", "An access token is needed: Authorization: Bearer ...")
        access = self._tokens.access(token.strip())
        if access is None:
            raise AccessDenied(401, "login", "The access token is unknown, has expired or was revoked.")
        return access
