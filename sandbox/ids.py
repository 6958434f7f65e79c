"""Resource ids as vendors shape them: reversible spellings of this EHR's own, so that nothing must be remembered.

Stored ids are `10000032` for a patient and `obs-10000032-00017` for anything else. Other ids, such as those of
practitioners, stay as they are.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from sandbox.vendor import IdForm

_STORED = re.compile(r"(?:(?P<kind>[a-z]+)-)?(?P<record>\d{8})(?:-(?P<number>\d{1,6}))?", re.ASCII)
_KINDS = ("", "obs", "dx", "proc", "rx", "given", "enc", "new", "med")
_KEY = hashlib.sha256(b"ids of the embedded EHR").digest()[:16]


@dataclass(frozen=True, slots=True)
class IdShape:
    """Both directions of one spelling. `inward` gives back unchanged what it cannot have written."""

    outward: Callable[[str], str]
    inward: Callable[[str], str]


def id_shape(form: IdForm) -> IdShape:
    """The spelling of that name."""
    write, read = _FORMS[form]

    def outward(stored: str) -> str:
        digits = _digits(stored)
        return stored if digits is None else write(digits)

    def inward(shown: str) -> str:
        digits = read(shown)
        stored = _stored(digits) if digits else None
        return stored if stored is not None and outward(stored) == shown else shown

    return IdShape(outward, inward) if form != "plain" else IdShape(str, str)


def _digits(stored: str) -> str | None:
    """Kind, record and number as 9 digits and the number's own; None for an id that is kept as it is."""
    match = _STORED.fullmatch(stored)
    if match is None or (match["kind"] or "") not in _KINDS or bool(match["kind"]) != bool(match["number"]):
        return None
    return f"{_KINDS.index(match['kind'] or '')}{match['record']}{match['number'] or ''}"


def _stored(digits: str) -> str | None:
    if not digits.isdecimal() or not 9 <= len(digits) <= 15 or int(digits[0]) >= len(_KINDS):
        return None
    kind, record, number = _KINDS[int(digits[0])], digits[1:9], digits[9:]
    return f"{kind}-{record}-{number}" if kind else record


def _scrambled(digits: str) -> bytes:
    """Sixteen bytes that look like nothing; neighbours differ all over."""
    plain = bytes.fromhex(f"{digits}f".ljust(32, "0"))[::-1]
    mixed, last = bytearray(), sum(plain) % 256
    for byte, key in zip(plain[1:], _KEY, strict=False):
        last = byte ^ key ^ last
        mixed.append(last)
    return bytes([sum(plain) % 256, *mixed])


def _unscrambled(mixed: bytes) -> str:
    last, plain = mixed[0], bytearray(b"\0")
    for byte, key in zip(mixed[1:], _KEY, strict=False):
        plain.append(byte ^ key ^ last)
        last = byte
    return bytes(plain)[::-1].hex().rstrip("0").removesuffix("f")


def _write_epic(digits: str) -> str:
    text = base64.b64encode(_scrambled(digits), altchars=b"-.").decode().rstrip("=")
    return f"e{text}3"


def _read_epic(shown: str) -> str:
    if len(shown) != 24 or not shown.startswith("e"):
        return ""
    try:
        return _unscrambled(base64.b64decode(shown[1:-1] + "==", altchars=b"-.", validate=True))
    except binascii.Error:
        return ""


def _write_numeric(digits: str) -> str:
    return digits[1:] if digits[0] == "0" else digits


def _read_numeric(shown: str) -> str:
    return f"0{shown}" if len(shown) == 8 else shown


def _write_uuid(digits: str) -> str:
    return str(uuid.UUID(bytes=_scrambled(digits)))


def _read_uuid(shown: str) -> str:
    try:
        return _unscrambled(uuid.UUID(shown).bytes)
    except ValueError:
        return ""


def _write_athena(digits: str) -> str:
    kind = (_KINDS[int(digits[0])] or "e").upper()
    return f"a-195900.{kind}-{digits[1:]}"


def _read_athena(shown: str) -> str:
    kind, _, rest = shown.removeprefix("a-195900.").partition("-")
    name = "" if kind == "E" else kind.lower()
    return f"{_KINDS.index(name)}{rest}" if name in _KINDS else ""


_FORMS: dict[IdForm, tuple[Callable[[str], str], Callable[[str], str]]] = {
    "plain": (str, str),
    "epic": (_write_epic, _read_epic),
    "numeric": (_write_numeric, _read_numeric),
    "uuid": (_write_uuid, _read_uuid),
    "athena": (_write_athena, _read_athena),
}
