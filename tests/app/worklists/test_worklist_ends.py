"""One token and one end for a launch without a patient and all opened from it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine
from werkzeug.wrappers import Request, Response

from app.launched.sessions import LaunchSession, LaunchSessions, SessionMissing, cookie_name
from app.services import AppServices
from app.storage.encryption import SealedBox
from app.worklist.opened import OpenedPatients
from app.worklist.searches import LastSearch, PatientSearches
from launch.context import LaunchContext, Tokens
from patient_context.patient_search import FoundPatient
from tests.builders.fake_ehr import json_response
from tests.builders.registrations import MASTER_KEY
from tests.builders.worklists import (
    SCOPES,
    SEARCH,
    TABLES,
    bundle,
    cookies_of,
    fill_charts,
    get_page,
    open_patient,
    patient,
    post_form,
    rows_found,
    started_without_patient,
)


def test_a_child_renews_the_parents_token_and_its_siblings_see_the_new_one(client, services, ehr) -> None:
    ehr.answers[SEARCH] = lambda _: json_response(bundle(patient(1)))
    fill_charts(ehr, patient(1), patient(2))
    parent = started_without_patient(services, client, ehr, refresh_token="rt-1")
    one = open_patient(client, parent)
    ehr.answers[SEARCH] = lambda _: json_response(bundle(patient(2)))
    two = open_patient(client, parent, "002")
    ehr.token_response = {
        "access_token": "at-2",
        "token_type": "Bearer",
        "expires_in": 3600,
        "refresh_token": "rt-2",
    }
    held = services.sessions.open(one.strip("/").split("/")[1], cookies_of(client))
    assert services.token_life.renew(held).access_token == "at-2"
    for address in (one, two, f"/p/{parent.id}/"):
        found = services.sessions.open(address.strip("/").split("/")[1], cookies_of(client))
        assert (found.access_token, found.refresh_token) == ("at-2", "rt-2")
    renewed_already = services.token_life.renew(held)
    assert (renewed_already.access_token, renewed_already.patient_id) == ("at-2", "p1")
    assert [each.form["refresh_token"] for each in ehr.asked if "refresh_token" in each.form] == ["rt-1"]


def test_a_renewal_that_suddenly_names_a_patient_ends_the_launch_and_all_opened_from_it(
    client, services, ehr
) -> None:
    ehr.answers[SEARCH] = lambda _: json_response(bundle(patient(1)))
    fill_charts(ehr, patient(1))
    parent = started_without_patient(services, client, ehr, refresh_token="rt-1")
    address = open_patient(client, parent)
    ehr.token_response = {"access_token": "at-2", "token_type": "Bearer", "patient": "p1"}
    services.engine.dispose()
    held = services.sessions.open(address.strip("/").split("/")[1], cookies_of(client))
    with pytest.raises(Exception, match="patient-changed"):
        services.token_life.renew(held)
    assert _nothing_is_left(services.engine)


EndsIt = Callable[[FlaskClient, AppServices, LaunchSession, str, Any], object]


def _end_from_the_list(client: FlaskClient, _: AppServices, parent: LaunchSession, *__: Any) -> None:
    assert post_form(client, parent, "end").status_code == 200


def _end_from_a_patient(
    client: FlaskClient, services: AppServices, _: LaunchSession, address: str, __: Any
) -> None:
    child = services.sessions.open(address.strip("/").split("/")[1], cookies_of(client))
    assert post_form(client, child, "end").status_code == 200


def _be_idle(client: FlaskClient, services: AppServices, _: LaunchSession, address: str, clock: Any) -> None:
    clock.advance(minutes=16)
    assert get_page(client, address).status_code == 401


def _purge(_: FlaskClient, services: AppServices, __: LaunchSession, ___: str, clock: Any) -> None:
    clock.advance(minutes=16)
    services.sessions.purge()


@pytest.mark.parametrize("end", [_end_from_the_list, _end_from_a_patient, _be_idle, _purge])
def test_the_end_of_the_launch_is_the_end_of_every_patient_opened_from_it(
    client, services, session, clock, end: EndsIt
) -> None:
    address = open_patient(client, session)
    get_page(client, address)
    end(client, services, session, address, clock)
    for place in (address, f"/p/{session.id}/"):
        assert get_page(client, place).status_code in (401, 403)
    assert _nothing_is_left(services.engine)


def _nothing_is_left(engine: Engine) -> bool:
    with engine.connect() as connection:
        counts = [connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar() for name in TABLES]  # noqa: S608
    return counts == [0, 0, 0]


def test_work_on_one_patient_keeps_the_whole_session_awake(client, services, session, clock) -> None:
    address = open_patient(client, session)
    for _ in range(4):
        clock.advance(minutes=10)
        services.sessions.purge()
        assert get_page(client, address).status_code == 200
    assert get_page(client, f"/p/{session.id}/").status_code == 200


def test_a_writing_preview_of_an_opened_patient_leads_back_to_the_list(client, session, ehr) -> None:
    ehr.answers["/fhir/metadata"] = lambda _: json_response({"resourceType": "CapabilityStatement", "rest": []})
    address = open_patient(client, session)
    preview = get_page(client, f"{address}write/assessment")
    assert preview.status_code == 200
    assert f'href="/p/{session.id}/"' in preview.text


def test_a_record_number_is_found_with_or_without_its_leading_zeros(client, services, session, ehr) -> None:
    asked: list[str] = []

    def answer(request: Request) -> Response:
        asked.append(request.form["identifier"])
        return json_response(bundle(patient(1)))

    ehr.answers[SEARCH] = answer
    post_form(client, session, "search", identifier="001")
    post_form(client, session, "search", identifier="1")  # leading zeros are not typed by everybody
    assert asked == ["001", "1"]
    assert len(rows_found(client, session)) == 1


@pytest.mark.parametrize("language", ["de", "fr", "it", "es", "nl", "ja"])
def test_the_list_speaks_the_readers_language(client, session, language: str) -> None:
    get_page(client, open_patient(client, session))
    page = get_page(client, f"/p/{session.id}/?language={language}").text
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
