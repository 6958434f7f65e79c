"""The token endpoint, over real HTTP, with each way of proving who we are (SL-33..39, SL-66, SL-75)."""

import base64
from datetime import timedelta
from typing import Any

import pytest
import requests
from joserfc import jws, jwt
from joserfc.jwk import KeySet
from werkzeug.wrappers import Response

from launch.context import Tokens
from launch.errors import EhrMisconfigured, EhrUnavailable, PatientChanged, TokenRefused
from launch.keys import ClientKeys, new_key
from launch.pending import PendingLaunch
from launch.tokens import ASSUMED_LIFE, TokenEndpoint, exchange_code, read_tokens, refresh
from tests.builders.fake_ehr import FakeEhr, json_response
from tests.builders.registrations import local_registration

GRANT = {"access_token": "at-1", "token_type": "Bearer", "expires_in": 600, "scope": "launch patient/*.rs"}
PENDING = PendingLaunch(
    ehr_id="local",
    iss="x",
    redirect_uri="https://aki/callback",
    scopes=("launch",),
    code_verifier="v" * 43,
    nonce="n",
)


@pytest.fixture(scope="module")
def keys() -> ClientKeys:
    return ClientKeys([new_key("ES384"), new_key("RS384")])


def _endpoint(ehr: FakeEhr, keys: ClientKeys, **changes: Any) -> TokenEndpoint:
    ehr.token_response = ehr.token_response or dict(GRANT)
    held = local_registration(ehr.base_url, **changes)
    return TokenEndpoint(ehr.token_endpoint, held, keys, requests.Session())


@pytest.mark.parametrize("alg", ["ES384", "RS384"])
def test_private_key_jwt_signs_a_fresh_short_assertion_for_exactly_this_endpoint(
    ehr: FakeEhr, keys: ClientKeys, clock, alg: str
) -> None:
    endpoint = _endpoint(ehr, keys, signing_alg=alg)
    exchange_code(endpoint, code="c1", pending=PENDING, now=clock())
    exchange_code(endpoint, code="c2", pending=PENDING, now=clock())
    public = KeySet.import_key_set(keys.public_jwks())  # type: ignore[arg-type]
    jtis = set()
    for asked in ehr.asked:
        assert asked.form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        assert "client_id" not in asked.form
        assert "Authorization" not in asked.headers
        header = jws.extract_compact(asked.form["client_assertion"].encode()).headers()
        claims = jwt.decode(asked.form["client_assertion"], public, algorithms=[alg]).claims
        assert (header["typ"], header["alg"]) == ("JWT", alg)
        assert claims["iss"] == claims["sub"] == "aki-sentinel"
        assert claims["aud"] == ehr.token_endpoint
        assert claims["exp"] - int(clock().timestamp()) <= 240
        jtis.add(claims["jti"])
    assert len(jtis) == 2


def test_client_secret_basic_goes_into_the_header_and_nowhere_else(ehr: FakeEhr, keys: ClientKeys, clock) -> None:
    endpoint = _endpoint(ehr, keys, auth_method="client_secret_basic", client_secret="s3cret")
    exchange_code(endpoint, code="c", pending=PENDING, now=clock())
    asked = ehr.asked[0]
    assert asked.headers["Authorization"] == "Basic " + base64.b64encode(b"aki-sentinel:s3cret").decode()
    assert asked.form.keys() == {"grant_type", "code", "redirect_uri", "code_verifier"}


def test_a_public_client_names_itself_in_the_body(ehr: FakeEhr, keys: ClientKeys, clock) -> None:
    exchange_code(_endpoint(ehr, keys, auth_method="public"), code="c", pending=PENDING, now=clock())
    asked = ehr.asked[0]
    assert asked.form["client_id"] == "aki-sentinel"
    assert asked.form["code_verifier"] == PENDING.code_verifier
    assert asked.form["redirect_uri"] == PENDING.redirect_uri
    assert "Authorization" not in asked.headers


