"""JSON as RFC 8259 has it, and nothing more: the only way bytes from outside become Python values here.

NaN, Infinity and numbers beyond a double are refused by the parser; size and depth are capped. Of duplicate
keys the last one counts, as in every EHR's own parser.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from patient_context.errors import JsonRefused

MAX_BYTES: Final = 50_000_000  # a chart of about 50,000 Observations
_UTF8_BOM: Final = b"\xef\xbb\xbf"
_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
_UTF16_OR_32: Final = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")
decode_any: Final = msgspec.json.Decoder().decode


def loads(body: bytes, *, max_bytes: int = MAX_BYTES, decode: Callable[[bytes], Any] = decode_any) -> Any:
    """The JSON value in `body` (UTF-8, a byte order mark is tolerated), made by a `decode` of msgspec's.

    Raises JsonRefused: `too-large`, `empty`, `compressed`, `not-json-but-html`, `too-deep`, `not-utf-8` or
    `not-json`.
    """
    if len(body) > max_bytes:
        raise JsonRefused("too-large", f"The content is larger than {max_bytes // 1_000_000} MB.")
    text = body.removeprefix(_UTF8_BOM)
    try:
        return decode(text)
    except RecursionError:
        raise JsonRefused("too-deep", "The JSON is nested too deeply.") from None
    except UnicodeDecodeError:
        raise JsonRefused("not-utf-8", "The text is not UTF-8.") from None
    except msgspec.DecodeError:  # its message quotes the input: not passed on
        raise _refusal(text) from None


def _refusal(text: bytes) -> JsonRefused:
    if text.startswith((_GZIP, _ZIP)):
        return JsonRefused("compressed", "The content is compressed; unpack it first.")
    if text.startswith(_UTF16_OR_32) or b"\x00" in text[:4]:
        return JsonRefused("not-utf-8", "The text is not UTF-8 but UTF-16 or UTF-32.")
    start = text[:64].lstrip()
    if not start:
        return JsonRefused("empty", "There is no content.")
    if start.startswith(b"<"):
        return JsonRefused("not-json-but-html", "A web page came back instead of data; a login may have expired.")
    return JsonRefused("not-json", "The content is not valid JSON: it may be cut off or hold NaN or Infinity.")
