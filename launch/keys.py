"""The client's own signing keys and the assertions made with them (SL-74..78; RFC 7523)."""

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey, import_key

from launch.registry import SigningAlgorithm

ASSERTION_LIFE: Final = timedelta(minutes=4)  # SMART allows five; one is left for clocks that differ
_RSA_BITS: Final = 3072


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A private key as it is kept: a JWK, its algorithm, and whether it signs or is only still published."""

    alg: SigningAlgorithm
    active: bool
    jwk: Mapping[str, Any] = field(repr=False)


class KeyStore(Protocol):
    """Keeps private keys, encrypted, for all workers and hosts."""

    def load(self) -> Sequence[StoredKey]:
        """Every key that is active or still published."""

    def add(self, key: StoredKey) -> None:
        """Store a key; does nothing when an active key of its algorithm is already there."""


class ClientKeys:
    """The keys in use: one active per algorithm, older ones still published."""

    def __init__(self, stored: Sequence[StoredKey]) -> None:
        self._published = [_import(key) for key in stored]
        self._active = {key.alg: _import(key) for key in stored if key.active}

    @classmethod
    def open(cls, store: KeyStore, algorithms: Collection[SigningAlgorithm]) -> "ClientKeys":
        """The stored keys; a missing one for an algorithm in use is made on first start."""
        present = {key.alg for key in store.load() if key.active}
        for algorithm in sorted(set(algorithms) - present):
            store.add(new_key(algorithm))
        return cls(store.load())

    def sign_assertion(self, *, client_id: str, audience: str, alg: SigningAlgorithm, now: datetime) -> str:
        """A fresh client assertion for one request to the token endpoint `audience` (SL-75)."""
        key = self._active[alg]
        issued_at = int(now.timestamp())
        claims = {
            "iss": client_id,
            "sub": client_id,
            "aud": audience,
            "iat": issued_at,
            "exp": issued_at + int(ASSERTION_LIFE.total_seconds()),
            "jti": secrets.token_urlsafe(32),
        }
        return jwt.encode({"alg": alg, "kid": key.kid, "typ": "JWT"}, claims, key, algorithms=[alg])

    def public_jwks(self) -> dict[str, Any]:
        """The JWKS to publish: public members only (SL-76)."""
        return {"keys": [key.as_dict(private=False) for key in self._published]}

    def __bool__(self) -> bool:
        return bool(self._active)


def new_key(alg: SigningAlgorithm) -> StoredKey:
    """A new active key: P-384 for ES384, 3072-bit RSA for RS384; its `kid` is the RFC 7638 thumbprint."""
    key = ECKey.generate_key("P-384") if alg == "ES384" else RSAKey.generate_key(_RSA_BITS)
    jwk = {**key.as_dict(private=True), "kid": key.thumbprint(), "alg": alg, "use": "sig"}
    return StoredKey(alg=alg, active=True, jwk=jwk)


def _import(stored: StoredKey) -> ECKey | RSAKey:
    key = import_key(dict(stored.jwk))
    if not isinstance(key, ECKey | RSAKey):
        raise TypeError("a signing key must be EC or RSA")
    return key
