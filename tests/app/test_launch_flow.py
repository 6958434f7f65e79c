"""The launch from the EHR's click to the patient's address, and every way it must end before that."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse
from werkzeug.wrappers import Response

from app.auditing.anchors import verify
from app.factory import create_app
from app.services import AppServices, open_services
from app.telemetry.logs import configure_logs
from tests.builders.fake_ehr import FakeEhr, json_response, running_fake_ehr
from tests.builders.registrations import ehr_table, local_ehrs, settings_for

TOKEN = {
    "access_token": "at",
    "token_type": "Bearer",
    "expires_in": 3600,
    "scope": "launch openid patient/*.rs",
    "patient": "p1",
}


@pytest.fixture
def other_ehr() -> Iterator[FakeEhr]:
    with running_fake_ehr() as fake:
        yield fake


@pytest.fixture
def services(ehr: FakeEhr, other_ehr: FakeEhr, tmp_path: Path, clock) -> AppServices:
    ehrs = local_ehrs(
        ehr_table(ehr.base_url, scopes=["openid", "fhirUser", "patient/*.rs"]),
        ehr_table(other_ehr.base_url, id="other"),
    )
    ehr.token_response = dict(TOKEN)
    return open_services(settings_for(tmp_path), ehrs=ehrs, clock=clock)


@pytest.fixture
def client(services: AppServices) -> FlaskClient:
    return create_app(services=services).test_client()


def _begin(client: FlaskClient, ehr: FakeEhr, launch: str = "launch-token") -> tuple[TestResponse, dict[str, str]]:
    """GET /launch; the answer and what it asks of the authorization server."""
    response = client.get("/launch", query_string={"iss": ehr.fhir_base, "launch": launch}, base_url="https://aki")
    query = parse_qs(urlsplit(response.headers.get("Location", "")).query)
    return response, {name: values[0] for name, values in query.items()}


def _return(client: FlaskClient, **query: str) -> TestResponse:
    return client.get("/callback", query_string=query, base_url="https://aki")


def _launch_id(response: TestResponse) -> str:
    found = re.fullmatch(r"/p/([0-9a-f]{24})/", response.headers["Location"])
    assert found
    return found[1]


def _cookies(client: FlaskClient) -> dict[str, str]:
    return {cookie.key: cookie.value for cookie in client._cookies.values()}


def test_a_launch_ends_at_a_clean_address_with_a_session_bound_to_its_patient(
    client, services, ehr, clock
) -> None:
    begun, asked = _begin(client, ehr)
    assert begun.status_code == 303
    assert begun.headers["Location"].startswith(f"{ehr.base_url}/auth/authorize?")
    assert asked["aud"] == ehr.fhir_base
    assert asked["launch"] == "launch-token"
    assert asked["scope"].split() == ["launch", "openid", "fhirUser", "patient/*.rs"]
    assert asked["redirect_uri"] == "http://127.0.0.1:8080/callback"
    ehr.token_response["id_token"] = ehr.id_token(nonce=asked["nonce"], now=clock())
    done = _return(client, state=asked["state"], code="the-code")
    assert done.status_code == 303
    session = services.sessions.open(_launch_id(done), _cookies(client))
    assert (session.patient_id, session.fhir_user, session.ehr_id) == ("p1", "Practitioner/7", "local")
    assert session.scopes == {"launch", "openid", "patient/*.rs"}
    assert [event["action"] for event in services.audit.events()] == ["launch-accepted"]
    assert verify(services.engine) is None


def test_the_verifier_sent_is_the_one_behind_the_challenge(client, ehr) -> None:
    from authlib.oauth2.rfc7636 import create_s256_code_challenge

    _, asked = _begin(client, ehr)
    _return(client, state=asked["state"], code="c")
    form = ehr.asked[-1].form
    assert create_s256_code_challenge(form["code_verifier"]) == asked["code_challenge"]


def test_each_step_gives_the_browser_a_new_cookie_with_every_protection(client, ehr) -> None:
    begun, asked = _begin(client, ehr)
    done = _return(client, state=asked["state"], code="c")
    first = begun.headers["Set-Cookie"]
    removed, second = done.headers.getlist("Set-Cookie")
    for cookie in (first, second):
        assert cookie.startswith("__Host-aki-")
        for attribute in ("Secure", "HttpOnly", "SameSite=None", "Partitioned", "Path=/"):
            assert f"; {attribute}" in cookie
        assert "Domain" not in cookie
    assert first.split("=")[0] == removed.split("=")[0] != second.split("=")[0]
    assert "Max-Age=0" in removed
    assert "Partitioned" in removed
    assert first.split("=")[1].split(";")[0] != second.split("=")[1].split(";")[0]


def test_parallel_launches_in_two_tabs_both_arrive_each_at_its_patient(client, services, ehr) -> None:
    _, first = _begin(client, ehr, "a")
    _, second = _begin(client, ehr, "b")
    ehr.token_response["patient"] = "patient-b"
    b = _launch_id(_return(client, state=second["state"], code="b"))
    ehr.token_response["patient"] = "patient-a"
    a = _launch_id(_return(client, state=first["state"], code="a"))
    cookies = _cookies(client)
    assert services.sessions.open(a, cookies).patient_id == "patient-a"
    assert services.sessions.open(b, cookies).patient_id == "patient-b"


def test_a_standalone_launch_asks_the_ehr_for_a_patient(client, services, ehr) -> None:
    response = client.get("/launch/standalone?ehr=local", base_url="https://aki")
    asked = parse_qs(urlsplit(response.headers["Location"]).query)
    assert asked["scope"][0].split()[0] == "launch/patient"
    assert "launch" not in asked
    done = _return(client, state=asked["state"][0], code="c")
    assert services.sessions.open(_launch_id(done), _cookies(client)).patient_id == "p1"


@pytest.mark.parametrize("query", ["ehr=local", "iss={iss}&launch=l"])
def test_a_launch_without_a_patient_asks_nothing_where_the_registry_does_not_offer_it(client, ehr, query) -> None:
    response = client.get(f"/launch/worklist?{query.format(iss=ehr.fhir_base)}", base_url="https://aki")
    assert response.status_code == 403
    assert "launch-not-offered" in response.text
    assert ehr.asked == []


def _launch_with(client: FlaskClient, ehr: FakeEhr, now: Any, **claims: Any) -> str:
    """A whole launch whose id_token says `claims`; the address of the page."""
    _, asked = _begin(client, ehr)
    ehr.token_response["id_token"] = ehr.id_token(nonce=asked["nonce"], now=now, **claims)
    return _return(client, state=asked["state"], code="c").headers["Location"]


def test_the_page_speaks_the_language_the_ehr_says_its_user_reads_until_the_reader_chooses(
    client, ehr, clock
) -> None:
    address = _launch_with(client, ehr, clock(), locale="de-CH")
    english = {"Accept-Language": "en"}
    assert '<html lang="de">' in client.get(address, base_url="https://aki", headers=english).text
    assert '<html lang="fr">' in client.get(f"{address}?language=fr", base_url="https://aki").text
    assert '<html lang="fr">' in client.get(address, base_url="https://aki").text


@pytest.mark.parametrize("locale", [None, "tlh", "<b>"])
def test_a_language_that_is_not_offered_leaves_the_choice_to_site_and_browser(client, ehr, clock, locale) -> None:
    address = _launch_with(client, ehr, clock(), locale=locale)
    italian = {"Accept-Language": "it"}
    assert '<html lang="it">' in client.get(address, base_url="https://aki", headers=italian).text


def test_tenant_and_clicked_card_are_written_down_only_in_their_plain_forms(client, services, ehr) -> None:
    card = "0b9c2f52-6c55-5e7f-9d3a-0f8e7c1d2b3a"
    for tenant, app_context in (("ward/7", card), ("Adams, Amy <b>", '{"patient": "Amy Adams"}'), (7, None)):
        ehr.token_response |= {"tenant": tenant, "appContext": app_context}
        _, asked = _begin(client, ehr)
        _return(client, state=asked["state"], code="c")
    first, *others = services.audit.events()
    assert (first["tenant"], first["opened_from_card"]) == ("ward/7", card)
    for event in others:
        assert event["action"] == "launch-accepted"
        assert not {"tenant", "opened_from_card"} & event.keys()


def test_a_very_long_launch_token_is_sent_by_form_to_that_ehr_only(client, ehr) -> None:
    response, _ = _begin(client, ehr, "x" * 4000)
    assert response.status_code == 200
    assert f'action="{ehr.base_url}/auth/authorize"' in response.text
    assert "x" * 4000 in response.text
    policy = response.headers["Content-Security-Policy"]
    assert f"form-action 'self' {ehr.base_url};" in policy


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
    _, asked = _begin(client, ehr)
    assert _return(client, state=asked["state"], code="c").status_code == 303
    before = len(ehr.asked)
    again = _return(client, state=asked["state"], code="c")
    assert again.status_code == 400
    assert "launch-not-recognised" in again.text
    assert len(ehr.asked) == before


@pytest.mark.parametrize("query", [{"code": "c"}, {"state": "", "code": "c"}, {"state": "wrong", "code": "c"}])
def test_a_wrong_or_missing_state_makes_no_request(client, ehr, query: dict[str, str]) -> None:
    _begin(client, ehr)
    before = len(ehr.asked)
    assert _return(client, **query).status_code == 400
    assert len(ehr.asked) == before


def test_another_browser_cannot_finish_the_launch_and_the_right_one_still_can(client, services, ehr) -> None:
    _, asked = _begin(client, ehr)
    before = len(ehr.asked)
    stranger = create_app(services=services).test_client()
    refused = _return(stranger, state=asked["state"], code="c")
    assert refused.status_code == 400
    assert "browser-not-recognised" in refused.text
    assert len(ehr.asked) == before
    assert _return(client, state=asked["state"], code="c").status_code == 303


def test_a_launch_that_took_longer_than_ten_minutes_is_over(client, ehr, clock) -> None:
    _, asked = _begin(client, ehr)
    before = len(ehr.asked)
    clock.advance(minutes=11)
    assert "launch-not-recognised" in _return(client, state=asked["state"], code="c").text
    assert len(ehr.asked) == before


def test_a_code_of_one_ehr_goes_to_that_ehr_only(client, ehr, other_ehr) -> None:
    _, asked = _begin(client, ehr)
    _return(client, state=asked["state"], code="c")
    assert "/auth/token" in ehr.paths()
    assert other_ehr.asked == []


def test_an_answer_that_names_another_issuer_is_not_exchanged(client, ehr, other_ehr) -> None:
    _, asked = _begin(client, ehr)
    response = _return(client, state=asked["state"], code="c", iss=other_ehr.fhir_base)
    assert response.status_code == 403
    assert "/auth/token" not in ehr.paths()


def test_an_answer_without_issuer_is_not_exchanged_where_the_ehr_always_names_itself(client, ehr) -> None:
    said = {**ehr.configuration(), "authorization_response_iss_parameter_supported": True}
    ehr.answers["/fhir/.well-known/smart-configuration"] = lambda _: json_response(said)
    _, asked = _begin(client, ehr)
    assert _return(client, state=asked["state"], code="c").status_code == 403
    assert "/auth/token" not in ehr.paths()
    _, asked = _begin(client, ehr)
    assert _return(client, state=asked["state"], code="c", iss=ehr.fhir_base).status_code == 303


def test_keys_that_the_ehr_has_moved_are_found_at_their_new_place(client, ehr, clock) -> None:
    for place in ("/jwks.json", "/moved.json"):
        said = {**ehr.configuration(), "jwks_uri": f"{ehr.base_url}{place}"}
        ehr.answers = {
            "/fhir/.well-known/smart-configuration": lambda _, said=said: json_response(said),
            place: lambda _: json_response(ehr.jwks()),
        }
        _, asked = _begin(client, ehr)
        ehr.token_response["id_token"] = ehr.id_token(nonce=asked["nonce"], now=clock())
        assert _return(client, state=asked["state"], code="c").status_code == 303
        assert place in ehr.paths()
        clock.advance(minutes=11)


def test_a_head_request_does_not_use_up_the_launch(client, ehr) -> None:
    _, asked = _begin(client, ehr)
    query = urlencode({"state": asked["state"], "code": "c"})
    assert client.head(f"/callback?{query}", base_url="https://aki").status_code == 405
    assert _return(client, state=asked["state"], code="c").status_code == 303


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
    _, asked = _begin(client, ehr)
    response = _return(client, state=asked["state"], error=error, error_description="<b>canary</b>")
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
    _, asked = _begin(client, ehr)
    spoil(ehr, nonce=asked["nonce"], now=clock())
    response = _return(client, state=asked["state"], code="c")
    assert response.status_code == status
    assert code in response.text
    assert "Set-Cookie" not in response.headers
    with services.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM launch_session").scalar() == 0
    assert [event["outcome"] for event in services.audit.events()] == [code]


def test_nothing_of_the_patient_is_shown_when_the_launch_cannot_be_written_down(client, services, ehr) -> None:
    _, asked = _begin(client, ehr)
    with services.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE audit_event")
    response = _return(client, state=asked["state"], code="c")
    assert response.status_code == 500
    assert "audit-failed" in response.text
    with services.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM launch_session").scalar() == 0


def test_launch_pages_may_be_framed_by_their_ehr_only(client, ehr, other_ehr) -> None:
    begun, asked = _begin(client, ehr)
    refused = _return(client, state=asked["state"], error="access_denied")
    for response in (begun, refused):
        policy = response.headers["Content-Security-Policy"]
        assert policy.endswith(f"frame-ancestors {ehr.base_url}")
        assert "X-Frame-Options" not in response.headers
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert response.headers["Cache-Control"] == "no-store"
    foreign = client.get("/health").headers["Content-Security-Policy"]
    assert foreign.endswith("frame-ancestors 'none'")


def test_marked_secrets_appear_in_no_log_no_page_and_no_address(
    client, services, ehr, capfd, tmp_path: Path
) -> None:
    configure_logs("DEBUG")  # again, onto the captured stream
    mark = "canary7f3a"
    ehr.token_response |= {"access_token": f"at-{mark}", "patient": f"p-{mark}", "tenant": f"t-{mark}"}
    pages = []
    _, asked = _begin(client, ehr, f"launch-{mark}")
    pages.append(_return(client, state=asked["state"], code=f"code-{mark}"))
    patient_page = client.get(pages[0].headers["Location"], base_url="https://aki")
    ehr.answers["/auth/token"] = lambda _: Response(f'{{"error": "x-{mark}"}}', status=400)
    for answer in (
        {"error": f"e-{mark}"},
        {"code": f"code-{mark}"},
        {"code": f"code-{mark}", "state": f"s-{mark}"},
    ):
        _, asked = _begin(client, ehr, f"launch-{mark}")
        pages.append(_return(client, **{"state": asked["state"], **answer}))
    pages.append(client.get("/launch", query_string={"iss": f"https://{mark}.test", "launch": mark}))
    pages.append(client.get(f"/p/{mark}/", base_url="https://aki"))
    services.engine.dispose()
    written = capfd.readouterr()
    assert written.err.count('"event": "answered"') > len(pages)
    for text in (written.out, written.err, *(page.text + str(page.headers) for page in pages)):
        assert mark not in text
    assert mark not in str(patient_page.headers)
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("aki.sqlite3*"))
    assert f"at-{mark}".encode() not in stored


def test_the_ehrs_font_and_corners_reach_the_page_and_nothing_else_of_its_style(client, ehr) -> None:
    ehr.token_response["smart_style_url"] = f"{ehr.base_url}/style.json"
    published = {"font_family_body": "Georgia, serif", "dim_border_radius": "2px", "color_text": "red;}"}
    ehr.answers["/style.json"] = lambda _: json_response(published)
    _, asked = _begin(client, ehr)
    launch_id = _launch_id(_return(client, state=asked["state"], code="c"))
    style = client.get(f"/p/{launch_id}/style.css", base_url="https://aki")
    assert style.mimetype == "text/css"
    assert style.text == ":root{--smart-dim-border-radius:2px;--smart-font-family-body:Georgia, serif;}"


def test_a_style_kept_elsewhere_is_not_fetched_and_the_page_keeps_its_own_looks(client, ehr, other_ehr) -> None:
    ehr.token_response["smart_style_url"] = f"{other_ehr.base_url}/style.json"
    _, asked = _begin(client, ehr)
    launch_id = _launch_id(_return(client, state=asked["state"], code="c"))
    assert client.get(f"/p/{launch_id}/style.css", base_url="https://aki").text == ""
    assert other_ehr.asked == []
