"""The launch without a patient: who may have it, and what its search asks, says and keeps."""

import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse
from werkzeug.wrappers import Response

from app.factory import create_app
from app.services import open_services
from tests.builders.fake_ehr import FakeEhr, json_response
from tests.builders.registrations import ehr_table, local_ehrs, settings_for
from tests.builders.worklists import (
    EMPTY,
    SEARCH,
    bundle,
    fill_charts,
    get_page,
    open_patient,
    patient,
    post_form,
    rows_found,
    trail_of,
)


def _launched(client: FlaskClient, ehr: FakeEhr, scope: str) -> TestResponse:
    ehr.token_response = {"access_token": "at", "token_type": "Bearer", "expires_in": 3600, "scope": scope}
    begun = client.get(f"/launch?iss={ehr.fhir_base}&launch=l", base_url="https://aki")
    state = re.search(r"state=([^&]+)", begun.headers["Location"])
    assert state is not None
    return client.get(f"/callback?state={state[1]}&code=c", base_url="https://aki")


@pytest.mark.parametrize("scope", ["user/*.rs", "user/*.read", "user/Patient.rs user/Observation.rs", "user/*.*"])
def test_a_launch_without_patient_ends_on_the_worklist_where_the_user_may_search(client, ehr, scope) -> None:
    done = _launched(client, ehr, f"launch openid {scope}")
    assert done.status_code == 303
    assert "Find a patient" in get_page(client, done.headers["Location"]).text


@pytest.mark.parametrize(
    ("scope", "code"),
    [
        ("launch openid patient/*.rs", "no-patient-in-context"),
        ("launch openid user/Patient.r user/Observation.rs", "no-patient-in-context"),
        ("launch openid user/Observation.rs", "no-patient-in-context"),
        ("launch openid user/Patient.rs patient/Observation.rs", "scopes-missing"),
        ("", "no-patient-in-context"),
    ],
)
def test_without_the_right_to_search_a_launch_without_patient_ends_on_a_page_that_says_so(
    client, services, ehr, scope, code
) -> None:
    done = _launched(client, ehr, scope)
    assert code in done.text
    assert "Set-Cookie" not in done.headers
    assert [event["outcome"] for event in services.audit.events()] == [code]


def test_home_offers_what_each_entry_offers(ehr: FakeEhr, tmp_path: Path, clock) -> None:
    shown = {}
    for choices in (["ehr"], ["worklist"], ["ehr", "worklist"], []):
        ehrs = local_ehrs(ehr_table(ehr.base_url, choose_patient=choices))
        page = create_app(services=open_services(settings_for(tmp_path), ehrs=ehrs, clock=clock)).test_client()
        html = page.get("/", base_url="https://aki").text
        shown[tuple(choices)] = ("/launch/standalone?ehr=local" in html, "/launch/worklist?ehr=local" in html)
        assert "only from the patient's chart" in html.replace("&#39;", "'") or choices
    assert shown == {
        ("ehr",): (True, False),
        ("worklist",): (False, True),
        ("ehr", "worklist"): (True, True),
        (): (False, False),
    }


def test_what_is_typed_stands_in_no_address_no_log_no_trail_and_no_table(
    client, services, session, ehr, caplog
) -> None:
    ehr.answers[SEARCH] = lambda _: json_response(EMPTY)
    post_form(client, session, "search", identifier="MRN-CANARY")
    post_form(client, session, "search", family="FAMILY-CANARY", birth_date="1961-02-03")
    page = get_page(client, f"/p/{session.id}/").text
    asked = [each for each in ehr.asked if each.path == SEARCH]
    assert [each.form for each in asked] == [
        {"identifier": "MRN-CANARY", "_count": "21"},
        {"family": "FAMILY-CANARY", "birthdate": "1961-02-03", "_count": "21"},
    ]
    kept = [str(event) for event in services.audit.events()]
    assert "CANARY" not in "".join([page, caplog.text, *kept, *(each.path for each in ehr.asked)])
    assert ("patients-searched", "identifier: none") in trail_of(services)


