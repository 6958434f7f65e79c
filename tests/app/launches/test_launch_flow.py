"""The launch from the EHR's click to the patient's address."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient

from app.auditing.anchors import verify
from tests.builders.fake_ehr import FakeEhr
from tests.builders.launching import begin, come_back, cookies_of, launch_id_in


def test_a_launch_ends_at_a_clean_address_with_a_session_bound_to_its_patient(
    client, services, ehr, clock
) -> None:
    begun, asked = begin(client, ehr)
    assert begun.status_code == 303
    assert begun.headers["Location"].startswith(f"{ehr.base_url}/auth/authorize?")
    assert asked["aud"] == ehr.fhir_base
    assert asked["launch"] == "launch-token"
    assert asked["scope"].split() == ["launch", "openid", "fhirUser", "patient/*.rs"]
    assert asked["redirect_uri"] == "http://127.0.0.1:8080/callback"
    ehr.token_response["id_token"] = ehr.id_token(nonce=asked["nonce"], now=clock())
    done = come_back(client, state=asked["state"], code="the-code")
    assert done.status_code == 303
    session = services.sessions.open(launch_id_in(done), cookies_of(client))
    assert (session.patient_id, session.fhir_user, session.ehr_id) == ("p1", "Practitioner/7", "local")
    assert session.scopes == {"launch", "openid", "patient/*.rs"}
    assert [event["action"] for event in services.audit.events()] == ["launch-accepted"]
    assert verify(services.engine) is None


def test_the_verifier_sent_is_the_one_behind_the_challenge(client, ehr) -> None:
    from authlib.oauth2.rfc7636 import create_s256_code_challenge

    _, asked = begin(client, ehr)
    come_back(client, state=asked["state"], code="c")
    form = ehr.asked[-1].form
    assert create_s256_code_challenge(form["code_verifier"]) == asked["code_challenge"]


def test_each_step_gives_the_browser_a_new_cookie_with_every_protection(client, ehr) -> None:
    begun, asked = begin(client, ehr)
    done = come_back(client, state=asked["state"], code="c")
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
    _, first = begin(client, ehr, "a")
    _, second = begin(client, ehr, "b")
    ehr.token_response["patient"] = "patient-b"
    b = launch_id_in(come_back(client, state=second["state"], code="b"))
    ehr.token_response["patient"] = "patient-a"
    a = launch_id_in(come_back(client, state=first["state"], code="a"))
    cookies = cookies_of(client)
    assert services.sessions.open(a, cookies).patient_id == "patient-a"
    assert services.sessions.open(b, cookies).patient_id == "patient-b"


def test_a_standalone_launch_asks_the_ehr_for_a_patient(client, services, ehr) -> None:
    response = client.get("/launch/standalone?ehr=local", base_url="https://aki")
    asked = parse_qs(urlsplit(response.headers["Location"]).query)
    assert asked["scope"][0].split()[0] == "launch/patient"
    assert "launch" not in asked
    done = come_back(client, state=asked["state"][0], code="c")
    assert services.sessions.open(launch_id_in(done), cookies_of(client)).patient_id == "p1"


@pytest.mark.parametrize("query", ["ehr=local", "iss={iss}&launch=l"])
def test_a_launch_without_a_patient_asks_nothing_where_the_registry_does_not_offer_it(client, ehr, query) -> None:
    response = client.get(f"/launch/worklist?{query.format(iss=ehr.fhir_base)}", base_url="https://aki")
    assert response.status_code == 403
    assert "launch-not-offered" in response.text
    assert ehr.asked == []


def _launch_with(client: FlaskClient, ehr: FakeEhr, now: Any, **claims: Any) -> str:
    """A whole launch whose id_token says `claims`; the address of the page."""
    _, asked = begin(client, ehr)
    ehr.token_response["id_token"] = ehr.id_token(nonce=asked["nonce"], now=now, **claims)
    return come_back(client, state=asked["state"], code="c").headers["Location"]


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
        _, asked = begin(client, ehr)
        come_back(client, state=asked["state"], code="c")
    first, *others = services.audit.events()
    assert (first["tenant"], first["opened_from_card"]) == ("ward/7", card)
    for event in others:
        assert event["action"] == "launch-accepted"
        assert not {"tenant", "opened_from_card"} & event.keys()


def test_a_very_long_launch_token_is_sent_by_form_to_that_ehr_only(client, ehr) -> None:
    response, _ = begin(client, ehr, "x" * 4000)
    assert response.status_code == 200
    assert f'action="{ehr.base_url}/auth/authorize"' in response.text
    assert "x" * 4000 in response.text
    policy = response.headers["Content-Security-Policy"]
    assert f"form-action 'self' {ehr.base_url};" in policy
