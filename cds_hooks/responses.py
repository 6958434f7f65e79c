"""What leaves the endpoints: JSON that no cache keeps, and refusals that say nothing of the request."""

import logging
import secrets
from collections.abc import Mapping
from typing import Any

import msgspec
from flask import Response
from werkzeug.exceptions import HTTPException

from cds_hooks.errors import (
    CallerRefused,
    CdsError,
    MethodRefused,
    RequestUnreadable,
    ServiceFailed,
    operation_outcome,
)

_log = logging.getLogger("cds_hooks.routes")


def json_response(body: Mapping[str, Any], status: int = 200) -> Response:
    """A JSON answer, not to be stored."""
    response = Response(msgspec.json.encode(body), status=status, mimetype="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response


def refuse(error: CdsError) -> Response:
    """The OperationOutcome of a refusal; its reason goes to the log."""
    if isinstance(error, CallerRefused):
        _log.warning("cds caller refused: reason=%s iss=%r jti=%r", error.reason, error.iss, error.jti)
    else:
        _log.info("cds call refused: status=%d code=%s", error.status, error.code)
    response = json_response(operation_outcome(error), error.status)
    if isinstance(error, CallerRefused):
        response.headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, MethodRefused):
        response.headers["Allow"] = error.allow
    return response


def fail(error: Exception) -> Response:
    """Our own fault, or Werkzeug's refusal of the bytes. Neither message may hold anything of the request."""
    if isinstance(error, HTTPException):
        return refuse(RequestUnreadable("body-unreadable", "The request could not be read."))
    incident = secrets.token_hex(6)
    _log.error("cds call failed: incident=%s problem=%s at=%s", incident, type(error).__name__, _place(error))
    failure = ServiceFailed(incident)
    return json_response(operation_outcome(failure), failure.status)


def _place(error: Exception) -> str:
    """Where it was raised; not what it says, for an exception's text may quote the chart."""
    trace, place = error.__traceback__, "unknown"
    while trace is not None:
        place = f"{trace.tb_frame.f_globals.get('__name__')}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place
