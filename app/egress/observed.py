"""Watches the calls to EHRs: how long, how they ended, and for which request of ours."""

import time
from typing import Any, Final

import requests
import structlog

from app.egress.guarded import GuardedSession, OutboundRefused
from app.telemetry.counters import EHR_CALLS, EHR_SECONDS

_REQUEST_ID: Final = "X-Request-Id"

_log = structlog.get_logger("app.egress.guarded")


class ObservedSession(GuardedSession):
    """A guarded session that counts and times, and passes our request's id on: both logs can be laid together."""

    def __init__(self, *args: Any, ehr_id: str, purpose: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._ehr_id = ehr_id
        self._purpose = purpose

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send, and note the outcome: a class of status, or what kept us from having one."""
        request_id = structlog.contextvars.get_contextvars().get("request_id")
        if request_id is not None:
            request.headers[_REQUEST_ID] = str(request_id)
        started = time.monotonic()
        outcome = "failed"
        try:
            response = super().send(request, **kwargs)
            outcome = f"{response.status_code // 100}xx"
        except OutboundRefused as error:
            outcome = error.code
            raise
        except requests.Timeout:
            outcome = "timeout"
            raise
        except requests.RequestException:
            outcome = "unreachable"
            raise
        finally:
            self._note(outcome, time.monotonic() - started)
        return response

    def _note(self, outcome: str, seconds: float) -> None:
        EHR_CALLS.labels(self._ehr_id, self._purpose, outcome).inc()
        EHR_SECONDS.labels(self._ehr_id, self._purpose).observe(seconds)
        if outcome not in ("2xx", "3xx"):
            duration_ms = round(seconds * 1000, 1)
            _log.warning(
                "call to the EHR",
                ehr_id=self._ehr_id,
                service=self._purpose,
                outcome=outcome,
                duration_ms=duration_ms,
            )
