"""The id_token: who the clinician is (SMART App Launch 2.2, scopes page; SL-41..SL-44)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from authlib.oidc.core import OpenIDCode

from sandbox.practitioners import find_practitioner
from sandbox.scopes import ScopeSet
from sandbox.services import EhrServices
from sandbox.vendor import FhirUser

ID_TOKEN_LIFE = timedelta(minutes=5)


def fhir_user_reference(form: FhirUser, fhir_base: str, user: str) -> str:
    """The clinician's reference as vendors spell it (SL-44): one of them puts it below its login server."""
    if form in ("relative", "profile"):
        return f"Practitioner/{user}"
    if form == "elsewhere":
        parts = urlsplit(fhir_base)
        return f"{parts.scheme}://{parts.netloc}/oauth2/api/FHIR/R4/Practitioner/{user}"
    return f"{fhir_base}/Practitioner/{user}"


class IdToken(OpenIDCode):  # type: ignore[misc]  # authlib ships no types
    """RS256 id_token; its issuer is the FHIR base unless the vendor's is another."""

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
        header = {"alg": "RS256", "kid": str(self._services.keys.id_token.kid), "typ": "JWT"}
        if not self._services.settings.vendor.names_key:
            del header["kid"]
        return header

    def get_client_claims(self, client: Any) -> dict[str, Any]:
        now = int(self._services.clock().timestamp())
        return {
            "iss": self._services.settings.issuer,
            "aud": client.client_id,
            "iat": now,
            "exp": now + int(ID_TOKEN_LIFE.total_seconds()),
        }

    def generate_user_info(self, user: str, scope: str) -> dict[str, Any]:
        scopes = ScopeSet.parse(scope)
        settings = self._services.settings
        reference = fhir_user_reference(settings.vendor.fhir_user, settings.fhir_base, user)
        claims: dict[str, Any] = {"sub": user}
        if "fhirUser" in scopes and settings.vendor.fhir_user not in ("profile", "none"):
            claims["fhirUser"] = reference
        if settings.vendor.fhir_user == "none":
            return {**claims, "preferred_username": user}
        if "profile" in scopes or settings.vendor.fhir_user == "profile":
            claims["profile"] = reference
            practitioner = find_practitioner(user)
            if practitioner:
                claims["name"] = practitioner.name
        return claims
