"""Every way a launch must end before the patient is shown: with a clear page, and nothing sent elsewhere."""

from typing import Any
from urllib.parse import urlencode

import pytest
from werkzeug.wrappers import Response

from app.factory import create_app
from tests.builders.fake_ehr import FakeEhr, json_response
from tests.builders.launching import begin, come_back


@pytest.mark.parametrize(
    "query",
    [
        "",
        "iss=https://ehr.example.org/fhir",
        "launch=x",
        "iss=&launch=x",
        "iss={iss}&launch=",
        "iss={iss}&iss={iss}&launch=x",
        "iss={iss}&launch=" + "x" * 20_000,
    ],
)
def test_an_incomplete_launch_is_a_400_page_and_reaches_nobody(client, ehr, no_network, query: str) -> None:
    response = client.get(f"/launch?{query.format(iss=ehr.fhir_base)}")
    assert response.status_code == 400
    assert "launch-parameters-missing" in response.text
    assert no_network() == 0


@pytest.mark.parametrize(
    "iss",
    [
        "https://evil.test/fhir",
        "http://169.254.169.254/latest/meta-data/",
        "http://2130706433/fhir",
        "{base}@evil.test/fhir",
        "{base}/fhir/../fhir",
        "{base}/fhir%2e",
        "{base}//fhir",
        "{base}/FHIR",
        "javascript:alert(1)",
        "<script>alert(1)</script>",
    ],
)
def test_an_unknown_issuer_is_refused_before_any_request(client, ehr, no_network, iss: str) -> None:
    iss = iss.format(base=ehr.base_url)
    response = client.get("/launch", query_string={"iss": iss, "launch": "canary-launch"})
    assert response.status_code == 403
    assert "Set-Cookie" not in response.headers
    assert iss not in response.text
    assert "canary" not in response.text
    assert no_network() == 0
    assert ehr.asked == []


def test_a_replayed_callback_meets_a_clear_page_and_no_request(client, ehr) -> None:
    _, asked = begin(client, ehr)
    assert come_back(client, state=asked["state"], code="c").status_code == 303
    before = len(ehr.asked)
    again = come_back(client, state=asked["state"], code="c")
    assert again.status_code == 400
    assert "launch-not-recognised" in again.text
    assert len(ehr.asked) == before


@pytest.mark.parametrize("query", [{"code": "c"}, {"state": "", "code": "c"}, {"state": "wrong", "code": "c"}])
def test_a_wrong_or_missing_state_makes_no_request(client, ehr, query: dict[str, str]) -> None:
    begin(client, ehr)
    before = len(ehr.asked)
    assert come_back(client, **query).status_code == 400
    assert len(ehr.asked) == before


def test_another_browser_cannot_finish_the_launch_and_the_right_one_still_can(client, services, ehr) -> None:
    _, asked = begin(client, ehr)
    before = len(ehr.asked)
    stranger = create_app(services=services).test_client()
    refused = come_back(stranger, state=asked["state"], code="c")
    assert refused.status_code == 400
    assert "browser-not-recognised" in refused.text
    assert len(ehr.asked) == before
    assert come_back(client, state=asked["state"], code="c").status_code == 303


def test_a_launch_that_took_longer_than_ten_minutes_is_over(client, ehr, clock) -> None:
    _, asked = begin(client, ehr)
    before = len(ehr.asked)
    clock.advance(minutes=11)
    assert "launch-not-recognised" in come_back(client, state=asked["state"], code="c").text
    assert len(ehr.asked) == before


def test_a_code_of_one_ehr_goes_to_that_ehr_only(client, ehr, other_ehr) -> None:
    _, asked = begin(client, ehr)
    come_back(client, state=asked["state"], code="c")
    assert "/auth/token" in ehr.paths()
    assert other_ehr.asked == []


def test_an_answer_that_names_another_issuer_is_not_exchanged(client, ehr, other_ehr) -> None:
    _, asked = begin(client, ehr)
    response = come_back(client, state=asked["state"], code="c", iss=other_ehr.fhir_base)
    assert response.status_code == 403
    assert "/auth/token" not in ehr.paths()


