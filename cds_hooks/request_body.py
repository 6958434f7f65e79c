"""The JSON body of the current request, refused cheaply: media type, encoding, size, syntax (CH-15, CH-16)."""

from typing import Any

from flask import request
from werkzeug.exceptions import RequestEntityTooLarge

from cds_hooks.errors import BodyNotJson, BodyTooLarge, RequestUnreadable
from patient_context.errors import JsonRefused
from patient_context.strict_json import loads


def read_json_body(limit_bytes: int) -> Any:
    """The body, decoded. Raises BodyNotJson, BodyTooLarge, RequestUnreadable."""
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    if request.mimetype != "application/json" or charset not in {"utf-8", "utf8"}:
        raise BodyNotJson
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise BodyNotJson
    request.max_content_length = limit_bytes + 1  # a chunked body is cut there in silence: one byte more is asked
    try:
        body = request.get_data(cache=False)
        if len(body) > limit_bytes:
            raise BodyTooLarge(limit_bytes)
        return loads(body)
    except RequestEntityTooLarge as problem:
        raise BodyTooLarge(limit_bytes) from problem
    except JsonRefused as problem:
        raise RequestUnreadable(problem.code, "The body is not JSON this service reads.") from problem
