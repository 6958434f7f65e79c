"""The authorization server does what SMART App Launch 2.2 promises, for every kind of client."""

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.builders.smart_app import CALLBACK, EHR, FHIR, SmartApp, new_smart_app

CLIENTS = ("aki-sentinel", "aki-sentinel-basic", "aki-sentinel-public")


@pytest.fixture(params=CLIENTS)
def app(request) -> SmartApp:
    return new_smart_app(request.param)


@pytest.fixture
def public() -> SmartApp:
    return new_smart_app()


def test_each_kind_of_client_gets_a_token_with_its_launch_context(app):
    launched = app.authorize()
    assert launched.response.status_code == 303
    assert launched.answer["state"] == launched.state
    token = app.redeem(launched)
    assert token.status_code == 200
    body = token.json
    assert body["token_type"] == "Bearer"
    assert body["expires_in"] == 3600
    assert body["patient"] == "10000032"
    assert body["encounter"] == "enc-1"
    assert body["need_patient_banner"] is True
    assert body["smart_style_url"] == f"{EHR}/smart-style-v1.json"
    assert body["scope"] == "launch openid fhirUser online_access patient/Patient.r patient/Observation.rs"
    assert token.headers["Cache-Control"] == "no-store"


def test_authorize_by_post_answers_like_get(public):
    launched = public.authorize(method="POST")
    assert launched.response.status_code == 303
    assert public.redeem(launched).status_code == 200


def test_the_access_token_is_bound_to_the_launch_patient(public):
    body = public.redeem(public.authorize()).json
    access = public.bearer(body["access_token"])
    assert access.patient_id == "10000032"
    assert access.permits("Observation", "search")
    assert not access.permits("Observation", "create")
    assert not access.permits("Condition", "read")
    assert access.compartment("Observation", "search") == "10000032"


def test_id_token_verifies_with_the_published_keys(app):
    launched = app.authorize()
    body = app.redeem(launched).json
    jwks = KeySet.import_key_set(app.http.get("/fhir/.well-known/jwks.json").json)
    token = jwt.decode(body["id_token"], jwks, algorithms=["RS256"])
    now = int(app.clock().timestamp())
    claims = token.claims
    assert claims["iss"] == FHIR
    assert claims["aud"] == app.client_id
    assert claims["sub"] == "okafor-ada"
    assert claims["fhirUser"] == f"{FHIR}/Practitioner/okafor-ada"
    assert claims["nonce"] == launched.nonce
    assert (claims["iat"], claims["exp"]) == (now, now + 300)


def test_without_openid_there_is_no_id_token(public):
    body = public.redeem(public.authorize(scope="launch patient/Patient.r")).json
    assert "id_token" not in body


def test_without_an_access_scope_for_refreshing_there_is_no_refresh_token(public):
    body = public.redeem(public.authorize(scope="launch patient/Patient.r")).json
    assert "refresh_token" not in body


def test_scopes_the_client_may_not_have_are_dropped_not_refused(public):
    body = public.redeem(
        public.authorize(scope="launch system/*.rs patient/Patient.sr bogus patient/Patient.r")
    ).json
    assert body["scope"] == "launch patient/Patient.r"


def test_refresh_rotates_and_keeps_the_launch_context(app):
    first = app.redeem(app.authorize()).json
    second = app.refresh(first["refresh_token"])
    assert second.status_code == 200
    assert second.json["refresh_token"] != first["refresh_token"]
    assert second.json["patient"] == "10000032"
    assert app.bearer(second.json["access_token"]).patient_id == "10000032"


def test_refresh_may_narrow_the_access_token_but_never_widen_it(public):
    first = public.redeem(public.authorize()).json
    narrowed = public.refresh(first["refresh_token"], scope="patient/Patient.r").json
    assert narrowed["scope"] == "patient/Patient.r"
    wider = public.refresh(narrowed["refresh_token"], scope="patient/Condition.rs")
    assert (wider.status_code, wider.json["error"]) == (400, "invalid_scope")
    full = public.refresh(narrowed["refresh_token"]).json
    assert full["scope"] == first["scope"]


def test_revoking_an_access_token_ends_only_that_token(app):
    body = app.redeem(app.authorize()).json
    assert app.token({"token": body["access_token"]}, "/auth/revoke").status_code == 200
    assert app.bearer(body["access_token"]) is None
    assert app.refresh(body["refresh_token"]).status_code == 200


def test_revoking_a_refresh_token_ends_everything_it_gave(public):
    body = public.redeem(public.authorize()).json
    assert public.token({"token": body["refresh_token"]}, "/auth/revoke").status_code == 200
    assert public.bearer(body["access_token"]) is None
    assert public.refresh(body["refresh_token"]).json["error"] == "invalid_grant"


def test_revoking_an_unknown_token_is_no_error(public):
    assert public.token({"token": "nobody-knows-me"}, "/auth/revoke").status_code == 200


def test_one_client_cannot_revoke_the_token_of_another(public):
    body = public.redeem(public.authorize()).json
    other = SmartApp(public.ehr, public.clock, public.keys, "aki-sentinel-basic")
    other.token({"token": body["access_token"]}, "/auth/revoke")
    assert public.bearer(body["access_token"]) is not None


