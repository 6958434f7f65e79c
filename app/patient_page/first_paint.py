"""A slow EHR must not mean a blank frame: head and one line come at once, the rest when the chart is there.

Only for a person who waits before a blank frame, and only when it takes longer than a moment, is the page sent in
two parts: then its status has gone out already, and a refusal comes as the page it would have been. Programs, and
whoever is quick, get one whole page with its own status.

From the second part on `g.head_is_sent` is true: `base.html` then leaves out what the first one ended with.
"""

import contextvars
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Final, TypeVar

import structlog
from flask import Response, g, stream_with_context

from app.telemetry.logs import place_of

PATIENCE_SECONDS: Final = 0.25
#: When not even the page of a refusal can be made: the frame must not go on saying that the chart is being read.
BROKEN_OFF: Final = (
    '<main id="content" class="plain"><h1>Something went wrong in this app</h1>'
    "<p>No assessment was made: nothing on this page says that the patient is at low risk.</p>"
    "<p>Open the app again from the patient's chart.</p></main>"
    '<template id="whole"></template></body></html>'
)
T = TypeVar("T")
_log = structlog.get_logger("app.patient_page.first_paint")


class FirstPaint:
    """Shows that the chart is being read while it is. One for all pages of a process."""

    def __init__(self, *, threads: int, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="chart")
        self._patience_seconds = patience_seconds

    def page(
        self,
        look: Callable[[], T],
        *,
        somebody_waits: bool,
        render: Callable[[T], str],
        waiting: Callable[[], str],
        refusal: Callable[[Exception], Response],
    ) -> Response | str:
        """`render(look())`, or, when looking takes longer, `waiting()` first. What `look` raises within a moment
        is raised here; later `refusal` makes the second part of it."""
        looking = self._pool.submit(contextvars.copy_context().run, look)
        if wait((looking,), self._patience_seconds if somebody_waits else None).done:
            return render(looking.result())
        return _in_two_parts(waiting(), lambda: render(looking.result()), refusal)


def _in_two_parts(first: str, render: Callable[[], str], refusal: Callable[[Exception], Response]) -> Response:
    def parts() -> Iterator[str]:
        yield first
        g.head_is_sent = True
        try:
            rest = render()
        except Exception as error:
            rest = _refused(error, refusal)
        yield rest

    response = Response(stream_with_context(parts()), mimetype="text/html")
    response.headers["X-Accel-Buffering"] = "no"  # or nginx would hold the first part back
    return response


def _refused(error: Exception, refusal: Callable[[Exception], Response]) -> str:
    """Nothing may be raised any more: the reader would be left with the first part."""
    try:
        return refusal(error).get_data(as_text=True)
    except Exception as second:
        _log.error("refusal failed", error_type=type(second).__name__, place=place_of(second))
        return BROKEN_OFF
