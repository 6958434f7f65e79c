"""How often one address may ask: beyond it a quick 429 with Retry-After, before anything is read or decided.

Counted per process, in memory: with two workers up to twice the setting passes. It is a fence against a loop gone
wild, not a quota; the proxy in front is the place for one.
"""

import time
from dataclasses import dataclass
from typing import Final

from flask import Blueprint, Flask, Response
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from limits.storage import MemoryStorage

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


@dataclass(frozen=True, slots=True)
class RateLimits:
    """The limiter of one application."""

    limiter: Limiter

    def per_minute(self, count: int, blueprint: Blueprint) -> Blueprint:
        """The blueprint, to be registered, with a limit for each address on each of its routes."""
        self.limiter.limit(f"{count}/minute")(blueprint)
        return blueprint


def rate_limits(app: Flask) -> RateLimits:
    """Put a limiter before every request of the application."""
    limiter = Limiter(get_remote_address, app=app, storage_uri="swept-memory://")

    def refuse(error: Exception) -> Response:
        response = error_response(error)
        reset_at = limiter.current_limit.reset_at if limiter.current_limit else 0
        response.headers["Retry-After"] = str(max(1, reset_at - int(time.time())))
        return response

    # By status, so that it comes before the hooks' own handler for every exception.
    app.register_error_handler(429, refuse)
    return RateLimits(limiter)