def test_introspection_tells_a_confidential_client_about_its_own_token():
    app = new_smart_app("aki-sentinel-basic")
    body = app.redeem(app.authorize()).json
    answer = app.token({"token": body["access_token"]}, "/auth/introspect").json
    assert answer["active"] is True
    assert answer["client_id"] == "aki-sentinel-basic"
    assert answer["patient"] == "10000032"
    assert answer["scope"] == body["scope"]
    assert answer["exp"] == int(app.clock().timestamp()) + 3600
    app.clock.pass_time(seconds=3601)
    assert app.token({"token": body["access_token"]}, "/auth/introspect").json == {"active": False}


def test_a_token_stops_working_when_its_life_is_over(public):
    body = public.redeem(public.authorize()).json
    public.clock.pass_time(seconds=3599)
    assert public.bearer(body["access_token"]) is not None
    public.clock.pass_time(seconds=1)
    assert public.bearer(body["access_token"]) is None


def test_the_switch_for_short_tokens_shortens_the_next_token(public):
    public.services.switches.short_tokens = True
    assert public.redeem(public.authorize()).json["expires_in"] == 60


def test_access_tokens_can_be_as_long_as_some_vendors_make_them(public):
    public.services.switches.long_token_text = True
    assert len(public.redeem(public.authorize()).json["access_token"]) == 2000


def test_backend_services_get_system_scopes_and_no_refresh_token():
    app = new_smart_app("aki-sentinel-backend")
    token = app.token({"grant_type": "client_credentials", "scope": "system/Observation.rs system/Patient.cruds"})
    assert token.status_code == 200
    assert token.json["scope"] == "system/Observation.rs system/Patient.rs"
    assert token.json["expires_in"] == 300
    assert "refresh_token" not in token.json
    access = app.bearer(token.json["access_token"])
    assert access.permits("Observation", "search")
    assert access.compartment("Observation", "search") is None


def test_backend_services_must_name_scopes_they_can_have():
    app = new_smart_app("aki-sentinel-backend")
    for scope in (None, "patient/*.read"):
        refused = app.token({"grant_type": "client_credentials", "scope": scope})
        assert (refused.status_code, refused.json["error"]) == (400, "invalid_scope")


def test_an_app_that_launches_from_charts_has_no_backend_access():
    app = new_smart_app("aki-sentinel")
    refused = app.token({"grant_type": "client_credentials", "scope": "system/*.rs"})
    assert refused.json["error"] == "unauthorized_client"


def test_launch_extras_travel_beside_the_token():
    app = new_smart_app(tenant="meadowbrook")
    launch = app.new_launch(intent="kidney-review", app_context='{"card":"1"}', need_patient_banner=False)
    body = app.redeem(app.authorize(launch=launch)).json
    assert body["intent"] == "kidney-review"
    assert body["appContext"] == '{"card":"1"}'
    assert body["need_patient_banner"] is False
    assert body["tenant"] == "meadowbrook"


def test_a_client_added_through_settings_works():
    extra = {"client_id": "inferno", "auth_method": "none", "redirect_uris": ["http://127.0.0.1:4567/cb"]}
    app = new_smart_app("inferno", extra_clients=[extra])
    launched = app.authorize(redirect_uri="http://127.0.0.1:4567/cb")
    assert launched.response.headers["Location"].startswith("http://127.0.0.1:4567/cb?code=")
    form = {"client_id": "inferno", "grant_type": "authorization_code", "code": launched.code}
    form |= {"redirect_uri": "http://127.0.0.1:4567/cb", "code_verifier": launched.verifier}
    assert app.http.post("/auth/token", data=form).status_code == 200


def test_configuration_names_everything_an_app_needs(public):
    document = public.http.get("/fhir/.well-known/smart-configuration").json
    assert document["issuer"] == FHIR
    assert document["jwks_uri"] == f"{FHIR}/.well-known/jwks.json"
    assert document["authorization_endpoint"] == f"{EHR}/auth/authorize"
    assert document["token_endpoint"] == f"{EHR}/auth/token"
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert set(document["token_endpoint_auth_signing_alg_values_supported"]) == {"RS384", "ES384"}
    assert {"launch-ehr", "authorize-post", "permission-v1", "permission-v2"} <= set(document["capabilities"])


def test_openid_configuration_has_the_same_issuer_as_the_id_token(public):
    document = public.http.get("/fhir/.well-known/openid-configuration").json
    assert document["issuer"] == FHIR
    assert document["id_token_signing_alg_values_supported"] == ["RS256"]


def test_published_keys_hold_no_private_part(public):
    keys = public.http.get("/fhir/.well-known/jwks.json").json["keys"]
    assert {key["kty"] for key in keys} == {"RSA", "EC"}
    assert len({key["kid"] for key in keys}) == len(keys)
    for key in keys:
        assert not {"d", "p", "q", "dp", "dq", "qi", "oth", "k"} & key.keys()


def test_keys_survive_a_restart_when_they_have_a_place(tmp_path):
    first = new_smart_app(state_dir=tmp_path).http.get("/fhir/.well-known/jwks.json").json
    second = new_smart_app(state_dir=tmp_path).http.get("/fhir/.well-known/jwks.json").json
    assert first == second
    assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.iterdir())


def test_redirects_end_at_the_registered_callback_only(public):
    assert public.authorize().response.headers["Location"].split("?")[0] == CALLBACK
