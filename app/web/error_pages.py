"""Every exception a view lets through becomes a page, or an OperationOutcome for programs. Texts: `errors.py`."""

from collections.abc import Mapping

import structlog
from flask import Flask, Response, g, jsonify, render_template, request
from jinja2 import TemplateError
from markupsafe import escape
from werkzeug.exceptions import HTTPException

from app.languages.reader import say
from app.telemetry.logs import place_of
from app.web.errors import PublicError, public_error

_log = structlog.get_logger("app.web.errors")


def register_error_pages(app: Flask) -> None:
    """The one handler for every exception a view lets through."""

    app.register_error_handler(Exception, error_response)


def error_response(error: Exception) -> Response:
    """What a person or a program is told, with the headers of the exception that mean something."""
    told = public_error(error)
    _write_down(error, told)
    response = _as_json(told) if _wants_json() else _as_page(told)
    if isinstance(error, HTTPException):
        response.headers.extend(_kept_headers(error))
    return response


def _write_down(error: Exception, told: PublicError) -> None:
    known = {"code": told.code, "status": told.status, "error_type": type(error).__name__}
    if told.status >= 500:
        _log.error("request failed", **known, detail=getattr(error, "detail", None), place=place_of(error))
    else:
        _log.info("request refused", **known, detail=getattr(error, "detail", None))


def _wants_json() -> bool:
    if g.get("head_is_sent"):  # half a page of HTML is out (app/patient_page/first_paint.py)
        return False
    best = request.accept_mimetypes.best_match(["text/html", "application/json", "application/fhir+json"])
    return request.path.startswith("/cds-services") or best in ("application/json", "application/fhir+json")


def _as_json(told: PublicError) -> Response:
    outcome = {
        "resourceType": "OperationOutcome",
        "issue": [
            {
                "severity": "error",
                "code": told.issue,
                "details": {
                    "coding": [{"system": "urn:aki-sentinel:error", "code": told.code}],
                    "text": told.cause.replace("{missing}", " and ".join(told.missing)),
                },
            }
        ],
    }
    response = jsonify(outcome)
    response.status_code = told.status
    return response


def _as_page(told: PublicError) -> Response:
    fields = {
        "status": told.status,
        "title": say(told.title),
        "cause": _cause(told),
        "next_step": say(told.next_step),
        "code": told.code,
        "request_id": g.get("request_id"),
    }
    try:
        page = render_template("errors/error.html", **fields)
    except (TemplateError, RuntimeError):
        page = _plain_page(fields)
    return Response(page, status=told.status, mimetype="text/html")


def _cause(told: PublicError) -> str:
    """The cause in the reader's language; what is missing is named in it too."""
    missing = say(" and ").join(say(kind) for kind in told.missing)
    return say(told.cause).replace("{missing}", missing)


def _plain_page(fields: Mapping[str, object]) -> str:
    """Without templates: an error page must not fail itself."""
    safe = {name: escape(value) for name, value in fields.items()}
    head = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{safe["title"]}</title></head><body>'
    )
    body = (
        f'<main id="content"><h1>{safe["title"]}</h1><p>{safe["cause"]}</p><p>{safe["next_step"]}</p>'
        f"<p>{safe['code']} {safe['request_id']}</p></main>"
        '<template id="whole"></template></body></html>'
    )
    return body if g.get("head_is_sent") else head + body


def _kept_headers(error: HTTPException) -> list[tuple[str, str]]:
    """`Allow` and `Retry-After` mean something to a client; nothing else is taken over."""
    return [(name, value) for name, value in error.get_headers() if name in ("Allow", "Retry-After")]
