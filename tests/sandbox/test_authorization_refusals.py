"""The authorization server refuses what a strict EHR refuses, in OAuth's words and without leaking anything."""

import base64
import hmac
import json
import threading

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from tests.builders.smart_app import ASSERTION_TYPE, CALLBACK, SmartApp, new_smart_app


@pytest.fixture
def public() -> SmartApp:
    return new_smart_app()


@pytest.fixture
def app() -> SmartApp:
    return new_smart_app("aki-sentinel")


def refused(response) -> tuple[int, str]:
    return response.status_code, response.json["error"]


# --- authorize --------------------------------------------------------------


def test_a_request_without_a_response_type_is_refused_in_one_sentence(public):
    page = public.http.get("/auth/authorize")
    assert page.status_code == 400
    assert ">&#39;response_type&#39; must be &#39;code&#39;.<" in page.text


@pytest.mark.parametrize(
    "aud", [None, "", "http://127.0.0.1:9090/fhir/", "http://localhost:9090/fhir", "http://127.0.0.1:9090/FHIR"]
)
def test_aud_must_be_the_fhir_base_byte_for_byte(public, aud):
    assert public.authorize(aud=aud).answer["error"] == "invalid_request"


@pytest.mark.parametrize(
    "changes",
    [
        {"code_challenge": None},
        {"code_challenge_method": None},
        {"code_challenge_method": "plain"},
        {"code_challenge": None, "code_challenge_method": None},
        {"code_challenge": "short"},
        {"state": None},
        {"launch": None},
        {"launch": "no-such-launch"},
        {"scope": "openid patient/Patient.r"},
    ],
)
def test_an_incomplete_request_is_sent_back_with_invalid_request(public, changes):
    answer = public.authorize(**changes).answer
    assert answer["error"] == "invalid_request"
    assert "code" not in answer


@pytest.mark.parametrize(
    "redirect_uri",
    [
        None,
        "https://evil.example/callback",
        f"{CALLBACK}/",
        f"{CALLBACK}?x=1",
        "http://127.0.0.1:8080/callback\\@evil.example",
        "javascript:alert(1)",
        'http://127.0.0.1:8080/"><script>',
    ],
)
def test_a_wrong_redirect_uri_gets_a_page_and_never_a_redirect(public, redirect_uri):
    response = public.authorize(redirect_uri=redirect_uri).response
    assert response.status_code == 400
    assert "Location" not in response.headers
    assert "evil.example" not in response.text
    assert "<script>" not in response.text


@pytest.mark.parametrize("client_id", [None, "nobody", '"><script>'])
def test_an_unknown_client_gets_a_page(public, client_id):
    response = public.authorize(client_id=client_id).response
    assert response.status_code == 400
    assert "Location" not in response.headers
    assert "<script>" not in response.text


@pytest.mark.parametrize("response_type", [None, "token", "code id_token", '"quoted"', "\\"])
def test_other_response_types_are_refused(public, response_type):
    response = public.authorize(response_type=response_type).response
    assert response.status_code in (303, 400)
    assert "code=" not in response.headers.get("Location", "")


def test_a_backend_client_cannot_send_people_to_authorize():
    response = new_smart_app("aki-sentinel-backend").authorize().response
    assert response.status_code == 400


def test_repeated_parameters_are_refused(public):
    query = "response_type=code&client_id=aki-sentinel-public&client_id=aki-sentinel&redirect_uri=" + CALLBACK
    response = public.http.get(f"/auth/authorize?{query}&state=s")
    assert "code=" not in response.headers.get("Location", "")


def test_a_launch_works_once(public):
    launch = public.new_launch()
    assert "code" in public.authorize(launch=launch).answer
    again = public.authorize(launch=launch).answer
    assert again["error"] == "invalid_request"


def test_a_refused_request_does_not_use_the_launch_up(public):
    launch = public.new_launch()
    assert "error" in public.authorize(launch=launch, aud="https://elsewhere.example/fhir").answer
    assert "code" in public.authorize(launch=launch).answer


def test_a_launch_is_too_old_after_five_minutes(public):
    launch = public.new_launch()
    public.clock.pass_time(minutes=5)
    assert public.authorize(launch=launch).answer["error"] == "invalid_request"


# --- code -------------------------------------------------------------------


def test_a_code_works_once_and_its_replay_ends_the_tokens_it_gave(public):
    launched = public.authorize()
    body = public.redeem(launched).json
    assert public.bearer(body["access_token"]) is not None
    assert refused(public.redeem(launched)) == (400, "invalid_grant")
    assert public.bearer(body["access_token"]) is None
    assert refused(public.refresh(body["refresh_token"])) == (400, "invalid_grant")


