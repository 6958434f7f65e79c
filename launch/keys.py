"""The client's own signing keys and the assertions made with them (SL-74..78; RFC 7523)."""

import contextlib
import secrets
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey, import_key

from launch.registry import SigningAlgorithm

ASSERTION_LIFE: Final = timedelta(minutes=4)  # SMART allows five; one is left for clocks that differ
CLOCK_TOLERANCE: Final = timedelta(minutes=1)  # an EHR whose clock is behind must not see a future `iat`
_RSA_BITS: Final = 3072
_KEPT_FOR: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A private key as it is kept. It is published at once and signs from `signs_from` (None: from the start),
    until the one that `succeeds` it does."""

    alg: SigningAlgorithm
    jwk: Mapping[str, Any] = field(repr=False)
    signs_from: datetime | None = None
    succeeds: str = ""

    @property
    def kid(self) -> str:
        """The key's id: its RFC 7638 thumbprint."""
        return str(self.jwk["kid"])


class KeysUnreadable(Exception):
    """The store of keys does not answer just now."""


class KeyStore(Protocol):
    """Keeps private keys, encrypted, for all workers and hosts."""

    def load(self) -> Sequence[StoredKey]:
        """Every published key, in the order they sign. Raises KeysUnreadable."""

    def add(self, key: StoredKey) -> bool:
        """Store a key. False, and nothing stored, when another one already succeeds the same key."""

    def remove(self, kid: str) -> None:
        """Forget a key. Removing one that is gone is no error."""


class ClientKeys:
    """The keys in use: one signs per algorithm, all are published. Read anew every minute, so that a rotation
    reaches every worker without a restart."""

    def __init__(
        self,
        stored: Sequence[StoredKey],
        *,
        store: KeyStore | None = None,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self._stored = tuple(stored)
        self._imported = {key.kid: _import(key) for key in stored}
        self._store = store
        self._clock = clock
        self._read_at = clock() if clock else None
        self._lock = threading.Lock()

    @classmethod
    def open(
        cls, store: KeyStore, algorithms: Collection[SigningAlgorithm], *, clock: Callable[[], datetime]
    ) -> "ClientKeys":
        """The stored keys; a missing one for an algorithm in use is made on first start."""
        present = {key.alg for key in store.load()}
        for algorithm in sorted(set(algorithms) - present):
            store.add(new_key(algorithm))
        return cls(store.load(), store=store, clock=clock)

    def sign_assertion(self, *, client_id: str, audience: str, alg: SigningAlgorithm, now: datetime) -> str:
        """A fresh client assertion for one request to the token endpoint `audience` (SL-75)."""
        signing = signing_key(self._current(), alg, now)
        if signing is None:
            raise KeysUnreadable
        key = self._imported[signing.kid]
        issued_at = int((now - CLOCK_TOLERANCE).timestamp())
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
        return {"keys": [self._imported[key.kid].as_dict(private=False) for key in self._current()]}

    def __bool__(self) -> bool:
        return bool(self._stored)

    def _current(self) -> tuple[StoredKey, ...]:
        """The keys as of the last minute; the ones known when the store does not answer."""
        if self._store is None or self._clock is None or self._read_at is None:
            return self._stored
        with self._lock:
            now = self._clock()
            if abs(now - self._read_at) >= _KEPT_FOR:  # abs: also once a clock was set back
                self._read_at = now
                with contextlib.suppress(KeysUnreadable):
                    self._take(self._store.load())
            return self._stored

    def _take(self, stored: Sequence[StoredKey]) -> None:
        new = {key.kid: _import(key) for key in stored if key.kid not in self._imported}
        self._imported = {**self._imported, **new}
        self._stored = tuple(stored)


def signing_key(stored: Sequence[StoredKey], alg: SigningAlgorithm, now: datetime) -> StoredKey | None:
    """The key that signs for an algorithm at `now`: the last one whose time has come.

    Before the time of all of them (a clock was set back) the first: it is published, and nothing else could sign.
    """
    serving = [key for key in stored if key.alg == alg]
    begun = [key for key in serving if key.signs_from is None or key.signs_from <= now]
    if begun:
        return begun[-1]
    return serving[0] if serving else None


def successor(stored: Sequence[StoredKey], alg: SigningAlgorithm, *, signs_from: datetime) -> StoredKey:
    """A new key that follows the last one of its algorithm (SL-77): published now, signing from `signs_from`."""
    last = [key for key in stored if key.alg == alg]
    return replace(new_key(alg), signs_from=signs_from, succeeds=last[-1].kid if last else "")


def new_key(alg: SigningAlgorithm) -> StoredKey:
    """A new key: P-384 for ES384, 3072-bit RSA for RS384; its `kid` is the RFC 7638 thumbprint."""
    key = ECKey.generate_key("P-384") if alg == "ES384" else RSAKey.generate_key(_RSA_BITS)
    jwk = {**key.as_dict(private=True), "kid": key.thumbprint(), "alg": alg, "use": "sig"}
    return StoredKey(alg=alg, jwk=jwk)


def _import(stored: StoredKey) -> ECKey | RSAKey:
    key = import_key(dict(stored.jwk))
    if not isinstance(key, ECKey | RSAKey):
        raise TypeError("a signing key must be EC or RSA")
    return key
