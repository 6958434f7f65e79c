"""The launch without a patient: who may have it, whom it opens, and what nobody can make of it."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine
from werkzeug.test import TestResponse
from werkzeug.wrappers import Request, Response

from app.factory import create_app
from app.launched.sessions import LaunchSession, LaunchSessions, SessionMissing, cookie_name
from app.services import AppServices, open_services
from app.storage.encryption import SealedBox
from app.worklist.opened import MOST_OPEN, OpenedPatients
from app.worklist.searches import LastSearch, PatientSearches
from launch.context import LaunchContext, Tokens
from patient_context.patient_search import FoundPatient
from tests.builders.fake_ehr import FakeEhr, json_response
from tests.builders.registrations import MASTER_KEY, ehr_table, local_ehrs, settings_for

SCOPES = frozenset({"user/*.rs", "openid"})
SEARCH = "/fhir/Patient/_search"
EMPTY = {"resourceType": "Bundle", "type": "searchset", "entry": []}


def patient(number: int = 1, **changes: Any) -> dict[str, Any]:
    usual = {
        "resourceType": "Patient",
        "id": f"p{number}",
        "identifier": [{"type": {"coding": [{"code": "MR"}]}, "value": f"00{number}"}],
        "name": [{"family": "Osei", "given": ["Ama"]}],
        "gender": "female",
        "birthDate": "1961-02-03",
    }
    return {**usual, **changes}


def bundle(*resources: dict[str, Any], **more: Any) -> dict[str, Any]:
    entries = [{"resource": each} for each in resources]
    return {"resourceType": "Bundle", "type": "searchset", "entry": entries, **more}


@pytest.fixture
def services(ehr: FakeEhr, tmp_path: Path, clock) -> AppServices:
    ehrs = local_ehrs(ehr_table(ehr.base_url, choose_patient=["ehr", "worklist"], write_back=True))
    return open_services(settings_for(tmp_path), ehrs=ehrs, clock=clock)


@pytest.fixture
def client(services: AppServices) -> FlaskClient:
    return create_app(services=services).test_client()


@pytest.fixture
def session(services: AppServices, client: FlaskClient, ehr: FakeEhr) -> LaunchSession:
    """A launch without a patient, in this browser, at an EHR that holds whatever a test says."""
    ehr.answers[SEARCH] = lambda _: json_response(bundle(patient()))
    _fill(ehr, patient(1), patient(2))
    return _started(services, client, ehr)


def _started(
    services: AppServices, client: FlaskClient, ehr: FakeEhr, refresh_token: str | None = None
) -> LaunchSession:
    tokens = Tokens("at-1", services.clock() + timedelta(hours=1), SCOPES, refresh_token)
    made, ticket = services.sessions.start(LaunchContext("local", ehr.fhir_base, None, tokens))
    client.set_cookie(cookie_name(made.id), ticket.secret, domain="aki", secure=True)
    return made


def _fill(ehr: FakeEhr, *patients: dict[str, Any]) -> None:
    """Charts that hold nothing but their patient."""
    kinds = ("Observation", "Condition", "MedicationRequest", "Procedure", "Encounter", "MedicationAdministration")
    for kind in (*kinds, "DiagnosticReport", "ImagingStudy"):
        ehr.answers[f"/fhir/{kind}"] = lambda _: json_response(EMPTY)
    for each in patients:
        ehr.answers[f"/fhir/Patient/{each['id']}"] = lambda _, found=each: json_response(found)


def _get(client: FlaskClient, address: str) -> TestResponse:
    return client.get(address, base_url="https://aki")


def _post(client: FlaskClient, session: LaunchSession, what: str, **form: str) -> TestResponse:
    data = {"csrf_token": session.csrf_token, **form}
    return client.post(f"/p/{session.id}/{what}", data=data, base_url="https://aki")


def _rows(client: FlaskClient, session: LaunchSession) -> list[str]:
    return re.findall(r'name="row" value="([^"]+)"', _get(client, f"/p/{session.id}/").text)


def _open(client: FlaskClient, session: LaunchSession, number: str = "001") -> str:
    """Search by number and open the one found; the address of its page."""
    assert _post(client, session, "search", identifier=number).status_code == 303
    (row,) = _rows(client, session)
    opened = _post(client, session, "open", row=row)
    assert opened.status_code == 303, opened.text
    return opened.headers["Location"]


def _trail(services: AppServices) -> list[tuple[str, str]]:
    return [(event["action"], event["outcome"]) for event in services.audit.events()]


# --- who may have it ---


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
    assert "Find a patient" in _get(client, done.headers["Location"]).text


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


# --- searching ---


def test_what_is_typed_stands_in_no_address_no_log_no_trail_and_no_table(
    client, services, session, ehr, caplog
) -> None:
    ehr.answers[SEARCH] = lambda _: json_response(EMPTY)
    _post(client, session, "search", identifier="MRN-CANARY")
    _post(client, session, "search", family="FAMILY-CANARY", birth_date="1961-02-03")
    page = _get(client, f"/p/{session.id}/").text
    asked = [each for each in ehr.asked if each.path == SEARCH]
    assert [each.form for each in asked] == [
        {"identifier": "MRN-CANARY", "_count": "21"},
        {"family": "FAMILY-CANARY", "birthdate": "1961-02-03", "_count": "21"},
    ]
    kept = [str(event) for event in services.audit.events()]
    assert "CANARY" not in "".join([page, caplog.text, *kept, *(each.path for each in ehr.asked)])
    assert ("patients-searched", "identifier: none") in _trail(services)


def test_the_trail_names_whom_a_list_showed_and_who_searched(client, services, session) -> None:
    _post(client, session, "search", identifier="001")
    _get(client, f"/p/{session.id}/")
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
    assert _post(client, session, "search", identifier="001").status_code == 303
    page = _get(client, f"/p/{session.id}/")
    assert words in page.text
    assert _rows(client, session) == []


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
    _post(client, session, "search", identifier="001")
    assert words in _get(client, f"/p/{session.id}/").text


def test_an_ehr_that_no_longer_accepts_the_token_ends_the_search_on_a_page_that_says_so(
    client, services, session, ehr
) -> None:
    ehr.answers[SEARCH] = lambda _: Response(status=401)
    refused = _post(client, session, "search", identifier="001")
    assert refused.status_code == 502
    assert "chart-refused" in refused.text
    assert _trail(services)[-1] == ("patients-searched", "identifier: refused")


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
    assert _post(client, session, "search", **typed).status_code == 303
    assert "Type a record number" in _get(client, f"/p/{session.id}/").text
    assert ehr.asked == []


def test_a_search_that_cannot_be_written_down_shows_nobody(client, services, session) -> None:
    with services.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE audit_event")
    refused = _post(client, session, "search", identifier="001")
    assert refused.status_code == 500
    assert "audit-failed" in refused.text
    assert services.searches.last(session.id) is None
    assert "audit-failed" in _get(client, f"/p/{session.id}/").text


def test_names_are_text_and_never_markup(client, session, ehr) -> None:
    evil = patient(1, name=[{"text": "<script>alert(1)</script>\"'><img src=x>"}])
    ehr.answers[SEARCH] = lambda _: json_response(bundle(evil))
    _fill(ehr, evil)
    _open(client, session)
    page = _get(client, f"/p/{session.id}/").text
    assert "&lt;script&gt;" in page
    assert "<script>alert" not in page
    assert "<img" not in page


# --- opening ---


def test_a_row_opens_its_patient_and_the_patient_only(client, services, session, ehr) -> None:
    address = _open(client, session)
    page = _get(client, address)
    assert page.status_code == 200
    assert "Ama Osei" in page.text
    assert f'href="/p/{session.id}/"' in page.text
    assert "/fhir/Patient/p1" in ehr.paths()
    assert not {"/fhir/Patient/p2", f"/fhir/Patient/{session.id}"} & set(ehr.paths())
    seen = [event for event in services.audit.events() if event["action"] in ("patient-opened", "chart-viewed")]
    assert [event["patient_id"] for event in seen] == ["p1", "p1"]


@pytest.mark.parametrize("row", ["p1", "p2", "Patient/p1", "", "guessed", "\x00", "ü" * 40])
def test_a_patients_id_or_a_guessed_row_opens_nobody(client, services, session, row: str) -> None:
    _post(client, session, "search", identifier="001")
    refused = _post(client, session, "open", row=row)
    assert refused.status_code == 404
    assert "found-patient-missing" in refused.text
    assert services.opened.recent(session.id) == ()


def test_a_row_of_an_older_search_opens_nobody(client, services, session) -> None:
    _post(client, session, "search", identifier="001")
    (stale,) = _rows(client, session)
    _post(client, session, "search", identifier="001")
    assert _post(client, session, "open", row=stale).status_code == 404
    assert _rows(client, session) != [stale]


def test_a_row_of_another_launch_of_the_same_browser_opens_nobody(client, services, session, ehr) -> None:
    other = _started(services, client, ehr)
    _post(client, other, "search", identifier="001")
    (foreign,) = _rows(client, other)
    assert _post(client, session, "open", row=foreign).status_code == 404
    assert _post(client, other, "open", row=foreign).status_code == 303


def test_a_patient_opened_twice_is_the_same_launch_and_one_line(client, services, session) -> None:
    first = _open(client, session)
    assert _open(client, session) == first
    assert len(services.opened.recent(session.id)) == 1


def test_a_chart_whose_opening_cannot_be_written_down_is_not_opened(client, services, session) -> None:
    _post(client, session, "search", identifier="001")
    (row,) = _rows(client, session)
    with services.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE audit_event")
    assert _post(client, session, "open", row=row).status_code == 500
    assert services.opened.recent(session.id) == ()
    with services.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM launch_session").scalar() == 1


def test_an_opened_patient_is_of_no_use_without_the_cookie_of_its_launch(client, services, session) -> None:
    address = _open(client, session)
    child_id = address.strip("/").split("/")[1]
    stranger = create_app(services=services).test_client()
    assert _get(stranger, address).status_code == 403
    stranger.set_cookie(cookie_name(child_id), "guessed", domain="aki", secure=True)
    stranger.set_cookie(cookie_name(session.id), "guessed", domain="aki", secure=True)
    assert _get(stranger, address).status_code == 403
    other, ticket = services.sessions.start(LaunchContext("local", session.fhir_base_url, None, session.tokens))
    with pytest.raises(SessionMissing):
        services.sessions.open(child_id, {cookie_name(other.id): ticket.secret})


@pytest.mark.parametrize("path", ["write/assessment", "write/repeat-creatinine", "written/x"])
def test_a_launch_without_patient_has_none_of_a_patients_pages(client, session, path: str) -> None:
    assert _get(client, f"/p/{session.id}/{path}").status_code == 404


@pytest.mark.parametrize("what", ["search", "open"])
def test_an_opened_patient_and_a_launch_of_one_have_no_worklist(client, services, session, ehr, what) -> None:
    address = _open(client, session)
    child = services.sessions.open(address.strip("/").split("/")[1], _cookies(client))
    assert _post(client, child, what, identifier="001").status_code == 404
    tokens = Tokens("at", services.clock() + timedelta(hours=1), SCOPES)
    single, ticket = services.sessions.start(LaunchContext("local", ehr.fhir_base, "p2", tokens))
    client.set_cookie(cookie_name(single.id), ticket.secret, domain="aki", secure=True)
    assert _post(client, single, what, identifier="001").status_code == 404


def _cookies(client: FlaskClient) -> dict[str, str]:
    return {cookie.key: cookie.value for cookie in client._cookies.values()}


# --- what the list says ---


def test_a_patient_opened_but_not_seen_is_said_to_be_unknown_and_never_at_low_risk(client, session, ehr) -> None:
    _open(client, session)
    listed = _get(client, f"/p/{session.id}/").text.partition("Opened in this session")[2]
    assert "Not looked at yet" in listed
    assert "Nothing is known" in listed
    assert "Low risk" not in listed
    assert "No AKI" not in listed


def test_what_was_seen_stands_with_its_time_and_is_not_renewed_by_itself(client, session, clock) -> None:
    address = _open(client, session)
    _get(client, address)
    clock.advance(minutes=7)
    listed = _get(client, f"/p/{session.id}/").text.partition("Opened in this session")[2]
    assert "Cannot be staged" in listed
    assert "7 min ago" in listed


def test_who_was_seen_last_comes_first(client, session, ehr, clock) -> None:
    everybody = [patient(n, name=[{"text": f"Patient Number {n}"}]) for n in (1, 2)]
    _fill(ehr, *everybody)
    addresses = []
    for each in everybody:
        ehr.answers[SEARCH] = lambda _, found=each: json_response(bundle(found))
        addresses.append(_open(client, session, each["identifier"][0]["value"]))
        clock.advance(seconds=1)
    assert _order(client, session) == ["Patient Number 2", "Patient Number 1"]
    _get(client, addresses[0])
    assert _order(client, session) == ["Patient Number 1", "Patient Number 2"]


def _order(client: FlaskClient, session: LaunchSession) -> list[str]:
    listed = _get(client, f"/p/{session.id}/").text.partition("Opened in this session")[2]
    return re.findall(r'<a href="/p/[0-9a-f]{24}/">([^<]+)</a>', listed)


def test_no_more_patients_are_kept_than_the_list_holds(services, session, clock) -> None:
    for number in range(MOST_OPEN + 3):
        child_id, write = services.opened.open(session, FoundPatient(f"p{number}"), clock())
        with services.engine.begin() as connection:
            write(connection)
        clock.advance(seconds=1)
    kept = services.opened.recent(session.id)
    assert len(kept) == MOST_OPEN
    assert kept[0].launch_id == child_id
    with services.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM launch_session").scalar() == MOST_OPEN + 1


def test_nothing_of_a_listed_patient_lies_open_in_the_database(client, services, session) -> None:
    _get(client, _open(client, session))
    with services.engine.connect() as connection:
        stored = str([connection.exec_driver_sql(f"SELECT * FROM {name}").all() for name in _TABLES])  # noqa: S608
    assert "Osei" not in stored
    assert "'p1'" not in stored


_TABLES = ("opened_patient", "patient_search", "launch_session")


# --- one token, one end ---


def test_a_child_renews_the_parents_token_and_its_siblings_see_the_new_one(client, services, ehr) -> None:
    ehr.answers[SEARCH] = lambda _: json_response(bundle(patient(1)))
    _fill(ehr, patient(1), patient(2))
    parent = _started(services, client, ehr, refresh_token="rt-1")
    one = _open(client, parent)
    ehr.answers[SEARCH] = lambda _: json_response(bundle(patient(2)))
    two = _open(client, parent, "002")
    ehr.token_response = {
        "access_token": "at-2",
        "token_type": "Bearer",
        "expires_in": 3600,
        "refresh_token": "rt-2",
    }
    held = services.sessions.open(one.strip("/").split("/")[1], _cookies(client))
    assert services.token_life.renew(held).access_token == "at-2"
    for address in (one, two, f"/p/{parent.id}/"):
        found = services.sessions.open(address.strip("/").split("/")[1], _cookies(client))
        assert (found.access_token, found.refresh_token) == ("at-2", "rt-2")
    renewed_already = services.token_life.renew(held)
    assert (renewed_already.access_token, renewed_already.patient_id) == ("at-2", "p1")
    assert [each.form["refresh_token"] for each in ehr.asked if "refresh_token" in each.form] == ["rt-1"]


def test_a_renewal_that_suddenly_names_a_patient_ends_the_launch_and_all_opened_from_it(
    client, services, ehr
) -> None:
    ehr.answers[SEARCH] = lambda _: json_response(bundle(patient(1)))
    _fill(ehr, patient(1))
    parent = _started(services, client, ehr, refresh_token="rt-1")
    address = _open(client, parent)
    ehr.token_response = {"access_token": "at-2", "token_type": "Bearer", "patient": "p1"}
    services.engine.dispose()
    held = services.sessions.open(address.strip("/").split("/")[1], _cookies(client))
    with pytest.raises(Exception, match="patient-changed"):
        services.token_life.renew(held)
    assert _nothing_is_left(services.engine)


EndsIt = Callable[[FlaskClient, AppServices, LaunchSession, str, Any], object]


def _end_from_the_list(client: FlaskClient, _: AppServices, parent: LaunchSession, *__: Any) -> None:
    assert _post(client, parent, "end").status_code == 200


def _end_from_a_patient(
    client: FlaskClient, services: AppServices, _: LaunchSession, address: str, __: Any
) -> None:
    child = services.sessions.open(address.strip("/").split("/")[1], _cookies(client))
    assert _post(client, child, "end").status_code == 200


def _be_idle(client: FlaskClient, services: AppServices, _: LaunchSession, address: str, clock: Any) -> None:
    clock.advance(minutes=16)
    assert _get(client, address).status_code == 401


def _purge(_: FlaskClient, services: AppServices, __: LaunchSession, ___: str, clock: Any) -> None:
    clock.advance(minutes=16)
    services.sessions.purge()


@pytest.mark.parametrize("end", [_end_from_the_list, _end_from_a_patient, _be_idle, _purge])
def test_the_end_of_the_launch_is_the_end_of_every_patient_opened_from_it(
    client, services, session, clock, end: EndsIt
) -> None:
    address = _open(client, session)
    _get(client, address)
    end(client, services, session, address, clock)
    for place in (address, f"/p/{session.id}/"):
        assert _get(client, place).status_code in (401, 403)
    assert _nothing_is_left(services.engine)


def _nothing_is_left(engine: Engine) -> bool:
    with engine.connect() as connection:
        counts = [connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar() for name in _TABLES]  # noqa: S608
    return counts == [0, 0, 0]


def test_work_on_one_patient_keeps_the_whole_session_awake(client, services, session, clock) -> None:
    address = _open(client, session)
    for _ in range(4):
        clock.advance(minutes=10)
        services.sessions.purge()
        assert _get(client, address).status_code == 200
    assert _get(client, f"/p/{session.id}/").status_code == 200


def test_a_writing_preview_of_an_opened_patient_leads_back_to_the_list(client, session, ehr) -> None:
    ehr.answers["/fhir/metadata"] = lambda _: json_response({"resourceType": "CapabilityStatement", "rest": []})
    address = _open(client, session)
    preview = _get(client, f"{address}write/assessment")
    assert preview.status_code == 200
    assert f'href="/p/{session.id}/"' in preview.text


def test_a_record_number_is_found_with_or_without_its_leading_zeros(client, services, session, ehr) -> None:
    asked: list[str] = []

    def answer(request: Request) -> Response:
        asked.append(request.form["identifier"])
        return json_response(bundle(patient(1)))

    ehr.answers[SEARCH] = answer
    _post(client, session, "search", identifier="001")
    _post(client, session, "search", identifier="1")  # leading zeros are not typed by everybody
    assert asked == ["001", "1"]
    assert len(_rows(client, session)) == 1


@pytest.mark.parametrize("language", ["de", "fr", "it", "es", "nl", "ja"])
def test_the_list_speaks_the_readers_language(client, session, language: str) -> None:
    _get(client, _open(client, session))
    page = _get(client, f"/p/{session.id}/?language={language}").text
    assert f'lang="{language}"' in page
    for english in ("Patients of this session", "Find a patient", "Cannot be staged", "Seen at", "no risk"):
        assert english not in page


def test_children_live_and_end_with_their_parent_on_every_database(database: Engine, clock) -> None:
    box = SealedBox([MASTER_KEY])
    sessions = LaunchSessions(database, box, clock, idle=timedelta(minutes=15), absolute=timedelta(hours=8))
    opened, searches = OpenedPatients(database, box), PatientSearches(database, box)
    tokens = Tokens("at-1", clock() + timedelta(hours=1), SCOPES, "rt-1")
    parents = [sessions.start(LaunchContext("local", "https://ehr/fhir", None, tokens)) for _ in range(2)]
    for parent, _ in parents:
        for number in (1, 2, 1):
            _, write = opened.open(parent, FoundPatient(f"p{number}"), clock())
            with database.begin() as connection:
                write(connection)
                searches.keep(parent.id, LastSearch(clock(), "name", problem="none"))(connection)
    first, ticket = parents[0]
    child, sibling = opened.recent(first.id)
    cookies = {cookie_name(first.id): ticket.secret}
    assert {sessions.open(each.launch_id, cookies).patient_id for each in (child, sibling)} == {"p1", "p2"}
    assert not {each.launch_id for each in opened.recent(parents[1][0].id)} & {child.launch_id, sibling.launch_id}
    sessions.end(first.id)
    assert (opened.recent(first.id), searches.last(first.id)) == ((), None)
    assert len(opened.recent(parents[1][0].id)) == 2
    with pytest.raises(SessionMissing):
        sessions.open(child.launch_id, cookies)
    clock.advance(minutes=16)
    sessions.purge()
    assert _nothing_is_left(database)