def test_of_many_redemptions_at_once_at_most_one_succeeds(public):
    launched = public.authorize()
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(public.redeem(launched).status_code)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses)[:1] == [200]
    assert statuses.count(200) == 1


def test_a_code_is_too_old_after_a_minute(public):
    launched = public.authorize()
    public.clock.pass_time(seconds=60)
    assert refused(public.redeem(launched)) == (400, "invalid_grant")


def test_a_wrong_verifier_is_refused_and_burns_the_code(public):
    launched = public.authorize()
    assert refused(public.redeem(launched, code_verifier="x" * 64)) == (400, "invalid_grant")
    assert refused(public.redeem(launched)) == (400, "invalid_grant")


def test_a_missing_verifier_is_refused_for_confidential_clients_too(app):
    assert refused(app.redeem(app.authorize(), code_verifier=None)) == (400, "invalid_request")


def test_another_redirect_uri_at_the_token_endpoint_is_refused(public):
    assert refused(public.redeem(public.authorize(), redirect_uri=f"{CALLBACK}2")) == (400, "invalid_grant")
    assert refused(public.redeem(public.authorize(), redirect_uri=None)) == (400, "invalid_grant")


def test_a_code_belongs_to_the_client_it_was_made_for(public):
    launched = public.authorize()
    other = SmartApp(public.ehr, public.clock, public.keys, "aki-sentinel-basic")
    assert refused(other.redeem(launched)) == (400, "invalid_grant")


def test_an_unknown_grant_type_is_refused(public):
    for grant_type in (None, "password", "implicit"):
        assert refused(public.token({"grant_type": grant_type})) == (400, "unsupported_grant_type")


# --- refresh ----------------------------------------------------------------


def test_reuse_of_a_refresh_token_ends_the_whole_authorization(public):
    first = public.redeem(public.authorize()).json
    second = public.refresh(first["refresh_token"]).json
    assert refused(public.refresh(first["refresh_token"])) == (400, "invalid_grant")
    assert public.bearer(second["access_token"]) is None
    assert refused(public.refresh(second["refresh_token"])) == (400, "invalid_grant")


def test_a_refresh_token_belongs_to_its_client(public):
    first = public.redeem(public.authorize()).json
    other = SmartApp(public.ehr, public.clock, public.keys, "aki-sentinel-basic")
    assert refused(other.refresh(first["refresh_token"])) == (400, "invalid_grant")


def test_an_access_token_is_no_refresh_token(public):
    first = public.redeem(public.authorize()).json
    assert refused(public.refresh(first["access_token"])) == (400, "invalid_grant")
    assert public.bearer(first["refresh_token"]) is None


# --- client authentication --------------------------------------------------


def redeem_with(app: SmartApp, assertion: str, **more: str):
    launched = app.authorize()
    form = {
        "grant_type": "authorization_code",
        "code": launched.code,
        "redirect_uri": CALLBACK,
        "code_verifier": launched.verifier,
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": assertion,
    }
    return app.http.post("/auth/token", data=form | more)


def test_an_assertion_with_nothing_wrong_is_accepted(app):
    assert redeem_with(app, app.assertion()).status_code == 200


def test_an_assertion_works_once(app):
    assertion = app.assertion()
    assert redeem_with(app, assertion).status_code == 200
    assert refused(redeem_with(app, assertion)) == (400, "invalid_client")


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "http://127.0.0.1:9090/fhir"},
        {"aud": "http://127.0.0.1:9090/auth/token/"},
        {"aud": None},
        {"iss": "somebody-else"},
        {"iss": None},
        {"sub": None},
        {"sub": 7},
        {"sub": "nobody"},
        {"jti": None},
        {"jti": ""},
        {"jti": 5},
        {"jti": "x" * 300},
        {"exp": None},
        {"exp": "tomorrow"},
        {"exp": True},
        {"exp": 10},
    ],
)
def test_wrong_claims_are_refused(app, claims):
    assert refused(redeem_with(app, app.assertion(**claims))) == (400, "invalid_client")


def test_an_assertion_of_more_than_five_minutes_is_refused(app):
    now = int(app.clock().timestamp())
    assert redeem_with(app, app.assertion(exp=now + 300)).status_code == 200
    assert refused(redeem_with(app, app.assertion(exp=now + 301))) == (400, "invalid_client")
    assert refused(redeem_with(app, app.assertion(exp=now + 3600, iat=None))) == (400, "invalid_client")


def test_an_assertion_from_the_future_is_refused(app):
    now = int(app.clock().timestamp())
    assert refused(redeem_with(app, app.assertion(iat=now + 60, exp=now + 120))) == (400, "invalid_client")
    assert refused(redeem_with(app, app.assertion(nbf=now + 60))) == (400, "invalid_client")


