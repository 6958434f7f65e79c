"""`private_key_jwt`: client assertions checked as a strict EHR does, with keys from the client's JWKS URL.

SMART App Launch 2.2 client-confidential-asymmetric; RFC 7523; SL-74..SL-76.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
from authlib.oauth2.rfc6749 import InvalidClientError
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from joserfc import jwk, jwt
from joserfc.errors import JoseError

from sandbox.clients import RegisteredClient
from sandbox.settings import ClientRegistration
from sandbox.tokens import TokenStore

ASSERTION_ALGORITHMS = ("RS384", "ES384")
MAX_ASSERTION_SECONDS = 300
CLOCK_SKEW_SECONDS = 10
MAX_JTI_LENGTH = 256

_JWKS_TIMEOUT = (2.0, 5.0)
_JWKS_MAX_BYTES = 65_536
_JWKS_CACHE_LIFE = timedelta(minutes=10)

JwksFetch = Callable[[str], bytes]


def fetch_jwks(url: str) -> bytes:
    """Read a JWKS document: no redirects, a few seconds, 64 KiB at most. Raises OSError or ValueError."""
    headers = {"Accept": "application/json"}
    with requests.get(url, headers=headers, timeout=_JWKS_TIMEOUT, stream=True, allow_redirects=False) as response:
        if response.status_code != requests.codes.ok:
            raise ValueError("JWKS URL did not answer 200")
        body = b""
        for chunk in response.iter_content(8192):
            body += chunk
            if len(body) > _JWKS_MAX_BYTES:
                raise ValueError("JWKS is too large")
    return body


@dataclass(frozen=True, slots=True)
class _CachedKeys:
    read_at: datetime
    keys: Mapping[str, jwk.Key]


class ClientKeys:
    """Public keys of registered clients, cached; an unknown `kid` causes one fresh read, so keys can rotate."""

    def __init__(self, clock: Callable[[], datetime], fetch: JwksFetch = fetch_jwks) -> None:
        self._clock = clock
        self._fetch = fetch
        self._cache: dict[str, _CachedKeys] = {}
        self._lock = threading.Lock()

    def find(self, registration: ClientRegistration, kid: str) -> jwk.Key:
        """The client's key of that id. Raises InvalidClientError."""
        if registration.jwks is not None:
            keys: Mapping[str, jwk.Key] = _keys_by_id(registration.jwks)
        else:
            keys = self._cached(registration)
            if kid not in keys:
                keys = self._read(registration)
        if kid not in keys:
            raise InvalidClientError(description="The assertion's kid is not among the client's keys.")
        return keys[kid]

    def _cached(self, registration: ClientRegistration) -> Mapping[str, jwk.Key]:
        with self._lock:
            cached = self._cache.get(registration.client_id)
        if cached and cached.read_at + _JWKS_CACHE_LIFE > self._clock():
            return cached.keys
        return self._read(registration)

    def _read(self, registration: ClientRegistration) -> Mapping[str, jwk.Key]:
        try:
            keys = _keys_by_id(json.loads(self._fetch(registration.jwks_uri or "")))
        except (OSError, ValueError, RecursionError) as error:
            raise InvalidClientError(description="The client's JWKS could not be read.") from error
        with self._lock:
            self._cache[registration.client_id] = _CachedKeys(self._clock(), keys)
        return keys


def _keys_by_id(document: Any) -> dict[str, jwk.Key]:
    """Usable RSA and EC keys; what cannot be read is skipped. Raises ValueError when it is no JWKS."""
    if not isinstance(document, dict) or not isinstance(document.get("keys"), list):
        raise ValueError("not a JWKS")
    keys: dict[str, jwk.Key] = {}
    for entry in document["keys"]:
        if not isinstance(entry, dict) or entry.get("kty") not in ("RSA", "EC"):
            continue
        if not isinstance(entry.get("kid"), str):
            continue
        try:
            keys[entry["kid"]] = jwk.import_key(entry)
        except (JoseError, ValueError):
            continue
    return keys