def test_an_answer_without_issuer_is_not_exchanged_where_the_ehr_always_names_itself(client, ehr) -> None:
    said = {**ehr.configuration(), "authorization_response_iss_parameter_supported": True}
    ehr.answers["/fhir/.well-known/smart-configuration"] = lambda _: json_response(said)
    _, asked = begin(client, ehr)
    assert come_back(client, state=asked["state"], code="c").status_code == 403
    assert "/auth/token" not in ehr.paths()
    _, asked = begin(client, ehr)
    assert come_back(client, state=asked["state"], code="c", iss=ehr.fhir_base).status_code == 303


def test_keys_that_the_ehr_has_moved_are_found_at_their_new_place(client, ehr, clock) -> None:
    for place in ("/jwks.json", "/moved.json"):
        said = {**ehr.configuration(), "jwks_uri": f"{ehr.base_url}{place}"}
        ehr.answers = {
            "/fhir/.well-known/smart-configuration": lambda _, said=said: json_response(said),
            place: lambda _: json_response(ehr.jwks()),
        }
        _, asked = begin(client, ehr)
        ehr.token_response["id_token"] = ehr.id_token(nonce=asked["nonce"], now=clock())
        assert come_back(client, state=asked["state"], code="c").status_code == 303
        assert place in ehr.paths()
        clock.advance(minutes=11)


def test_a_head_request_does_not_use_up_the_launch(client, ehr) -> None:
    _, asked = begin(client, ehr)
    query = urlencode({"state": asked["state"], "code": "c"})
    assert client.head(f"/callback?{query}", base_url="https://aki").status_code == 405
    assert come_back(client, state=asked["state"], code="c").status_code == 303


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("access_denied", "cancelled"),
        ("invalid_scope", "kinds of data"),
        ("temporarily_unavailable", "not available just now"),
        ("<script>alert(1)</script>", "without granting access"),
    ],
)
def test_an_oauth_error_is_told_in_plain_words_and_written_down(
    client, services, ehr, error: str, words: str
) -> None:
    _, asked = begin(client, ehr)
    response = come_back(client, state=asked["state"], error=error, error_description="<b>canary</b>")
    assert response.status_code == 403
    assert words in response.text
    assert "canary" not in response.text
    assert "<script>alert" not in response.text
    assert "/auth/token" not in ehr.paths()
    assert [event["outcome"] for event in services.audit.events()] == ["authorization-refused"]


def _without_patient(ehr: FakeEhr, **_: Any) -> None:
    del ehr.token_response["patient"]


def _bad_identity(ehr: FakeEhr, *, nonce: str, now: Any) -> None:
    ehr.token_response["id_token"] = ehr.id_token(nonce="another launch's", now=now)


def _patient_user(ehr: FakeEhr, *, nonce: str, now: Any) -> None:
    ehr.token_response["id_token"] = ehr.id_token(nonce=nonce, now=now, fhirUser="Patient/p1")


def _down(ehr: FakeEhr, **_: Any) -> None:
    ehr.answers["/auth/token"] = lambda _: Response(status=503)


def _refusing(ehr: FakeEhr, **_: Any) -> None:
    ehr.answers["/auth/token"] = lambda _: Response('{"error": "invalid_client"}', status=401)


@pytest.mark.parametrize(
    ("spoil", "status", "code"),
    [
        (_without_patient, 400, "no-patient-in-context"),
        (_bad_identity, 403, "identity-rejected"),
        (_patient_user, 403, "patient-user-refused"),
        (_down, 504, "ehr-unavailable"),
        (_refusing, 502, "token-refused"),
    ],
)
def test_a_launch_that_cannot_be_trusted_leaves_no_session(
    client, services, ehr, clock, spoil, status, code
) -> None:
    _, asked = begin(client, ehr)
    spoil(ehr, nonce=asked["nonce"], now=clock())
    response = come_back(client, state=asked["state"], code="c")
    assert response.status_code == status
    assert code in response.text
    assert "Set-Cookie" not in response.headers
    with services.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM launch_session").scalar() == 0
    assert [event["outcome"] for event in services.audit.events()] == [code]


def test_nothing_of_the_patient_is_shown_when_the_launch_cannot_be_written_down(client, services, ehr) -> None:
    _, asked = begin(client, ehr)
    with services.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE audit_event")
    response = come_back(client, state=asked["state"], code="c")
    assert response.status_code == 500
    assert "audit-failed" in response.text
    with services.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM launch_session").scalar() == 0
