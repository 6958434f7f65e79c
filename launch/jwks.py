"""The issuer's public keys, fetched only from the EHR's trusted origins and kept for minutes."""

import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey, import_key

from launch.errors import LaunchError

_KEY_TYPE: Final = {"RS256": "RSA", "RS384": "RSA", "ES256": "EC", "ES384": "EC"}
_CURVE: Final = {"ES256": "P-256", "ES384": "P-384"}
_PUBLIC_MEMBERS: Final = ("kty", "kid", "alg", "n", "e", "crv", "x", "y")
_MAX_KEYS: Final = 100
_MIN_RSA_BITS: Final = 2048
_KEPT_FOR: Final = timedelta(minutes=10)
_REFETCH_PAUSE: Final = timedelta(seconds=10)

PublicKey = RSAKey | ECKey


class IssuerKeys(Protocol):
    """Looks up a verification key."""

    def find(self, kid: str | None, algorithm: str) -> PublicKey | None:
        """The one key that fits; None when there is none, or when the choice is not certain."""


class FetchedKeys:
    """A key set behind a fetch function; fetched again once when a `kid` is unknown (SL-43).

    Threads that wait for a fetch share its outcome, a failure too: waiting for an issuer that hangs, one after the
    other, they would keep every thread there is.
    """

    def __init__(self, fetch: Callable[[], Mapping[str, Any]], clock: Callable[[], datetime]) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: tuple[PublicKey, ...] = ()
        self._fetched_at: datetime | None = None
        self._failure: tuple[datetime, LaunchError] | None = None

    def find(self, kid: str | None, algorithm: str) -> PublicKey | None:
        """The one key that fits `kid` and `algorithm`. Raises what the fetch raises."""
        with self._lock:
            self._refresh(_KEPT_FOR)
            found = _choose(self._keys, kid, algorithm)
            if found is None and self._refresh(_REFETCH_PAUSE):
                found = _choose(self._keys, kid, algorithm)
            return found

    def _refresh(self, kept_for: timedelta) -> bool:
        now = self._clock()
        if self._fetched_at is not None and abs(now - self._fetched_at) < kept_for:
            return False
        if self._failure is not None and abs(now - self._failure[0]) < _REFETCH_PAUSE:
            raise self._failure[1].with_traceback(None)
        try:
            self._keys = usable_keys(self._fetch())
        except LaunchError as error:
            self._failure = self._clock(), error
            raise
        self._fetched_at, self._failure = now, None
        return True


def usable_keys(jwks: Mapping[str, Any]) -> tuple[PublicKey, ...]:
    """The public RSA and EC signature keys of a JWKS; unusable entries are skipped, never fatal."""
    entries = jwks.get("keys")
    found = (_public_key(entry) for entry in entries[:_MAX_KEYS]) if isinstance(entries, list) else ()
    return tuple(key for key in found if key is not None)


def _public_key(entry: object) -> PublicKey | None:
    if not isinstance(entry, dict) or entry.get("kty") not in ("RSA", "EC") or entry.get("use", "sig") != "sig":
        return None
    if entry["kty"] == "RSA" and len(str(entry.get("n"))) * 6 < _MIN_RSA_BITS:
        return None
    try:
        key = import_key({name: entry[name] for name in _PUBLIC_MEMBERS if name in entry})
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return key if isinstance(key, RSAKey | ECKey) else None


def _choose(keys: tuple[PublicKey, ...], kid: str | None, algorithm: str) -> PublicKey | None:
    fitting = [key for key in keys if _fits(key, algorithm) and kid in (None, key.kid)]
    return fitting[0] if len(fitting) == 1 else None


def _fits(key: PublicKey, algorithm: str) -> bool:
    same_curve = not isinstance(key, ECKey) or key.curve_name == _CURVE.get(algorithm)
    return key.key_type == _KEY_TYPE.get(algorithm) and same_curve and key.alg in (None, algorithm)
