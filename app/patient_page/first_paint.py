"""A slow EHR must not mean a blank frame: head and one line come at once, the rest when the chart is there.

Only for a person who waits before a blank frame, and only when it takes longer than a moment, is the page sent in
two parts: then its status has gone out already, and a refusal comes as the page it would have been. Programs, and
whoever is quick, get one whole page with its own status.
"""

import contextvars
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Final, TypeVar

from flask import Response, stream_with_context

PATIENCE_SECONDS: Final = 0.25
_BODY, _END = "<body>", "</body>"
T = TypeVar("T")


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
        return _in_two_parts(looking, render, waiting, refusal)


def _in_two_parts(
    looking: "Future[T]",
    render: Callable[[T], str],
    waiting: Callable[[], str],
    refusal: Callable[[Exception], Response],
) -> Response:
    def parts() -> Iterator[str]:
        yield waiting().partition(_END)[0]
        try:
            whole = render(looking.result())
        except Exception as error:
            whole = refusal(error).get_data(as_text=True)
        yield whole.partition(_BODY)[2]

    response = Response(stream_with_context(parts()), mimetype="text/html")
    response.headers["X-Accel-Buffering"] = "no"  # or nginx would hold the first part back
    return response