@pytest.mark.parametrize(
    "header", [{"kid": None}, {"kid": "unknown"}, {"typ": "at+jwt"}, {"jku": "https://evil.example/jwks.json"}]
)
def test_wrong_headers_are_refused(app, header):
    assert refused(redeem_with(app, app.assertion(header))) == (400, "invalid_client")


def _claims(app: SmartApp) -> dict:
    now = int(app.clock().timestamp())
    url = "http://127.0.0.1:9090/auth/token"
    return {"iss": app.client_id, "sub": app.client_id, "aud": url, "exp": now + 200, "jti": "once"}


def _part(value: dict) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_an_unsigned_assertion_is_refused(app):
    header = {"alg": "none", "typ": "JWT", "kid": app.keys.key.kid}
    assert refused(redeem_with(app, f"{_part(header)}.{_part(_claims(app))}.")) == (400, "invalid_client")


def test_an_assertion_signed_with_the_public_key_as_a_shared_secret_is_refused(app):
    header = {"alg": "HS256", "typ": "JWT", "kid": app.keys.key.kid}
    signed = f"{_part(header)}.{_part(_claims(app))}"
    mac = hmac.new(app.keys.key.as_pem(private=False), signed.encode(), "sha256").digest()
    forged = f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"
    assert refused(redeem_with(app, forged)) == (400, "invalid_client")


def test_an_assertion_signed_with_another_key_is_refused(app):
    other = ECKey.generate_key("P-384", private=True)
    header = {"alg": "ES384", "typ": "JWT", "kid": app.keys.key.kid}
    assert refused(redeem_with(app, jwt.encode(header, _claims(app), other, algorithms=["ES384"])))[1] == (
        "invalid_client"
    )


def test_a_weaker_algorithm_than_smart_names_is_refused(app):
    other = RSAKey.generate_key(2048, private=True)
    header = {"alg": "RS256", "typ": "JWT", "kid": app.keys.key.kid}
    forged = jwt.encode(header, _claims(app), other, algorithms=["RS256"])
    assert refused(redeem_with(app, forged)) == (400, "invalid_client")


@pytest.mark.parametrize("assertion", ["", "x", "a.b.c", "e30.e30.", "." * 3, "é.é.é"])
def test_garbage_is_no_assertion(app, assertion):
    response = redeem_with(app, assertion)
    assert response.status_code in (400, 401)
    assert response.json["error"] == "invalid_client"


def test_client_id_and_assertion_must_name_the_same_client(app):
    assert refused(redeem_with(app, app.assertion(), client_id="aki-sentinel-public")) == (400, "invalid_client")
    assert redeem_with(app, app.assertion(), client_id="aki-sentinel").status_code == 200


def test_keys_are_cached_and_read_again_once_for_an_unknown_kid(app):
    assert redeem_with(app, app.assertion()).status_code == 200
    assert redeem_with(app, app.assertion()).status_code == 200
    assert app.keys.reads == 1
    app.keys.rotate()
    assert redeem_with(app, app.assertion()).status_code == 200
    assert app.keys.reads == 2
    app.clock.pass_time(minutes=10)
    assert redeem_with(app, app.assertion()).status_code == 200
    assert app.keys.reads == 3


def test_unreadable_keys_refuse_the_client_and_recover(app):
    app.keys.broken = True
    assert refused(redeem_with(app, app.assertion())) == (400, "invalid_client")
    app.keys.broken = False
    assert redeem_with(app, app.assertion()).status_code == 200


def test_a_confidential_client_cannot_pass_as_public():
    app = new_smart_app("aki-sentinel")
    launched = app.authorize()
    form = {"grant_type": "authorization_code", "code": launched.code, "redirect_uri": CALLBACK}
    response = app.http.post("/auth/token", data=form | {"client_id": app.client_id})
    assert refused(response) == (401, "invalid_client")


def test_a_wrong_secret_is_refused_with_401():
    app = new_smart_app("aki-sentinel-basic")
    launched = app.authorize()
    pair = base64.b64encode(b"aki-sentinel-basic:wrong").decode()
    form = {"grant_type": "authorization_code", "code": launched.code, "redirect_uri": CALLBACK}
    response = app.http.post("/auth/token", data=form, headers={"Authorization": f"Basic {pair}"})
    assert refused(response) == (401, "invalid_client")
    assert response.headers["WWW-Authenticate"].startswith("Basic")


def test_a_secret_in_the_body_is_not_smart_and_is_refused():
    app = new_smart_app("aki-sentinel-basic")
    launched = app.authorize()
    form = {"grant_type": "authorization_code", "code": launched.code, "redirect_uri": CALLBACK}
    response = app.http.post(
        "/auth/token", data=form | {"client_id": app.client_id, "client_secret": "a-secret-of-the-tests"}
    )
    assert refused(response) == (401, "invalid_client")
