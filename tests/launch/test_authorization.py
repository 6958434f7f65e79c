"""The authorization request (SL-17..26)."""

import base64
import hashlib
import re
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from launch.authorization import AuthorizationRequest, authorization_request, requested_scopes
from launch.discovery import smart_configuration
from tests.builders.registrations import registration

ISS = "https://EHR.example.org/fhir/r4/"
CALLBACK = "https://aki.example.org/callback"


def _request(
    launch: str | None = "opaque", scopes: tuple[str, ...] = ("launch", "openid")
) -> AuthorizationRequest:
    held = registration()
    published = {
        "authorization_endpoint": "https://ehr.example.org/authorize?tenant=7",
        "token_endpoint": "https://ehr.example.org/token",
    }
    return authorization_request(
        held, smart_configuration(published, held), iss=ISS, launch=launch, scopes=scopes, redirect_uri=CALLBACK
    )


def test_every_parameter_smart_asks_for_is_sent_once() -> None:
    sent = parse_qs(urlsplit(_request().url).query, strict_parsing=True)
    assert all(len(values) == 1 for values in sent.values())
    assert sent.keys() == {
        *("response_type", "client_id", "redirect_uri", "scope", "state", "aud", "launch", "nonce"),
        *("code_challenge", "code_challenge_method", "tenant"),
    }
    assert sent["response_type"] == ["code"]
    assert sent["redirect_uri"] == [CALLBACK]
    assert sent["code_challenge_method"] == ["S256"]


def test_aud_is_the_received_iss_byte_for_byte() -> None:
    assert parse_qs(urlsplit(_request().url).query)["aud"] == [ISS]


def test_the_challenge_is_the_hash_of_a_fresh_verifier_of_legal_form() -> None:
    first, second = _request(), _request()
    for each in (first, second):
        verifier = each.pending.code_verifier
        digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        assert re.fullmatch(r"[A-Za-z0-9\-._~]{43,128}", verifier)
        assert parse_qs(urlsplit(each.url).query)["code_challenge"] == [digest]
    assert first.pending.code_verifier != second.pending.code_verifier


def test_state_and_nonce_are_random_long_and_say_nothing() -> None:
    made = [_request() for _ in range(50)]
    states, nonces = {each.state for each in made}, {each.pending.nonce for each in made}
    assert len(states) == len(nonces) == 50
    assert all(len(base64.urlsafe_b64decode(state + "=")) == 32 for state in states)


def test_no_nonce_is_sent_where_no_id_token_was_asked_for() -> None:
    assert "nonce" not in parse_qs(urlsplit(_request(scopes=("launch",)).url).query)


def test_secrets_of_a_launch_stay_out_of_its_repr() -> None:
    made = _request()
    shown = repr(made)
    for secret in (made.state, made.pending.code_verifier, made.pending.nonce, "opaque"):
        assert secret not in shown


def test_a_long_launch_token_turns_the_request_into_a_form_with_the_same_fields() -> None:
    made = _request(launch="x" * 3000)
    target, fields = made.as_form()
    assert made.by_form
    assert not _request().by_form
    assert target == "https://ehr.example.org/authorize"
    assert fields == parse_qsl(urlsplit(made.url).query)


@pytest.mark.parametrize(
    ("own", "standalone", "expected"),
    [
        (None, False, ("launch", "openid", "fhirUser", "patient/Observation.rs")),
        (None, True, ("launch/patient", "openid", "fhirUser", "patient/Observation.rs")),
        (("launch", "patient/*.read"), True, ("launch/patient", "patient/*.read")),
        (("patient/*.read", "launch/patient"), False, ("launch", "patient/*.read")),
        ((), False, ("launch",)),
    ],
)
def test_scopes_are_the_registrations_or_the_products_with_the_fitting_launch_scope(
    own: tuple[str, ...] | None, standalone: bool, expected: tuple[str, ...]
) -> None:
    held = registration(scopes=own)
    assert requested_scopes(held, ("patient/Observation.rs",), standalone=standalone) == expected


@pytest.mark.parametrize(
    ("own", "standalone", "expected"),
    [
        (None, True, ("openid", "fhirUser", "user/Observation.rs")),
        (None, False, ("launch", "openid", "fhirUser", "user/Observation.rs")),
        (("patient/*.read", "user/Patient.read"), True, ("user/*.read", "user/Patient.read")),
        (("launch", "launch/patient", "launch/encounter", "openid"), False, ("launch", "openid")),
        (("launch", "launch/patient", "launch/encounter", "openid"), True, ("openid",)),
    ],
)
def test_without_a_patient_the_users_level_is_asked_for_and_nothing_that_obliges_to_choose_one(
    own: tuple[str, ...] | None, standalone: bool, expected: tuple[str, ...]
) -> None:
    product = ("user/Observation.rs",)
    assert requested_scopes(registration(scopes=own), product, standalone=standalone, level="user") == expected


@pytest.mark.parametrize("refresh", ["online_access", "offline_access"])
def test_a_refresh_token_is_asked_for_only_where_the_registry_says_so(refresh: str) -> None:
    wanted = ("patient/Observation.rs",)
    assert refresh in requested_scopes(registration(refresh=refresh), wanted, standalone=False)
    plain = requested_scopes(registration(), wanted, standalone=False)
    assert not {"online_access", "offline_access"} & set(plain)


def test_a_site_may_ask_for_post_whatever_the_length() -> None:
    held = registration(authorize_method="post")
    published = {"authorization_endpoint": f"{ISS}authorize", "token_endpoint": f"{ISS}token"}
    made = authorization_request(
        held, smart_configuration(published, held), iss=ISS, launch="x", scopes=("launch",), redirect_uri=CALLBACK
    )
    assert made.by_form
    assert dict(made.as_form()[1])["launch"] == "x"
