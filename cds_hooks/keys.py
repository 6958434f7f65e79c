"""The public keys a registered client signs with: parsed once, fetched rarely, from one address only."""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import requests
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, RSAKey

from cds_hooks.clients import CdsClient

PublicKey = ECKey | RSAKey
SessionFor = Callable[[str], requests.Session]  # by ehr_id

REFETCH_INTERVAL = timedelta(seconds=60)  # an unknown-kid storm costs the EHR one request a minute
RETRY_INTERVAL = timedelta(seconds=10)  # while no key has ever been had
FRESH_FOR = timedelta(hours=1)  # how long a withdrawn key may go unnoticed while the key set is reachable
USABLE_FOR = timedelta(hours=24)  # how long known keys outlive an unreachable key set
FETCH_TIMEOUT_SECONDS = (1.0, 1.5)
MAX_JWKS_BYTES = 256 * 1024
MAX_KEYS = 100
MIN_RSA_BITS = 2048
CURVE_OF = {"ES256": "P-256", "ES384": "P-384"}
KEY_TYPE_OF = {"ES256": "EC", "ES384": "EC", "RS256": "RSA", "RS384": "RSA"}

_log = logging.getLogger(__name__)


def parse_public_keys(jwks: Any) -> dict[str, PublicKey]:
    """The usable verification keys of a JWK Set by `kid`.

    Left out: keys without `kid`, symmetric keys, keys for encryption, short RSA keys, anything that carries
    private parts, and every key whose `kid` occurs twice with different contents (which one was meant?).
    """
    entries = jwks.get("keys") if isinstance(jwks, Mapping) else None
    if not isinstance(entries, list):
        return {}
    found: dict[str, PublicKey] = {}
    repeated: set[str] = set()
    for entry in entries[:MAX_KEYS]:
        key = _public_key(entry)
        if key is None:
            continue
        kid = str(entry["kid"])
        if kid in found and found[kid].thumbprint() != key.thumbprint():
            repeated.add(kid)
        found[kid] = key
    return {kid: key for kid, key in found.items() if kid not in repeated}


def _public_key(entry: Any) -> PublicKey | None:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("kid"), str) or "d" in entry:
        return None
    if entry.get("kty") not in {"EC", "RSA"} or entry.get("use", "sig") != "sig" or _is_short(entry):
        return None
    try:
        key = JWKRegistry.import_key(dict(entry))
        key.get_op_key("verify")
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return key if isinstance(key, ECKey | RSAKey) else None


def _is_short(entry: Mapping[str, Any]) -> bool:
    """Whether an RSA modulus, in base64url, is below the least length (NIST SP 800-131A)."""
    return entry["kty"] == "RSA" and len(str(entry.get("n", ""))) * 6 < MIN_RSA_BITS


def key_serves(key: PublicKey, alg: str) -> bool:
    """Whether a key is of the type, curve and declared algorithm that `alg` needs (no confusion of either)."""
    declared = key.alg
    if key.key_type != KEY_TYPE_OF[alg] or (declared is not None and declared != alg):
        return False
    return not isinstance(key, ECKey) or key.curve_name == CURVE_OF[alg]


@dataclass(slots=True)
class _Known:
    keys: dict[str, PublicKey] = field(default_factory=dict)
    fetched_at: datetime | None = None
    tried_at: datetime | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


class TrustedKeys:
    """The verification keys of every registered client. One per process; safe between threads.

    Static key sets are parsed here, once; a key set behind a registered `jku` is fetched when first needed,
    hourly, and at most once a minute for a `kid` nobody knows (CH-51).
    """

    def __init__(self, clients: Iterable[CdsClient], session_for: SessionFor) -> None:
        self._session_for = session_for
        self._static = {self._name(c): parse_public_keys(c.jwks) for c in clients if c.jwks is not None}
        self._fetched: dict[tuple[str, str | None], _Known] = {
            self._name(c): _Known() for c in clients if c.jwks is None
        }

    def find(self, client: CdsClient, kid: str, *, now: datetime) -> PublicKey | None:
        """The client's key of this id, or None. Fetches from the client's registered `jku` and nowhere else."""
        name = self._name(client)
        if name in self._static:
            return self._static[name].get(kid)
        known = self._fetched[name]
        if kid not in known.keys or self._is_older(known.fetched_at, FRESH_FOR, now):
            self._refresh(client, known, kid, now)
        if self._is_older(known.fetched_at, USABLE_FOR, now):
            return None
        return known.keys.get(kid)

    @staticmethod
    def _name(client: CdsClient) -> tuple[str, str | None]:
        return client.iss, client.tenant

    @staticmethod
    def _is_older(moment: datetime | None, span: timedelta, now: datetime) -> bool:
        return moment is None or abs(now - moment) > span  # abs: also once a clock was set back

    def _refresh(self, client: CdsClient, known: _Known, kid: str, now: datetime) -> None:
        # Who finds a fetch under way waits only when it has no key to go on with.
        if not known.lock.acquire(blocking=kid not in known.keys):
            return
        try:
            interval = REFETCH_INTERVAL if known.keys else RETRY_INTERVAL
            if not self._is_older(known.tried_at, interval, now):
                return
            known.tried_at = now
            keys = self._fetch(client)
            if keys:
                known.keys, known.fetched_at = keys, now
        finally:
            known.lock.release()

    def _fetch(self, client: CdsClient) -> dict[str, PublicKey]:
        if client.jku is None:
            return {}
        try:
            session = self._session_for(client.ehr_id)
            answer = session.get(client.jku, timeout=FETCH_TIMEOUT_SECONDS, allow_redirects=False)
            if answer.status_code != requests.codes.ok or len(answer.content) > MAX_JWKS_BYTES:
                raise ValueError("not a key set")
            return parse_public_keys(answer.json())
        except (requests.RequestException, ValueError, RecursionError) as problem:
            _log.warning("cds key set unavailable: ehr=%s problem=%s", client.ehr_id, type(problem).__name__)
            return {}
