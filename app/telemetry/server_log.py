"""gunicorn's log in the form of ours, and without what a caller sent.

Its own lines quote the request line of a request it does not understand, which holds codes and launch tokens, and
of a body in broken chunks a piece.
"""

import logging
import sys
from typing import Any

from gunicorn.glogging import Logger

from app.telemetry.logs import json_lines, place_of


class ServerLog(Logger):  # type: ignore[misc]
    """gunicorn's logger. While an exception is handled its kind and place are told, never its text."""

    def warning(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """As it is, unless it speaks of an exception: gunicorn warns of what it cannot read."""
        error = sys.exc_info()[1]
        if error is None:
            super().warning(msg, *args, **kwargs)
        else:
            super().warning("request refused unread: %s", type(error).__name__)

    def exception(self, msg: str, *args: Any, **kwargs: Any) -> None:  # noqa: ARG002
        """The kind of an exception and where it came from."""
        error = sys.exc_info()[1]
        if error is not None:
            super().error("failure in the server: %s at %s", type(error).__name__, " < ".join(place_of(error)))

    def _set_handler(self, log: logging.Logger, output: str | None, fmt: Any, stream: Any = None) -> None:  # noqa: ARG002
        super()._set_handler(log, output, json_lines(), stream)  # with no request's id: this is before a request
