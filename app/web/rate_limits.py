"""How often one address may ask: beyond it a quick 429 with Retry-After, before anything is read or decided.

Counted per process, in memory: with two workers up to twice the setting passes. It is a fence against a loop gone
wild, not a quota; the proxy in front is the place for one.
"""

import time
from typing import Final

from flask import Blueprint, Response, request
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from werkzeug.exceptions import TooManyRequests

from app.web.error_pages import error_response

_SWEEP_SECONDS: Final = 60.0


class SweptMemory(MemoryStorage):
    """The library's counters in memory, without the thread it starts for nearly every request to forget old ones.

    Starting it cost a hook call a tenth of its processor time. Old counters are forgotten once a minute here.
    """

    STORAGE_SCHEME = ["swept-memory"]  # noqa: RUF012 - as the library declares it
    _swept_at = 0.0

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Count `amount` more for a key that is forgotten after `expiry` seconds; the count."""
        now = time.time()
        if not 0 <= now - self._swept_at <= _SWEEP_SECONDS:
            self._sweep(now)
        self.get(key)  # forgets it, if its time is over
        with self.locks[key]:
            self.storage[key] += amount
            if self.storage[key] == amount:
                self.expirations[key] = now + expiry
        return self.storage.get(key, 0)

    def _sweep(self, now: float) -> None:
        """Forget what is over; all of it once the clock was set back, or it would refuse till it has caught up."""
        set_back = now < self._swept_at
        self._swept_at = now
        for old in [name for name, ends_at in list(self.expirations.items()) if set_back or ends_at <= now]:
            self.clear(old)


class RateLimits:
    """The limits of one application, over counters they share."""

    def __init__(self) -> None:
        self._windows = FixedWindowRateLimiter(SweptMemory())

    def per_minute(self, count: int, blueprint: Blueprint) -> Blueprint:
        """The blueprint, to be registered, with a limit for each address on each of its routes."""
        limit = RateLimitItemPerMinute(count)

        @blueprint.before_request
        def refuse() -> Response | None:
            asker = request.remote_addr or "", request.endpoint or ""
            if self._windows.hit(limit, *asker):
                return None
            seconds = self._windows.get_window_stats(limit, *asker).reset_time - time.time()
            return error_response(TooManyRequests(retry_after=max(1, int(seconds))))

        return blueprint
