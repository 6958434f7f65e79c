"""Revocation and introspection over the token store."""

from __future__ import annotations

from typing import Any

from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7662 import IntrospectionEndpoint

from sandbox.authorization_context import patient_and_encounter
from sandbox.authorization_grants import AUTH_METHODS
from sandbox.tokens import IssuedToken


class Revocation(RevocationEndpoint):  # type: ignore[misc]  # authlib ships no types
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
            answer |= {"iss": settings.iss, "sub": context.practitioner_id}
            answer["fhirUser"] = f"{settings.fhir_base}/{token.grant.fhir_user}"
            answer |= patient_and_encounter(context)
        return answer