class PrivateKeyJwt(JWTBearerClientAssertion):  # type: ignore[misc]  # authlib ships no types
    """authlib's RFC 7523 client authentication under SMART's stricter rules."""

    CLIENT_AUTH_METHOD = "private_key_jwt"

    def __init__(
        self, token_endpoint: str, keys: ClientKeys, tokens: TokenStore, clock: Callable[[], datetime]
    ) -> None:
        super().__init__()
        self._token_endpoint = token_endpoint
        self._keys = keys
        self._tokens = tokens
        self._clock = clock

    def __call__(self, query_client: Any, request: Any) -> RegisteredClient | None:
        client: RegisteredClient | None = super().__call__(query_client, request)
        named = request.form.get("client_id")
        if client is not None and named and named != client.client_id:
            raise InvalidClientError(description="client_id and assertion name different clients.")
        return client

    def get_audiences(self) -> list[str]:
        return [self._token_endpoint]

    def resolve_client_public_key(self, client: RegisteredClient) -> Callable[[Any], jwk.Key]:
        """The key is chosen by joserfc's call-back, because it depends on the assertion's header."""

        def choose(token: Any) -> jwk.Key:
            header = token.headers()
            _check_header(header, client.registration)
            return self._keys.find(client.registration, header["kid"])

        return choose

    def process_assertion_claims(self, assertion: str, resolve_key: Any) -> Any:
        try:
            token = jwt.decode(assertion, resolve_key, algorithms=list(ASSERTION_ALGORITHMS))
        except (JoseError, ValueError) as error:
            raise InvalidClientError(description="The client assertion cannot be verified.") from error
        self.verify_claims(token.claims)
        return token.claims

    def verify_claims(self, claims: Mapping[str, Any]) -> None:
        """Issuer, audience, life of at most five minutes, and an id never used before."""
        if claims.get("iss") != claims.get("sub"):
            raise InvalidClientError(description="iss and sub of the assertion must both be the client id.")
        audience = claims.get("aud")
        if self._token_endpoint not in (audience if isinstance(audience, list) else [audience]):
            raise InvalidClientError(description="aud of the assertion must be the token endpoint.")
        expires_at = self._check_life(claims)
        jti = claims.get("jti")
        if not isinstance(jti, str) or not 0 < len(jti) <= MAX_JTI_LENGTH:
            raise InvalidClientError(description="The assertion needs a jti.")
        if not self._tokens.first_use_of_jti(claims["sub"], jti, expires_at):
            raise InvalidClientError(description="The assertion's jti was used before.")

    def _check_life(self, claims: Mapping[str, Any]) -> datetime:
        now = self._clock().timestamp()
        exp = _seconds(claims, "exp")
        if exp is None:
            raise InvalidClientError(description="The assertion needs exp.")
        issued = _seconds(claims, "iat")
        if exp - now > MAX_ASSERTION_SECONDS + CLOCK_SKEW_SECONDS:
            raise InvalidClientError(description="The assertion lives longer than five minutes.")
        if issued is not None and exp - issued > MAX_ASSERTION_SECONDS:
            raise InvalidClientError(description="The assertion lives longer than five minutes.")
        if exp <= now - CLOCK_SKEW_SECONDS:
            raise InvalidClientError(description="The assertion has expired.")
        for name in ("nbf", "iat"):
            not_before = _seconds(claims, name)
            if not_before is not None and not_before > now + CLOCK_SKEW_SECONDS:
                raise InvalidClientError(description="The assertion is not valid yet.")
        return datetime.fromtimestamp(exp + CLOCK_SKEW_SECONDS, UTC)


def _check_header(header: Mapping[str, Any], registration: ClientRegistration) -> None:
    if not isinstance(header.get("kid"), str):
        raise InvalidClientError(description="The assertion needs a kid.")
    if str(header.get("typ", "")).upper() != "JWT":
        raise InvalidClientError(description="The assertion's typ must be JWT.")
    if "jku" in header and header["jku"] != registration.jwks_uri:
        raise InvalidClientError(description="The assertion's jku is not the registered JWKS URL.")


def _seconds(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e11:
        raise InvalidClientError(description=f"{name} of the assertion is not a time.")
    return float(value)
