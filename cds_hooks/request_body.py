"""The JSON body of the current request, refused cheaply: media type, encoding, size, syntax (CH-15, CH-16)."""

from collections.abc import Callable
from typing import Any, Final

import msgspec
from flask import request
from msgspec import UNSET, Struct, UnsetType
from werkzeug.exceptions import RequestEntityTooLarge

from cds_hooks.errors import BodyNotJson, BodyTooLarge, RequestUnreadable
from patient_context.bundles import ResultBundle
from patient_context.errors import JsonRefused
from patient_context.queries import PREFETCH_KEYS, QUERIES
from patient_context.strict_json import decode_any, loads

_MEMBERS: Final = ("hook", "hookInstance", "fhirServer", "fhirAuthorization", "context", "extension")
_OF_RESULTS: Final = {query.prefetch_key for query in QUERIES if query.resource_type == "Observation"}
# The prefetch under our own keys alone, as most EHRs send it; with any other the body is decoded as plain JSON.
_Prefetch: Final = msgspec.defstruct(
    "_Prefetch",
    [(key, ResultBundle | UnsetType | None if key in _OF_RESULTS else Any, UNSET) for key in PREFETCH_KEYS],
    forbid_unknown_fields=True,
    gc=False,
)
_hook_body: Final = msgspec.json.Decoder(
    msgspec.defstruct(
        "_HookBody", [*((name, Any, UNSET) for name in _MEMBERS), ("prefetch", _Prefetch, UNSET)], gc=False
    )
)


def read_hook_body(limit_bytes: int) -> Any:
    """The hook request, as `read_json_body`, but with the prefetch's Observations as records."""
    return read_json_body(limit_bytes, decode=decode_hook)


def decode_hook(body: bytes) -> Any:
    """The value of a hook request's JSON, of an object only what is read. Raises what msgspec raises."""
    try:
        if not body.isascii():
            body.decode()  # msgspec does not look for UTF-8 in what it passes over
        found = _present(_hook_body.decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError):  # broken, or of another shape: judged in the usual way
        return decode_any(body)
    supplied = _present(found["prefetch"]) if "prefetch" in found else {}
    found["prefetch"] = {
        key: value.unpackable() if isinstance(value, ResultBundle) else value for key, value in supplied.items()
    }
    return found


def _present(record: Struct) -> dict[str, Any]:
    """The members that were sent."""
    return {name: value for name, value in msgspec.structs.asdict(record).items() if value is not UNSET}


def read_json_body(limit_bytes: int, *, decode: Callable[[bytes], Any] = decode_any) -> Any:
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
        return loads(body, decode=decode)
    except RequestEntityTooLarge as problem:
        raise BodyTooLarge(limit_bytes) from problem
    except JsonRefused as problem:
        text = f"The body is not JSON this service reads. {problem}"
        raise RequestUnreadable(problem.code, text) from problem
