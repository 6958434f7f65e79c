"""Structured logs that cannot leak: only fields on a list pass, and a library's own message never does.

A log line is JSON: what happened, where in the program, for which EHR; never an address with parameters,
a patient, a token or the text of an exception.
"""

import logging
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any, Final, TextIO

import structlog

ALLOWED_FIELDS: Final = frozenset(
    {
        "timestamp",
        "level",
        "logger",
        "event",
        "request_id",
        "method",
        "endpoint",
        "status",
        "duration_ms",
        "ehr_id",
        "code",
        "detail",
        "error_type",
        "place",
        "service",
        "outcome",
        "model",
        "version",
        "count",
    }
)
_SPOKEN_LOGGERS: Final = ("gunicorn.error", "launch", "cds_hooks", "patient_context", "model")
_LONGEST_MESSAGE_CHARS: Final = 400
_MAX_FRAMES: Final = 12
_STAMPS: Final[list[Any]] = [
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def keep_allowed_fields(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drop every field that is not on the list."""
    return {name: value for name, value in event.items() if name in ALLOWED_FIELDS}


def withhold_library_message(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Of a library's record keep logger and level; its text may hold an address, a value or a token."""
    logger = str(event.get("logger"))
    if any(logger == spoken or logger.startswith(f"{spoken}.") for spoken in _SPOKEN_LOGGERS):
        event["event"] = str(event.get("event"))[:_LONGEST_MESSAGE_CHARS]
    else:
        event["event"] = "library message withheld"
    return event


class _OurHandler(logging.StreamHandler[TextIO]):
    """Known by its class, so that configuring twice replaces it."""


def configure_logs(level: str) -> None:
    """One JSON line per event on standard error, for our own events and for the libraries'."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            *_STAMPS,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = _OurHandler(sys.stderr)
    handler.setFormatter(json_lines(structlog.contextvars.merge_contextvars))
    root = logging.getLogger()
    root.handlers[:] = [*(each for each in root.handlers if not isinstance(each, _OurHandler)), handler]
    root.setLevel(level)
    for noisy in ("urllib3", "werkzeug", "alembic", "requests"):
        logging.getLogger(noisy).setLevel(logging.ERROR)


def json_lines(*first: Any) -> logging.Formatter:
    """How every line is written, the server's own too; what a library says passes through `first` before."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*first, *_STAMPS, withhold_library_message],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            keep_allowed_fields,
            structlog.processors.JSONRenderer(),
        ],
    )


def place_of(error: BaseException) -> list[str]:
    """Where an exception was raised, as file:line function; its message is left out."""
    frames = traceback.extract_tb(error.__traceback__)[-_MAX_FRAMES:]
    return [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno} {frame.name}" for frame in frames]
