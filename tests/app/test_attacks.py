"""Attacks on the launch that no other test names: redirects, mix-ups between hospitals (hardening 2, 6, 20)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse
from werkzeug.wrappers import Request, Response

from app.factory import create_app
from app.services import AppServices, open_services
from tests.builders.fake_ehr import FakeEhr, json_response, running_fake_ehr
from tests.builders.registrations import ehr_table, local_ehrs, settings_for

ELSEWHERE = [
    "https://evil.test/",
    "//evil.test",
    "/\\evil.test",
    "https:evil.test",
    "javascript:alert(1)",
    "/p/../../evil",
    "\r\nLocation: https://evil.test",
]
TARGET_NAMES = ("next", "redirect", "redirect_uri", "return_to", "url", "target", "continue", "iss_redirect")


@pytest.fixture
def other(ehr: FakeEhr) -> Iterator[FakeEhr]:
    with running_fake_ehr() as fake:
        yield fake


@pytest.fixture
def services(ehr: FakeEhr, other: FakeEhr, tmp_path: Path, clock) -> AppServices:
    for number, fake in enumerate((ehr, other)):
        fake.token_response = {
            "access_token": f"token-of-{number}",
            "token_type": "Bearer",
            "scope": "patient/*.rs",
            "patient": "p1",
            "expires_in": 3600,
        }
        fake.answers["/fhir/Patient/p1"] = _patient(f"Family{number}")
    tables = ehr_table(ehr.base_url), ehr_table(other.base_url, id="other", name="Other EHR")
    return open_services(settings_for(tmp_path), ehrs=local_ehrs(*tables), clock=clock)


@pytest.fixture
def client(services: AppServices) -> FlaskClient:
    return create_app(services=services).test_client()


def _patient(family: str) -> Any:
    resource = {"resourceType": "Patient", "id": "p1", "name": [{"family": family, "given": ["Sam"]}]}
    return lambda _: json_response(resource)


def _begin(client: FlaskClient, ehr: FakeEhr, **more: str) -> dict[str, str]:
    query = {"iss": ehr.fhir_base, "launch": "x", **more}
    begun = client.get("/launch", query_string=query, base_url="https://aki")
    assert begun.headers["Location"].startswith(f"{ehr.base_url}/auth/authorize?")
    return {name: values[0] for name, values in parse_qs(urlsplit(begun.headers["Location"]).query).items()}


def _return(client: FlaskClient, **query: str) -> TestResponse:
    return client.get("/callback", query_string=query, base_url="https://aki")


@pytest.mark.parametrize("target", ELSEWHERE)
def test_nothing_a_caller_sends_chooses_where_the_browser_goes(client, ehr, target: str) -> None:
    more = dict.fromkeys(TARGET_NAMES, target)
    asked = _begin(client, ehr, **more)
    assert asked["redirect_uri"] == "http://127.0.0.1:8080/callback"
    done = _return(client, state=asked["state"], code="c", **more)
    assert done.status_code == 303
    assert urlsplit(done.headers["Location"]).netloc in ("", "aki")
    assert urlsplit(done.headers["Location"]).path.startswith("/p/")
    assert "evil" not in str(done.headers)


def test_two_hospitals_with_the_same_patient_id_never_see_each_others_chart_or_token(client, ehr, other) -> None:
    pages = {}
    for fake in (ehr, other):
        done = _return(client, state=_begin(client, fake)["state"], code="c")
        pages[fake.base_url] = done.headers["Location"]
    first = client.get(pages[ehr.base_url], base_url="https://aki")
    second = client.get(pages[other.base_url], base_url="https://aki")
    assert "Family0" in first.text.title()
    assert "Family1" not in first.text.title()
    assert "Family1" in second.text.title()
    for fake, token in ((ehr, "Bearer token-of-0"), (other, "Bearer token-of-1")):
        sent = {each.headers.get("Authorization") for each in fake.asked if each.path.startswith("/fhir/Patient")}
        assert sent == {token}


def test_an_ehr_that_names_another_hospitals_token_endpoint_gets_no_code_sent_there(client, ehr, other) -> None:
    mixed = {**ehr.configuration(), "token_endpoint": other.token_endpoint}
    ehr.answers["/fhir/.well-known/smart-configuration"] = lambda _: json_response(mixed)
    response = client.get("/launch", query_string={"iss": ehr.fhir_base, "launch": "x"}, base_url="https://aki")
    assert response.status_code == 502
    assert "ehr-misconfigured" in response.text
    assert other.asked == []


def test_a_token_endpoint_that_redirects_gets_the_secret_sent_nowhere_else(client, ehr, other) -> None:
    asked = _begin(client, ehr)

    def redirect(_: Request) -> Response:
        return Response(status=307, headers={"Location": other.token_endpoint})

    ehr.answers["/auth/token"] = redirect
    response = _return(client, state=asked["state"], code="c")
    assert response.status_code in (502, 504)
    assert other.asked == []


def test_a_next_link_or_reference_to_another_hospital_is_not_followed_with_the_token(client, ehr, other) -> None:
    link = {"relation": "next", "url": f"{other.fhir_base}/Observation?page=2"}
    bundle = {"resourceType": "Bundle", "type": "searchset", "link": [link], "entry": []}
    ehr.answers["/fhir/Observation"] = lambda _: json_response(bundle)
    order = {
        "resourceType": "MedicationRequest",
        "id": "m1",
        "status": "active",
        "intent": "order",
        "subject": {"reference": "Patient/p1"},
        "medicationReference": {"reference": f"{other.fhir_base}/Medication/1"},
    }
    orders = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": order}]}
    ehr.answers["/fhir/MedicationRequest"] = lambda _: json_response(orders)
    done = _return(client, state=_begin(client, ehr)["state"], code="c")
    page = client.get(done.headers["Location"], base_url="https://aki")
    assert page.status_code == 200
    assert other.asked == []


@pytest.mark.parametrize("path", ["/p/abc", "/p//abc/", "//evil.test/", "/static//page.css", "/cds-services//"])
def test_no_answer_names_the_host_a_caller_made_up(client, path: str) -> None:
    answer = client.get(path, headers={"Host": "evil.test"})
    assert "Location" not in answer.headers
    assert "evil.test" not in answer.text


@pytest.mark.parametrize("launch_id", ["%00", "a%00b", "..", "%F0%9F%98%80", "x" * 3000, "0" * 24 + "%0A"])
@pytest.mark.parametrize("rest", ["/", "/style.css", "/write/assessment", "/written/%00"])
def test_a_launch_id_that_is_none_is_a_session_that_is_missing(client, launch_id: str, rest: str) -> None:
    assert client.get(f"/p/{launch_id}{rest}").status_code in (403, 404)


def test_when_an_ehr_is_struck_off_the_list_its_open_pages_end_with_a_page_that_says_so(
    client, ehr, services, clock, tmp_path: Path
) -> None:
    page = _return(client, state=_begin(client, ehr)["state"], code="c").headers["Location"]
    half_way = _begin(client, ehr)["state"]
    remaining = local_ehrs(ehr_table("http://127.0.0.1:9", id="third"))
    later = create_app(services=open_services(services.settings, ehrs=remaining, clock=clock)).test_client()
    later._cookies = client._cookies  # the same browser
    for answer in (
        later.get(page, base_url="https://aki"),
        later.get(f"{page}style.css", base_url="https://aki"),
        later.get(f"{page}write/assessment", base_url="https://aki"),
        later.get("/callback", query_string={"state": half_way, "code": "c"}, base_url="https://aki"),
    ):
        assert answer.status_code == 403
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert "This EHR is not registered here" in answer.text
