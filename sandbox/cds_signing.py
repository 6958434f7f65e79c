"""The JWT that proves this EHR to a CDS service, and the ways a tester may spoil it (CH-47..CH-51)."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from joserfc import jwt

from sandbox.cds_dialects import CdsDialect
from sandbox.services import EhrServices

SERVICE_CLIENT_ID = "aki-sentinel"

FLAWS: Mapping[str, str] = {
    "": "As it should be",
    "missing": "No token at all",
    "signature": "Signature changed",
    "unsigned": "Not signed (alg none)",
    "expired": "Expired an hour ago",
    "audience": "For another address",
    "issuer": "From an unknown issuer",
    "repeated": "The jti of the last good token",
}
"""What may be wrong with a token on purpose; every service must refuse all but the first."""

_HOUR = 3600


@dataclass(frozen=True, slots=True)
class SignedToken:
    """The JWT of one call; header and claims may be shown, the token itself never."""

    text: str = field(repr=False)
    header: Mapping[str, Any]
    claims: Mapping[str, Any]


class Signer:
    """Signs as this EHR, in any dialect."""

    def __init__(self, services: EhrServices) -> None:
        self._services = services
        self._last_jti: dict[str, str] = {}

    def sign(self, audience: str, dialect: CdsDialect, flaw: str = "") -> SignedToken:
        """The token for one call of `audience`; `flaw` is a key of `FLAWS`. Raises KeyError for another."""
        FLAWS[flaw]
        key = self._services.keys.for_algorithm(dialect.algorithm)
        header = {
            "alg": dialect.algorithm,
            "typ": "JWT",
            "kid": str(key.kid),
            "jku": self._services.settings.jwks_uri,
        }
        claims = self._claims(audience, dialect)
        claims |= self._spoilt(flaw, self._last_jti.get(audience, claims["jti"]))
        if not flaw:
            self._last_jti[audience] = claims["jti"]
        if flaw == "missing":
            return SignedToken("", {}, {})
        if flaw == "unsigned":
            header = {"alg": "none", "typ": "JWT"}
            return SignedToken(f"{_part(header)}.{_part(claims)}.", header, claims)
        text = jwt.encode(header, claims, key, algorithms=[dialect.algorithm])
        return SignedToken(_with_other_signature(text) if flaw == "signature" else text, header, claims)

    def _claims(self, audience: str, dialect: CdsDialect) -> dict[str, Any]:
        settings = self._services.settings
        now = int(self._services.clock().timestamp())
        claims: dict[str, Any] = {
            "iss": settings.cds_issuer,
            "aud": audience,
            "iat": now,
            "exp": now + dialect.token_life_seconds,
            "jti": str(uuid.uuid4()),
        }
        if dialect.nbf_before_iat_seconds is not None:
            claims["nbf"] = now - dialect.nbf_before_iat_seconds
        if dialect.names_subject:
            claims["sub"] = SERVICE_CLIENT_ID
        if settings.tenant:
            claims["tenant"] = settings.tenant
        return claims

    def _spoilt(self, flaw: str, jti_before: str) -> dict[str, Any]:
        """The claims that a flaw changes."""
        now = int(self._services.clock().timestamp())
        changed: dict[str, dict[str, Any]] = {
            "expired": {"iat": now - 2 * _HOUR, "exp": now - _HOUR},
            "audience": {"aud": "https://elsewhere.example/cds-services"},
            "issuer": {"iss": "https://unknown.example"},
            "repeated": {"jti": jti_before},
        }
        return changed.get(flaw, {})


def _part(value: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _with_other_signature(text: str) -> str:
    """The token with the first character of its signature exchanged: the last may hold unused bits."""
    signed, _, signature = text.rpartition(".")
    return f"{signed}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"
