"""Each token once: the store of `jti` values already seen, shared by all workers (CH-52)."""

import threading
from datetime import datetime
from typing import Protocol


class JtiStore(Protocol):
    """Remembers token ids until they expire. One store for all workers and hosts, surviving restarts."""

    def remember(self, iss: str, jti: str, expires_at: datetime) -> bool:
        """True when (iss, jti) is new and now remembered; False when it was there. Atomic between workers."""
        ...


class InMemoryJtiStore:
    """For tests and single-process development only: two workers would each accept a token once."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], datetime] = {}
        self._lock = threading.Lock()

    def remember(self, iss: str, jti: str, expires_at: datetime) -> bool:
        """See `JtiStore.remember`."""
        with self._lock:
            if (iss, jti) in self._seen:
                return False
            self._seen[iss, jti] = expires_at
            return True
