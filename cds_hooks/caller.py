"""Who is calling: the CDS client's JWT, verified against the registered clients (CH-47 to CH-55).

Cheap refusals come first and no key is looked up for an algorithm nobody allows. Every failure is the same
`CallerRefused`; its `reason` is for the log. Keys named in the token (`jwk`, `x5c`, `x5u`) are never looked at.
"""

import base64
import binascii
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from joserfc import jws
from joserfc.errors import JoseError

from cds_hooks.clients import CdsClient, CdsClientRegistry
from cds_hooks.errors import CallerRefused
from cds_hooks.keys import PublicKey, TrustedKeys, key_serves
from cds_hooks.replay import CallToken, UsedTokens

MAX_TOKEN_BYTES = 8192
MAX_HEADER_BYTES = 4096
MAX_NAME_CHARACTERS = 512  # of kid and jti
LEEWAY_SECONDS = 60.0


class _RoomyRegistry(jws.JWSRegistry):
    """joserfc's header limit (512 bytes) is below a long `jku` beside a `kid`; ours caps the whole token first."""

    max_header_length = MAX_HEADER_BYTES


@dataclass(frozen=True, slots=True)
class Caller:
    """A CDS client that proved who it is; `token` is None only for the unauthenticated development client."""

    client: CdsClient
    token: CallToken | None


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    header: Mapping[str, Any]
    claims: Mapping[str, Any]  # not to be believed before the signature is verified

    @property
    def iss(self) -> str | None:
        return _text(self.claims.get("iss"))

    @property
    def jti(self) -> str | None:
        return _text(self.claims.get("jti"))

    def refusal(self, reason: str) -> CallerRefused:
        return CallerRefused(reason, iss=self.iss, jti=self.jti)


class CallerCheck:
    """Verifies the header `Authorization` of one request after another. Holds no state but its collaborators."""

    def __init__(self, registry: CdsClientRegistry, keys: TrustedKeys, used_tokens: UsedTokens) -> None:
        self._registry = registry
        self._keys = keys
        self._used_tokens = used_tokens

    @contextmanager
    def admitted(self, authorization: str | None, *, url: str, now: datetime) -> Iterator[Caller]:
        """`verify`; a call that ends in an exception has used up its token too, recorded or not."""
        caller = self.verify(authorization, url=url, now=now)
        try:
            yield caller
        except Exception:
            if caller.token is not None and not self._used_tokens.has(caller.token):
                self._used_tokens.remember(caller.token)
            raise

    def verify(self, authorization: str | None, *, url: str, now: datetime) -> Caller:
        """The registered client behind the token; `url` is the public URL called. Raises CallerRefused.

        The token is looked up, not used up: that happens where the call is recorded, before its answer leaves.
        """
        if authorization is None and self._registry.unauthenticated is not None:
            return Caller(self._registry.unauthenticated, token=None)
        token = _read_token(authorization)
        alg = _check_header(token, self._registry)
        client = self._client_of(token)
        _check_key_address(token, client)
        if alg not in client.algorithms:
            raise token.refusal("alg-not-allowed-for-client")
        key = self._keys.find(client, str(token.header["kid"]), now=now)
        _check_signature(token, key, alg)
        expires_at = _check_claims(token, client, url=url, now=now)
        of_this_call = CallToken(client.iss, str(token.jti), expires_at)
        if self._used_tokens.has(of_this_call):
            raise of_this_call.replayed()
        return Caller(client, of_this_call)

    def _client_of(self, token: _Token) -> CdsClient:
        # Only chooses whose keys to try: a claim counts once those keys have verified the signature.
        if token.iss is None:
            raise token.refusal("iss-missing")
        client = self._registry.by_iss(token.iss, _text(token.claims.get("tenant")))
        if client is None:
            raise token.refusal("iss-unknown")
        return client


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= MAX_NAME_CHARACTERS else None


