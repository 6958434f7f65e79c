"""More than the workers can do: who stood in line too long is told so at once, not served too late.

An EHR gives up on a hook after some seconds and a clinician reloads; work done for them then only makes the line
longer. The line is gunicorn's thread pool, so its worker class is ours to say how long each request stood in it.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, ParamSpec, TypeVar

from flask import Flask, Response, request
from gunicorn.workers.gthread import _DEFER, ThreadWorker
from werkzeug.exceptions import ServiceUnavailable

from app.web.error_pages import error_response
from app.web.slow_senders import TimedReading

RETRY_AFTER_SECONDS: Final = 5
_WATCHERS: Final = frozenset({"health.health", "health.ready", "health.metrics"})
_SILENCE_SECONDS: Final = 0.05
_READING_SECONDS: Final = 5.0  # from a proxy that buffers, as `deploy/nginx` does, a request comes at once
_line = threading.local()

P = ParamSpec("P")
T = TypeVar("T")


class WaitingLine(ThreadPoolExecutor):
    """Threads that know how long their work stood in line."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """As the pool's own, noting when the work came."""
        came_at = time.monotonic()

        def work() -> T:
            _line.waited_seconds = time.monotonic() - came_at
            return fn(*args, **kwargs)

        return super().submit(work)


class Worker(ThreadWorker):  # type: ignore[misc]
    """gunicorn's threaded worker. Its line is measured; its threads wait neither for the silent nor the slow."""

    def get_thread_pool(self) -> WaitingLine:
        """The pool each request passes through."""
        return WaitingLine(max_workers=self.cfg.threads)

    def handle(self, conn: Any) -> Any:
        """Serve a connection. One on which nothing comes goes back to the poller instead of keeping a thread.

        Browsers open connections in advance; gunicorn itself gives each five seconds of a thread. A request that
        did not arrive whole ends its connection: what is still to come of it must not be read as another request.
        """
        if not (conn.initialized or conn.data_ready or conn.wait_for_data(_SILENCE_SECONDS)):
            return _DEFER
        conn.init()
        reading = conn.parser.unreader.sock = TimedReading(conn.sock, _READING_SECONDS)
        may_go_on = super().handle(conn)
        return may_go_on and not reading.gave_up


def waited_seconds() -> float:
    """How long the request of this thread stood in line; 0 under a server that does not say."""
    return float(getattr(_line, "waited_seconds", 0.0))


def refuse_what_waited_too_long(app: Flask, longest_seconds: float) -> None:
    """503 with Retry-After, before anything is read or decided; not for those who watch the service."""

    @app.before_request
    def refuse() -> Response | None:
        if waited_seconds() <= longest_seconds or request.endpoint in _WATCHERS:
            return None
        return error_response(ServiceUnavailable(retry_after=RETRY_AFTER_SECONDS))
