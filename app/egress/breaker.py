"""A circuit breaker: an EHR that does not answer is left alone for a while, so that its failure stays its own.

Without it every page and every hook would wait for the full deadline and hold a worker that other EHRs need.
"""

import threading
import time
from collections.abc import Callable
from typing import Final

import requests

_FAILURES: Final = 20  # about two charts' worth of queries in a row
_REST_SECONDS: Final = 5.0
_LONGEST_REST_SECONDS: Final = 60.0


class EhrResting(requests.ConnectionError):
    """Nothing was sent: this EHR failed many times in a row just now."""


class Breaker:
    """Counts failures in a row. At the limit it opens; after a rest one request may try, and decides."""

    def __init__(
        self,
        *,
        failures: int = _FAILURES,
        rest_seconds: float = _REST_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit = failures
        self._first_rest = self._rest = rest_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._resting_until: float | None = None  # set: open
        self._trying = False

    def require_willing(self) -> None:
        """Let a request pass. Raises EhrResting while the EHR is left alone."""
        with self._lock:
            if self._resting_until is None:
                return
            if self._trying or self._clock() < self._resting_until:
                raise EhrResting("the EHR is left alone after many failures")
            self._trying = True  # this request tries; the others wait for its outcome

    def succeeded(self) -> None:
        """The EHR answered."""
        with self._lock:
            self._failures, self._rest = 0, self._first_rest
            self._resting_until, self._trying = None, False

    def failed(self) -> None:
        """The EHR did not answer, or only to say that it cannot."""
        with self._lock:
            self._failures += 1
            if self._trying:  # not yet: rest longer. Stragglers from before the opening change nothing.
                self._rest = min(self._rest * 2, _LONGEST_REST_SECONDS)
                self._rests()
            elif self._resting_until is None and self._failures >= self._limit:
                self._rests()

    def _rests(self) -> None:
        self._resting_until, self._trying = self._clock() + self._rest, False
