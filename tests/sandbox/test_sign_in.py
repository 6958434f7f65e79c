"""Standalone launches: a clinician signs in, chooses a patient, and only then the app gets a code."""

from urllib.parse import parse_qs, urlsplit

import pytest

from tests.builders.smart_app import CALLBACK, EHR, Launched, SmartApp, new_smart_app

STANDALONE = "openid fhirUser launch/patient patient/Observation.rs"


@pytest.fixture
def app() -> SmartApp:
    return new_smart_app()


def start(app: SmartApp, scope: str = STANDALONE) -> tuple[Launched, str]:
    launched = app.authorize(launch=None, scope=scope)
    assert launched.response.status_code == 303
    return launched, pending_of(launched.response)


def pending_of(response) -> str:
    return parse_qs(urlsplit(response.headers["Location"]).query)["request"][0]


def sign_in(app: SmartApp, key: str, **form: str):
    return app.http.post("/auth/sign-in", data={"request": key, "practitioner": "moreau-claire"} | form)


def choose(app: SmartApp, key: str, patient: str = "10000032", **form: str):
    return app.http.post("/auth/choose-patient", data={"request": key, "patient": patient} | form)


def test_signing_in_and_choosing_a_patient_gives_a_token_for_that_patient(app):
    launched, key = start(app)
    page = app.http.get("/auth/sign-in", query_string={"request": key})
    assert "Claire Moreau" in page.text
    key = pending_of(sign_in(app, key))
    launched.response = choose(app, key)
    assert launched.answer["state"] == launched.state
    body = app.redeem(launched).json
    assert body["patient"] == "10000032"
    assert "encounter" not in body
    assert app.bearer(body["access_token"]).fhir_user == "Practitioner/moreau-claire"


def test_without_patient_scopes_no_patient_is_asked_for(app):
    launched, key = start(app, "openid fhirUser user/Patient.rs")
    launched.response = sign_in(app, key)
    body = app.redeem(launched).json
    assert "patient" not in body
    assert app.bearer(body["access_token"]).compartment("Patient", "search") is None


def test_saying_no_tells_the_app_and_ends_the_request(app):
    for stop_at in ("sign-in", "patient"):
        launched, key = start(app)
        if stop_at == "patient":
            key = pending_of(sign_in(app, key))
            launched.response = choose(app, key, action="deny")
        else:
            launched.response = sign_in(app, key, action="deny")
        assert launched.answer["error"] == "access_denied"
        assert launched.answer["state"] == launched.state
        assert sign_in(app, key).status_code == 400


def test_a_finished_or_unknown_request_is_gone(app):
    _, key = start(app)
    patient_key = pending_of(sign_in(app, key))
    assert choose(app, patient_key).status_code == 303
    assert choose(app, patient_key).status_code == 400
    assert app.http.get("/auth/sign-in?request=unknown").status_code == 400


def test_a_sign_in_is_too_old_after_ten_minutes(app):
    _, key = start(app)
    app.clock.pass_time(minutes=10)
    assert sign_in(app, key).status_code == 400


def test_the_patient_page_needs_a_sign_in_first(app):
    _, key = start(app)
    assert app.http.get("/auth/choose-patient", query_string={"request": key}).status_code == 400
    assert choose(app, key).status_code == 400


def test_unknown_clinicians_and_patients_are_asked_for_again(app):
    _, key = start(app)
    again = sign_in(app, key, practitioner="nobody")
    assert again.headers["Location"].startswith("/auth/sign-in")
    key = pending_of(sign_in(app, key))
    again = choose(app, key, patient="no-such-patient")
    assert again.headers["Location"].startswith("/auth/choose-patient")


def test_prompt_none_is_refused_because_nobody_is_signed_in(app):
    assert app.authorize(launch=None, scope=STANDALONE, prompt="none").answer["error"] == "login_required"


def test_forms_from_elsewhere_are_refused(app):
    _, key = start(app)
    headers = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    data = {"request": key, "practitioner": "moreau-claire"}
    assert app.http.post("/auth/sign-in", data=data, headers=headers).status_code == 403


def test_the_form_may_only_end_at_this_ehr_or_the_apps_origin(app):
    _, key = start(app)
    policy = app.http.get("/auth/sign-in", query_string={"request": key}).headers["Content-Security-Policy"]
    assert "form-action 'self' http://127.0.0.1:8080;" in policy
    assert CALLBACK.startswith("http://127.0.0.1:8080/")
    assert EHR not in policy