def test_the_trail_names_whom_a_list_showed_and_who_searched(client, services, session) -> None:
    post_form(client, session, "search", identifier="001")
    get_page(client, f"/p/{session.id}/")
    searched, viewed = services.audit.events()
    assert (searched["action"], searched["outcome"], searched["inputs"]) == (
        "patients-searched",
        "identifier: 1",
        ["Patient/p1"],
    )
    assert (viewed["action"], viewed["outcome"], viewed["inputs"]) == ("worklist-viewed", "1", ["Patient/p1"])


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (EMPTY, "no patient who matches"),
        (bundle(*(patient(n, identifier=[{"value": "001"}]) for n in range(21))), "More than 20 patients match"),
        (bundle(patient(9)), "1 more record was sent that does not match"),
        (
            {"resourceType": "OperationOutcome", "issue": [{"severity": "error"}]},
            "did not answer the search in full",
        ),
        ("<html>sign in</html>", "did not answer the search in full"),
    ],
)
def test_each_answer_of_the_ehr_is_said_and_lists_nobody_it_should_not(
    client, session, ehr, answer, words
) -> None:
    ehr.answers[SEARCH] = lambda _: json_response(answer)
    assert post_form(client, session, "search", identifier="001").status_code == 303
    page = get_page(client, f"/p/{session.id}/")
    assert words in page.text
    assert rows_found(client, session) == []


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (403, "does not let this user search"),
        (400, "does not let this user search"),
        (405, "patient_search in ehrs.toml"),
        (501, "patient_search in ehrs.toml"),
        (429, "did not answer the search in full"),
        (500, "did not answer the search in full"),
    ],
)
def test_a_refused_search_says_why_and_what_to_do(client, services, session, ehr, status, words) -> None:
    ehr.answers[SEARCH] = lambda _: Response(status=status)
    post_form(client, session, "search", identifier="001")
    assert words in get_page(client, f"/p/{session.id}/").text


def test_an_ehr_that_no_longer_accepts_the_token_ends_the_search_on_a_page_that_says_so(
    client, services, session, ehr
) -> None:
    ehr.answers[SEARCH] = lambda _: Response(status=401)
    refused = post_form(client, session, "search", identifier="001")
    assert refused.status_code == 502
    assert "chart-refused" in refused.text
    assert trail_of(services)[-1] == ("patients-searched", "identifier: refused")


@pytest.mark.parametrize(
    "typed",
    [
        {},
        {"identifier": "  "},
        {"identifier": "x" * 65},
        {"identifier": "a\x00b"},
        {"family": "Osei"},
        {"family": "Osei", "birth_date": "1961"},
        {"birth_date": "1961-02-03"},
    ],
)
def test_an_incomplete_search_asks_the_ehr_nothing(client, session, ehr, typed: dict[str, str]) -> None:
    assert post_form(client, session, "search", **typed).status_code == 303
    assert "Type a record number" in get_page(client, f"/p/{session.id}/").text
    assert ehr.asked == []


def test_a_search_that_cannot_be_written_down_shows_nobody(client, services, session) -> None:
    with services.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE audit_event")
    refused = post_form(client, session, "search", identifier="001")
    assert refused.status_code == 500
    assert "audit-failed" in refused.text
    assert services.searches.last(session.id) is None
    assert "audit-failed" in get_page(client, f"/p/{session.id}/").text


def test_names_are_text_and_never_markup(client, session, ehr) -> None:
    evil = patient(1, name=[{"text": "<script>alert(1)</script>\"'><img src=x>"}])
    ehr.answers[SEARCH] = lambda _: json_response(bundle(evil))
    fill_charts(ehr, evil)
    open_patient(client, session)
    page = get_page(client, f"/p/{session.id}/").text
    assert "&lt;script&gt;" in page
    assert "<script>alert" not in page
    assert "<img" not in page
