"""The allow-list: which spellings of an issuer are the registered one, and which are not (SL-2, SL-3)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from launch.errors import UnknownIssuer
from launch.registry import EhrRegistry, canonical_base, is_below
from tests.builders.registrations import registration

REGISTERED = "https://ehr.example.org/fhir/r4"


@pytest.mark.parametrize(
    "iss",
    [
        REGISTERED,
        "https://ehr.example.org/fhir/r4/",
        "HTTPS://EHR.Example.ORG/fhir/r4",
        "https://ehr.example.org:443/fhir/r4",
        "https://EHR.example.org:443/fhir/r4/",
    ],
)
def test_other_spellings_of_the_same_issuer_are_found(iss: str) -> None:
    assert EhrRegistry([registration(iss=REGISTERED)]).by_iss(iss).id == "general"


HOSTILE = [
    "",
    " ",
    "http://ehr.example.org/fhir/r4",
    "https://ehr.example.org/fhir/R4",
    "https://ehr.example.org/fhir/r4//",
    "https://ehr.example.org//fhir/r4",
    "https://ehr.example.org/fhir/r4/..",
    "https://ehr.example.org/fhir/r4/../r4",
    "https://ehr.example.org/fhir/./r4",
    "https://ehr.example.org/fhir/r4/%2e%2e",
    "https://ehr.example.org/fhir%2fr4",
    "https://ehr.example.org/fhir/r4?x=1",
    "https://ehr.example.org/fhir/r4?",
    "https://ehr.example.org/fhir/r4#",
    "https://ehr.example.org/fhir/r4;x",
    "https://ehr.example.org/fhir",
    "https://ehr.example.org/fhir/r4x",
    "https://ehr.example.org/fhir/r4/Patient",
    "https://ehr.example.org:444/fhir/r4",
    "https://ehr.example.org:0443x/fhir/r4",
    "https://ehr.example.org:99999/fhir/r4",
    "https://ehr.example.org.evil.test/fhir/r4",
    "https://evil.test/ehr.example.org/fhir/r4",
    "https://evil.test?https://ehr.example.org/fhir/r4",
    "https://ehr.example.org@evil.test/fhir/r4",
    "https://evil.test@ehr.example.org/fhir/r4",
    "https://:@ehr.example.org/fhir/r4",
    "https://ehr.example.org\\@evil.test/fhir/r4",
    "https://evil.test\\.ehr.example.org/fhir/r4",
    "https:\\\\ehr.example.org\\fhir\\r4",
    "https:/ehr.example.org/fhir/r4",
    "https:ehr.example.org/fhir/r4",
    "//ehr.example.org/fhir/r4",
    "ehr.example.org/fhir/r4",
    "https://ehr.example.org./fhir/r4",
    "https://ehr。example。org/fhir/r4",
    "https://ｅhr.example.org/fhir/r4",
    "https://ehr.exаmple.org/fhir/r4",
    "https://xn--ehr.example.org/fhir/r4",
    "https://ehr.example.org\t/fhir/r4",
    "https://ehr.example.org\r\nHost: evil/fhir/r4",
    "https://ehr.example.org/fhir/r4\x00",
    " https://ehr.example.org/fhir/r4",
    "https://ehr.example.org/fhir/r4 ",
    "https://2130706433/fhir/r4",
    "https://0x7f.1/fhir/r4",
    "https://127.0.0.1/fhir/r4",
    "https://[::1]/fhir/r4",
    "https://[::ffff:127.0.0.1]/fhir/r4",
    "https://169.254.169.254/latest/meta-data",
    "file:///etc/passwd",
    "gopher://ehr.example.org/fhir/r4",
    "javascript:alert(1)",
    "data:text/html,x",
    "https://",
    "https://[/fhir/r4",
    "https://%65hr.example.org/fhir/r4",
    "https://ehr.example.org%2f@evil.test/fhir/r4",
    "https://ehr.example.org/fhir/r4" + "/" * 3000,
    "https://" + "a" * 5000,
]


@pytest.mark.parametrize("iss", HOSTILE)
def test_anything_else_is_an_unknown_issuer(iss: str) -> None:
    with pytest.raises(UnknownIssuer):
        EhrRegistry([registration(iss=REGISTERED)]).by_iss(iss)


@given(st.text())
def test_no_text_but_a_spelling_of_the_issuer_is_ever_accepted(text: str) -> None:
    registry = EhrRegistry([registration(iss=REGISTERED)])
    try:
        found = registry.by_iss(text)
    except UnknownIssuer:
        return
    assert canonical_base(text) == found.canonical_iss


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (REGISTERED, True),
        (f"{REGISTERED}/Patient/1", True),
        (f"{REGISTERED}?_getpages=abc", True),
        ("https://EHR.example.org:443/fhir/r4/Patient", True),
        ("https://ehr.example.org/fhir/r4x/Patient", False),
        ("https://ehr.example.org/fhir", False),
        ("https://ehr.example.org/fhir/r4/../admin", False),
        ("https://ehr.example.org/fhir/r4/%2e%2e/admin", False),
        ("https://ehr.example.org/fhir/r4/..%2fadmin", False),
        ("http://ehr.example.org/fhir/r4/Patient", False),
        ("https://ehr.example.org@evil.test/fhir/r4", False),
        ("https://evil.test/fhir/r4", False),
        ("/Patient", False),
    ],
)
def test_a_url_is_below_the_base_only_at_a_segment_border_of_the_same_origin(url: str, expected: bool) -> None:
    assert is_below(url, REGISTERED) is expected


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"iss": "http://ehr.example.org/fhir"}, "must be https"),
        ({"iss": "https://u:p@ehr.example.org/fhir"}, "user information"),
        ({"iss": "https://ehr.example.org/fhir?x=1"}, "query"),
        ({"frame_ancestors": ["https://*.example.org"]}, "host name"),
        ({"frame_ancestors": ["https://ehr.example.org/page"]}, "origin"),
        ({"frame_ancestors": ["https://ehr.example.org; script-src *"]}, "URL"),
        ({"auth_method": "client_secret_basic"}, "client_secret is needed"),
        ({"client_secret": "x"}, "no use"),
        ({"signing_alg": "HS256"}, "ES384"),
        ({"id_token_algorithms": ["none"]}, "RS256"),
        ({"scopes": ["patient/Patient.r patient/*.cruds"]}, "one scope"),
        ({"id": "../x"}, "pattern"),
        ({"unknown_field": 1}, "not permitted"),
    ],
)
def test_a_registration_that_weakens_the_rules_is_refused(changes: dict[str, object], rule: str) -> None:
    with pytest.raises(ValidationError, match=rule):
        registration(**changes)


def test_two_registrations_cannot_share_an_issuer_in_any_spelling() -> None:
    with pytest.raises(ValueError, match="share an iss"):
        EhrRegistry([registration(), registration(id="other", iss="https://EHR.example.org:443/fhir/r4/")])


def test_a_client_secret_never_shows_in_a_repr() -> None:
    secret = "canary-secret-7f"
    held = registration(auth_method="client_secret_basic", client_secret=secret)
    assert secret not in repr(held) + str(held) + held.model_dump_json()
