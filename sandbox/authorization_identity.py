"""The id_token: who the clinician is (SMART App Launch 2.2, scopes page; SL-41..SL-44)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from authlib.oidc.core import OpenIDCode

from sandbox.practitioners import find_practitioner
from sandbox.scopes import ScopeSet
from sandbox.services import EhrServices

ID_TOKEN_LIFE = timedelta(minutes=5)


class IdToken(OpenIDCode):  # type: ignore[misc]  # authlib ships no types
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
