import pytest

from patient_context.errors import JsonRefused
from patient_context.strict_json import loads


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "empty"),
        (b"  ", "empty"),
        (b"NaN", "not-json"),
        (b'{"value": Infinity}', "not-json"),
        (b"[1e400]", "not-json"),
        (b'{"a": 1', "not-json"),
        (b"{'a': 1}", "not-json"),
        (b"\xff\xfe{\x00}\x00", "not-utf-8"),
        (b'"\xff"', "not-utf-8"),
        (b'["\\ud800"]', "not-json"),
        (b"  <!doctype html><title>Login</title>", "not-json-but-html"),
        (b"[" * 100_000, "too-deep"),
        (b'{"a":' * 50_000, "too-deep"),
    ],
)
def test_what_is_not_json_is_refused_by_name(body: bytes, code: str) -> None:
    with pytest.raises(JsonRefused) as refusal:
        loads(body)
    assert refusal.value.code == code


def test_the_cap_is_on_bytes() -> None:
    assert loads(b"[1]", max_bytes=3) == [1]
    with pytest.raises(JsonRefused, match="larger"):
        loads(b"[11]", max_bytes=3)


def test_a_byte_order_mark_is_tolerated() -> None:
    assert loads(b'\xef\xbb\xbf{"a": 1.50}') == {"a": 1.5}


def test_a_refusal_never_quotes_the_content() -> None:
    with pytest.raises(JsonRefused) as refusal:
        loads(b'{"family": "CANARY"')
    assert "CANARY" not in repr(refusal.value)
    assert refusal.value.__cause__ is None
