"""The JSON body of the current request, refused cheaply: media type, encoding, size, syntax (CH-15, CH-16)."""

from collections.abc import Callable
from typing import Any, Final

import msgspec
from flask import request
from msgspec import UNSET, Raw, Struct
from werkzeug.exceptions import RequestEntityTooLarge

from cds_hooks.errors import BodyNotJson, BodyTooLarge, RequestUnreadable
from patient_context.errors import JsonRefused
from patient_context.plain_results import decode_supplied
from patient_context.strict_json import decode_any, loads


class _HookBody(Struct, gc=False):
    """The members of a hook request that are read; what is not sent is not there."""

    hook: Any = UNSET
    hookInstance: Any = UNSET
    fhirServer: Any = UNSET
    fhirAuthorization: Any = UNSET
    context: Any = UNSET
    extension: Any = UNSET
    prefetch: dict[str, Raw] | None = None


_MEMBERS: Final = tuple(name for name in _HookBody.__struct_fields__ if name != "prefetch")
_hook_body: Final = msgspec.json.Decoder(_HookBody)


def read_hook_body(limit_bytes: int) -> Any:
    """The hook request, as `read_json_body`, but with plain results in place of most of the prefetch's entries."""
    return read_json_body(limit_bytes, decode=decode_hook)


def decode_hook(body: bytes) -> Any:
    """The value of a hook request's JSON, of an object only what is read. Raises what msgspec raises."""
    try:
        if not body.isascii():
            body.decode()  # msgspec does not look for UTF-8 in what it passes over
        found = _hook_body.decode(body)
        prefetch = {key: decode_supplied(value) for key, value in (found.prefetch or {}).items()}
    except (msgspec.DecodeError, UnicodeDecodeError):  # broken, or of another shape: judged in the usual way
        return decode_any(body)
    return {name: value for name in _MEMBERS if (value := getattr(found, name)) is not UNSET} | {
        "prefetch": prefetch
    }


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