def _read_token(authorization: str | None) -> _Token:
    if authorization is None:
        raise CallerRefused("no-token")
    scheme, _, text = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise CallerRefused("not-bearer")
    if len(text) > MAX_TOKEN_BYTES:
        raise CallerRefused("token-too-large")
    segments = text.split(".")
    if len(segments) != 3 or not text.isascii():
        raise CallerRefused("not-a-jws")
    return _Token(text, _json_object(segments[0]), _json_object(segments[1]))


def _json_object(segment: str) -> Mapping[str, Any]:
    try:
        raw = base64.b64decode(segment + "=" * (-len(segment) % 4), altchars=b"-_", validate=True)
        found = msgspec.json.decode(raw)
    except (binascii.Error, msgspec.MsgspecError, UnicodeError, RecursionError) as problem:
        raise CallerRefused("token-unreadable") from problem
    if not isinstance(found, dict):
        raise CallerRefused("token-unreadable")
    return found


def _check_header(token: _Token, registry: CdsClientRegistry) -> str:
    """The algorithm, once the header is fit to be acted on. `none` and every HMAC end here (CH-48)."""
    header = token.header
    alg = header.get("alg")
    if not isinstance(alg, str) or alg not in registry.algorithms:
        raise token.refusal("alg-refused")
    if not isinstance(header.get("typ"), str) or header["typ"].upper() != "JWT":
        raise token.refusal("typ-refused")
    if "crit" in header:
        raise token.refusal("crit-refused")
    if _text(header.get("kid")) is None:
        raise token.refusal("kid-missing")
    return alg


def _check_key_address(token: _Token, client: CdsClient) -> None:
    """A `jku` counts only when it is the registered one, letter for letter (CH-50)."""
    if "jku" in token.header and token.header["jku"] != client.jku:
        raise token.refusal("jku-not-registered")


def _check_signature(token: _Token, key: PublicKey | None, alg: str) -> None:
    if key is None:
        raise token.refusal("kid-unknown")
    if not key_serves(key, alg):
        raise token.refusal("key-does-not-fit-alg")
    registry = _RoomyRegistry(algorithms=[alg], strict_check_header=False)
    try:
        jws.deserialize_compact(token.text, key, registry=registry)
    except (JoseError, ValueError) as problem:
        raise token.refusal("signature-wrong") from problem


def _check_claims(token: _Token, client: CdsClient, *, url: str, now: datetime) -> datetime:
    """When the token stops counting. Raises CallerRefused when it does not count now, here, for this client."""
    claims = token.claims
    if client.tenant is not None and claims.get("tenant") != client.tenant:
        raise token.refusal("tenant-wrong")
    if client.subject is not None and claims.get("sub") != client.subject:
        raise token.refusal("sub-wrong")
    audiences = claims.get("aud")
    named = audiences if isinstance(audiences, list) else [audiences]
    if not any(audience == url or audience in client.audiences for audience in named):
        raise token.refusal("aud-wrong")
    if token.jti is None:
        raise token.refusal("jti-missing")
    return _check_times(token, client, now.timestamp())


def _check_times(token: _Token, client: CdsClient, now: float) -> datetime:
    expires, issued = _instant(token, "exp"), _instant(token, "iat")
    if expires is None or issued is None:
        raise token.refusal("exp-or-iat-missing")
    not_before = _instant(token, "nbf") if "nbf" in token.claims else issued
    if not_before is None or max(issued, not_before) > now + LEEWAY_SECONDS:
        raise token.refusal("not-yet-valid")
    if expires <= now - LEEWAY_SECONDS:
        raise token.refusal("expired")
    if not 0 < expires - issued <= client.max_token_life_seconds:
        raise token.refusal("life-too-long")
    return datetime.fromtimestamp(expires, UTC) + timedelta(seconds=LEEWAY_SECONDS)


def _instant(token: _Token, claim: str) -> float | None:
    value = token.claims.get(claim)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        seconds = float(value)
    except OverflowError:
        return None
    return seconds if math.isfinite(seconds) else None
