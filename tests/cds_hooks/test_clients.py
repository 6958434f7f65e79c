"""Which EHRs may call, and that a registration that cannot be right stops the start."""

from typing import Any, get_args

import pytest
from pydantic import ValidationError

from cds_hooks.clients import CdsClient, CdsClientRegistry, Orderable, canonical_url
from cds_hooks.errors import MisconfiguredClient
from patient_context.order_drafts import ORDERABLE
from tests.builders.cds import EHR, JKU, client

SAME = {
    "https://EHR.example.org/fhir": "https://ehr.example.org/fhir",
    "HTTPS://ehr.example.org:443/fhir/": "https://ehr.example.org/fhir",
    "http://127.0.0.1:9090/fhir": "http://127.0.0.1:9090/fhir",
    "https://[2001:DB8::1]:8443/r4": "https://[2001:db8::1]:8443/r4",
}


@pytest.mark.parametrize(("written", "meant"), SAME.items())
def test_spellings_of_one_server_compare_equal(written: str, meant: str) -> None:
    assert canonical_url(written) == meant


ODD = [
    "",
    "ehr.example.org/fhir",
    "//ehr.example.org/fhir",
    "ftp://ehr.example.org/fhir",
    "file:///etc/passwd",
    "https:///fhir",
    "https://ehr.example.org@evil.example.org/fhir",
    "https://user:pw@ehr.example.org/fhir",
    "https://ehr.example.org/fhir?x=1",
    "https://ehr.example.org/fhir?",
    "https://ehr.example.org/fhir#",
    "https://ehr.example.org/fhir/../admin",
    "https://ehr.example.org/./fhir",
    "https://ehr.example.org//fhir",
    "https://ehr.example.org/%2e%2e/fhir",
    "https://ehr.example.org\\@evil.example.org/fhir",
    "https://ehr.example.org/fhir\r\nHost: evil",
    " https://ehr.example.org/fhir",
    "https://ehr.example.org:99999/fhir",
    "https://ehr.example.org:port/fhir",
    "https://еhr.example.org/fhir",  # a Cyrillic е
    "https://[::1/fhir",
]


@pytest.mark.parametrize("url", ODD)
def test_an_unusual_url_is_refused_not_interpreted(url: str) -> None:
    assert canonical_url(url) is None
    assert client().names_fhir_server(url) is None


ELSEWHERE = [
    "https://evil.example.org/fhir",
    "http://ehr.example.org/fhir",
    "https://ehr.example.org:8443/fhir",
    "https://ehr.example.org/fhir2",
    "https://ehr.example.org/fhir/Patient",
    "https://ehr.example.org",
    "https://ehr.example.org.evil.example/fhir",
    "http://169.254.169.254/latest",
]


@pytest.mark.parametrize("url", ELSEWHERE)
def test_only_a_registered_fhir_server_is_known(url: str) -> None:
    assert client().names_fhir_server(url) is None
    assert client().names_fhir_server(f"{EHR}/") == EHR


WRONG = {
    "no keys at all": {"jwks": None, "jku": None},
    "plain http key set": {"jwks": None, "jku": "http://ehr.example.org/jwks"},
    "plain http FHIR server": {"fhir_servers": ["http://ehr.example.org/fhir"]},
    "FHIR server with a query": {"fhir_servers": [f"{EHR}?a=b"]},
    "HMAC allowed": {"algorithms": ["HS256"]},
    "no algorithm": {"algorithms": []},
    "CORS wildcard": {"cors_origins": ["*"]},
    "CORS null": {"cors_origins": ["null"]},
    "CORS with a path": {"cors_origins": ["https://sandbox.example.org/app"]},
    "an endless token life": {"max_token_life_seconds": 86_400},
    "an unknown setting": {"allow_everything": True},
}


@pytest.mark.parametrize("changes", WRONG.values(), ids=WRONG.keys())
def test_a_registration_that_cannot_be_right_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        client(**changes)


def test_plain_http_is_possible_for_development_only_by_saying_so() -> None:
    local = "http://127.0.0.1:9090/fhir"
    registered = client(iss=local, fhir_servers=[local], jwks=None, jku=f"{local}/jwks.json", allow_http=True)
    assert registered.names_fhir_server(local) == local


def test_jwks_uri_is_another_word_for_jku() -> None:
    assert CdsClient.model_validate({"ehr_id": "e", "iss": EHR, "jwks_uri": JKU}).jku == JKU


def test_twins_are_refused() -> None:
    with pytest.raises(MisconfiguredClient):
        CdsClientRegistry([client(), client(ehr_id="ehr-2")])


def test_calls_without_a_token_need_the_development_flag() -> None:
    with pytest.raises(MisconfiguredClient):
        CdsClientRegistry([client(allow_unauthenticated=True)])
    assert CdsClientRegistry([client(allow_unauthenticated=True)], development=True).unauthenticated


def test_only_one_client_may_be_anonymous() -> None:
    open_clients = [client(allow_unauthenticated=True), client(iss="https://b", allow_unauthenticated=True)]
    with pytest.raises(MisconfiguredClient):
        CdsClientRegistry(open_clients, development=True)


def test_a_key_set_is_not_shown_in_the_repr() -> None:
    assert "'kty'" not in repr(client())


def test_a_site_may_give_a_code_for_every_order_that_cards_suggest() -> None:
    assert set(get_args(Orderable)) == ORDERABLE


@pytest.mark.parametrize(
    "codes", [{"biopsy": "urn:x|1"}, {"creatinine": "LAB113"}, {"creatinine": "|1"}, {"creatinine": "urn:x|"}]
)
def test_an_order_code_that_could_never_be_used_is_refused(codes: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="order_codes"):
        client(order_codes=codes)