@pytest.mark.parametrize(
    ("answer", "error", "detail"),
    [
        (json_response({"error": "invalid_client"}, 401), TokenRefused, "invalid_client"),
        (
            json_response({"error": "invalid_grant", "error_description": "ünicode"}, 400),
            TokenRefused,
            "invalid_grant",
        ),
        (json_response({"error": "<script>"}, 400), TokenRefused, "unknown error"),
        (Response("<html>no</html>", status=403), TokenRefused, "status 403"),
        (Response("down", status=503), EhrUnavailable, "status 503"),
        (Response("<html>login</html>"), EhrMisconfigured, "not usable JSON"),
        (json_response(["x"]), EhrMisconfigured, "not usable JSON"),
        (json_response({**GRANT, "expires_in": {"x": 1}}), EhrMisconfigured, "not usable JSON"),
    ],
)
def test_what_the_endpoint_may_say_becomes_one_named_error(
    ehr: FakeEhr, keys: ClientKeys, clock, answer: Response, error: type[Exception], detail: str
) -> None:
    ehr.answers["/auth/token"] = lambda _: answer
    with pytest.raises(error, match=detail):
        exchange_code(_endpoint(ehr, keys, auth_method="public"), code="c", pending=PENDING, now=clock())


def test_a_refresh_asks_for_no_scope_and_keeps_a_rotated_token(ehr: FakeEhr, keys: ClientKeys, clock) -> None:
    held = Tokens("at-0", clock(), frozenset({"launch"}), refresh_token="rt-0")
    ehr.token_response = {
        "access_token": "at-1",
        "token_type": "bearer",
        "expires_in": 60,
        "refresh_token": "rt-1",
    }
    renewed = refresh(_endpoint(ehr, keys, auth_method="public"), held, now=clock())
    assert ehr.asked[0].form == {
        "grant_type": "refresh_token",
        "refresh_token": "rt-0",
        "client_id": "aki-sentinel",
    }
    assert (renewed.access_token, renewed.refresh_token, renewed.scopes) == ("at-1", "rt-1", held.scopes)


@pytest.mark.parametrize(("patient", "named"), [("p1", "p2"), (None, "p2")])
def test_a_refresh_that_names_another_patient_than_the_launch_is_no_renewal(
    ehr: FakeEhr, keys: ClientKeys, clock, patient: str | None, named: str
) -> None:
    held = Tokens("at-0", clock(), frozenset(), refresh_token="rt-0")
    ehr.token_response = {"access_token": "at-1", "token_type": "bearer", "patient": named}
    with pytest.raises(PatientChanged):
        refresh(_endpoint(ehr, keys, auth_method="public"), held, now=clock(), patient=patient)


def test_an_unrotated_refresh_token_stays(ehr: FakeEhr, keys: ClientKeys, clock) -> None:
    held = Tokens("at-0", clock(), frozenset(), refresh_token="rt-0")
    assert refresh(_endpoint(ehr, keys, auth_method="public"), held, now=clock()).refresh_token == "rt-0"


@pytest.mark.parametrize("token_type", ["Bearer", "bearer", "BEARER"])
def test_token_type_is_compared_without_case(clock, token_type: str) -> None:
    assert (
        read_tokens({**GRANT, "token_type": token_type}, requested=frozenset(), now=clock()).access_token == "at-1"
    )


@pytest.mark.parametrize("response", [{}, {**GRANT, "access_token": ""}, {**GRANT, "token_type": "mac"}])
def test_a_response_without_a_bearer_token_is_no_grant(clock, response: dict[str, Any]) -> None:
    with pytest.raises(EhrMisconfigured):
        read_tokens(response, requested=frozenset(), now=clock())


@pytest.mark.parametrize(
    ("expires_in", "life"),
    [
        (570, timedelta(seconds=570)),
        ("3240", timedelta(seconds=3240)),
        (None, ASSUMED_LIFE),
        (0, ASSUMED_LIFE),
        (-5, ASSUMED_LIFE),
        (True, ASSUMED_LIFE),
        ("soon", ASSUMED_LIFE),
        (float("nan"), ASSUMED_LIFE),
        (10**8, timedelta(hours=24)),
        (10**30, ASSUMED_LIFE),
    ],
)
def test_a_token_never_lives_longer_than_the_ehr_said_or_we_dare_assume(clock, expires_in: Any, life) -> None:
    found = read_tokens({**GRANT, "expires_in": expires_in}, requested=frozenset(), now=clock())
    assert found.expires_at == clock() + life


def test_an_absent_scope_means_as_requested_and_an_empty_one_means_nothing(clock) -> None:
    requested = frozenset({"launch", "openid"})
    without = {key: value for key, value in GRANT.items() if key != "scope"}
    assert read_tokens(without, requested=requested, now=clock()).scopes == requested
    assert read_tokens({**GRANT, "scope": ""}, requested=requested, now=clock()).scopes == frozenset()


def test_tokens_never_show_in_a_repr(clock) -> None:
    shown = repr(Tokens("canary-at", clock(), frozenset(), refresh_token="canary-rt"))
    assert "canary" not in shown
