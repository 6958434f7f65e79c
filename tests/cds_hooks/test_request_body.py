"""The quick decoding of a hook request refuses exactly what the usual one refuses, under the same code."""

import json
import random
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_hooks.request_body import decode_hook
from patient_context.errors import JsonRefused
from patient_context.results import Result
from patient_context.strict_json import decode_any, loads
from tests.bench.hook_bodies import realistic_body
from tests.builders.cds import (
    RISING,
    creatinine,
    full_prefetch,
    hook_body,
)
from tests.fuzz.mutations import spoil_bytes

BODY = json.dumps(hook_body(prefetch=RISING)).encode()


def refusal(body: bytes, decode: Any) -> str | None:
    try:
        loads(body, decode=decode)
    except JsonRefused as problem:
        return problem.code
    return None


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (BODY, None),
        (BODY.replace(b"0.9", b"NaN"), "not-json"),
        (BODY.replace(b"0.9", b"-Infinity"), "not-json"),
        (BODY.replace(b"0.9", b"1e999"), "not-json"),
        (BODY.replace(b"Practitioner", b"Pr\xffctitioner"), "not-utf-8"),
        (BODY.replace(b"Observation", b"Observ\xfftion"), "not-utf-8"),
        (BODY.replace(b'"issued"', b'"note": "\xff", "issued"'), "not-utf-8"),
        (BODY.replace(b'"issued"', b'"note": "\\ud800", "issued"'), "not-json"),
        (BODY.replace(b'"issued"', b'"note": [' + b"[" * 5000 + b"]" * 5000 + b'], "issued"'), "too-deep"),
        (BODY.replace(b'"prefetch"', b'"more": ' + b"[" * 5000 + b"]" * 5000 + b', "prefetch"'), "too-deep"),
        (b"[" * 5000 + b"]" * 5000, "too-deep"),
        (BODY[:-1], "not-json"),
        (BODY + b"}", "not-json"),
        (b"", "empty"),
        (b"<html>", "not-json-but-html"),
        (BODY.decode().encode("utf-16"), "not-utf-8"),
        (b"\xef\xbb\xbf" + BODY, None),
    ],
)
def test_what_is_not_acceptable_json_is_refused_under_the_same_code(body: bytes, code: str | None) -> None:
    assert refusal(body, decode_hook) == refusal(body, decode_any) == code


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**40))
def test_spoiled_bytes_are_refused_under_the_same_code(seed: int) -> None:
    body = spoil_bytes(random.Random(seed), BODY)  # noqa: S311 - reproducible, not secret
    assert refusal(body, decode_hook) == refusal(body, decode_any)


@pytest.mark.parametrize("prefetch", [[], "x", 7, {"creatinine": []}, {"creatinine": 3}, None, ...])
def test_a_prefetch_of_another_shape_is_left_to_be_refused_or_read_as_ever(prefetch: Any) -> None:
    body = json.dumps(hook_body(prefetch=prefetch)).encode()
    assert (decode_hook(body).get("prefetch") or {}) == (json.loads(body).get("prefetch") or {})


@pytest.mark.parametrize("value", [None, [], 7, "x", {"context": None, "extension": {"a": 1}, "hook": []}])
def test_members_keep_their_values_and_absent_ones_stay_absent(value: Any) -> None:
    found = decode_hook(json.dumps(value).encode())
    if isinstance(value, dict):
        assert found.pop("prefetch") == {}
    assert found == value


def test_the_realistic_body_of_the_benchmark_goes_the_quick_way() -> None:
    prefetch = decode_hook(realistic_body(datetime(2026, 3, 2, tzinfo=UTC)))["prefetch"]
    entries = [entry for key in ("creatinine", "labs", "vitals") for entry in prefetch[key]["entry"]]
    assert [type(entry.resource) for entry in entries] == [Result] * 200


def test_keys_of_the_site_beside_ours_are_kept() -> None:
    other = {"resourceType": "Basic"}
    sent = hook_body(prefetch={**full_prefetch(creatinine("c1", 0.9, 40)), "site-renal": other})
    assert decode_hook(json.dumps(sent).encode()) == sent
