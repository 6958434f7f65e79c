"""Launch contexts the EHR hands to an app, and authorizations waiting for a clinician to sign in.

Both live in memory: the embedded EHR is one process with several threads.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

LAUNCH_LIFE = timedelta(minutes=5)
SIGN_IN_LIFE = timedelta(minutes=10)


Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class LaunchContext:
    """What the EHR knows when a clinician starts an app from a chart."""

    practitioner_id: str
    patient_id: str | None = None
    encounter_id: str | None = None
    need_patient_banner: bool = True
    intent: str | None = None
    app_context: str | None = None


@dataclass(frozen=True, slots=True)
class PendingAuthorization:
    """A standalone authorization request, kept until clinician and patient are chosen."""

    parameters: Mapping[str, str]
    practitioner_id: str | None = None


def _short_key() -> str:
    return secrets.token_urlsafe(24)


def long_token() -> str:
    """Looks like a JWT of 800 characters, and is none: nobody but this EHR may look inside (SL-5, SL-38)."""
    return ".".join(("eyJhbGciOiJSUzI1NiJ9", secrets.token_urlsafe(320), secrets.token_urlsafe(256)))


class ExpiringStore(Generic[Item]):
    """Items under unguessable keys; each can be taken once and is forgotten after `life`."""

    def __init__(
        self, life: timedelta, clock: Callable[[], datetime], make_key: Callable[[], str] = _short_key
    ) -> None:
        self._life = life
        self._clock = clock
        self._make_key = make_key
        self._items: dict[str, tuple[datetime, Item]] = {}
        self._lock = threading.Lock()

    def put(self, item: Item) -> str:
        key = self._make_key()
        now = self._clock()
        with self._lock:
            self._items = {k: kept for k, kept in self._items.items() if kept[0] > now}
            self._items[key] = (now + self._life, item)
        return key

    def take(self, key: str) -> Item | None:
        """The item, removed; None when unknown, already taken or too old."""
        with self._lock:
            kept = self._items.pop(key, None)
        return kept[1] if kept and kept[0] > self._clock() else None

    def look(self, key: str) -> Item | None:
        with self._lock:
            kept = self._items.get(key)
        return kept[1] if kept and kept[0] > self._clock() else None


class LaunchContexts(ExpiringStore[LaunchContext]):
    """Single-use launch ids, five minutes long (SL-5)."""

    def __init__(self, clock: Callable[[], datetime], *, long: bool = False) -> None:
        super().__init__(LAUNCH_LIFE, clock, long_token if long else _short_key)


class PendingAuthorizations(ExpiringStore[PendingAuthorization]):
    """Standalone requests waiting for a sign-in."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__(SIGN_IN_LIFE, clock)
