"""Each token once: the store of tokens that have served, shared by all workers (CH-52).

A token is looked up before anything is done for it, and counts as used in the transaction that records its call,
before the answer leaves. Of two calls that pass the look-up together only one is recorded, and answered.
"""

import threading
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from cds_hooks.errors import CallerRefused


@dataclass(frozen=True, slots=True)
class CallToken:
    """A verified JWT by its issuer and id; after `expires_at` it would not be accepted any more."""

    iss: str
    jti: str
    expires_at: datetime = field(compare=False)

    def replayed(self) -> CallerRefused:
        """The refusal of a second call with it."""
        return CallerRefused("jti-replayed", iss=self.iss, jti=self.jti)


class UsedTokens(Protocol):
    """Remembers tokens until they expire. One store for all workers and hosts, surviving restarts."""

    def has(self, token: CallToken) -> bool:
        """Whether the token has served a call already."""
        ...

    def remember(self, token: CallToken) -> bool:
        """True when the token is new and now remembered; False when it was there. Atomic between workers."""
        ...


class TokensInMemory:
    """For tests and single-process development only: two workers would each accept a token once."""

    def __init__(self) -> None:
        self._seen: set[CallToken] = set()
        self._lock = threading.Lock()

    def has(self, token: CallToken) -> bool:
        """See `UsedTokens.has`."""
        return token in self._seen

    def remember(self, token: CallToken) -> bool:
        """See `UsedTokens.remember`."""
        with self._lock:
            is_new = token not in self._seen
            self._seen.add(token)
            return is_new
