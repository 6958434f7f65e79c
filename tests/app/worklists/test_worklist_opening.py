"""Patients opened from the worklist: each on its own, and nobody who was not found."""

from datetime import timedelta

import pytest

from app.factory import create_app
from app.launched.sessions import SessionMissing, cookie_name
from launch.context import LaunchContext, Tokens
from tests.builders.worklists import (
    SCOPES,
    cookies_of,
    get_page,
    open_patient,
    post_form,
    rows_found,
    started_without_patient,
)


def test_a_row_opens_its_patient_and_the_patient_only(client, services, session, ehr) -> None:
    address = open_patient(client, session)
    page = get_page(client, address)
    assert page.status_code == 200
    assert "Ama Osei" in page.text
    assert f'href="/p/{session.id}/"' in page.text
    assert "/fhir/Patient/p1" in ehr.paths()
    assert not {"/fhir/Patient/p2", f"/fhir/Patient/{session.id}"} & set(ehr.paths())
    seen = [event for event in services.audit.events() if event["action"] in ("patient-opened", "chart-viewed")]
    assert [event["patient_id"] for event in seen] == ["p1", "p1"]


@pytest.mark.parametrize("row", ["p1", "p2", "Patient/p1", "", "guessed", "\x00", "ü" * 40])
def test_a_patients_id_or_a_guessed_row_opens_nobody(client, services, session, row: str) -> None:
    post_form(client, session, "search", identifier="001")
    refused = post_form(client, session, "open", row=row)
    assert refused.status_code == 404
    assert "found-patient-missing" in refused.text
    assert services.opened.recent(session.id) == ()


def test_a_row_of_an_older_search_opens_nobody(client, services, session) -> None:
    post_form(client, session, "search", identifier="001")
    (stale,) = rows_found(client, session)
    post_form(client, session, "search", identifier="001")
    assert post_form(client, session, "open", row=stale).status_code == 404
    assert rows_found(client, session) != [stale]


def test_a_row_of_another_launch_of_the_same_browser_opens_nobody(client, services, session, ehr) -> None:
    other = started_without_patient(services, client, ehr)
    post_form(client, other, "search", identifier="001")
    (foreign,) = rows_found(client, other)
    assert post_form(client, session, "open", row=foreign).status_code == 404
    assert post_form(client, other, "open", row=foreign).status_code == 303


def test_a_patient_opened_twice_is_the_same_launch_and_one_line(client, services, session) -> None:
    first = open_patient(client, session)
    assert open_patient(client, session) == first
    assert len(services.opened.recent(session.id)) == 1


def test_a_chart_whose_opening_cannot_be_written_down_is_not_opened(client, services, session) -> None:
    post_form(client, session, "search", identifier="001")
    (row,) = rows_found(client, session)
    with services.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE audit_event")
    assert post_form(client, session, "open", row=row).status_code == 500
    assert services.opened.recent(session.id) == ()
    with services.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM launch_session").scalar() == 1


def test_an_opened_patient_is_of_no_use_without_the_cookie_of_its_launch(client, services, session) -> None:
    address = open_patient(client, session)
    child_id = address.strip("/").split("/")[1]
    stranger = create_app(services=services).test_client()
    assert get_page(stranger, address).status_code == 403
    stranger.set_cookie(cookie_name(child_id), "guessed", domain="aki", secure=True)
    stranger.set_cookie(cookie_name(session.id), "guessed", domain="aki", secure=True)
    assert get_page(stranger, address).status_code == 403
    other, ticket = services.sessions.start(LaunchContext("local", session.fhir_base_url, None, session.tokens))
    with pytest.raises(SessionMissing):
        services.sessions.open(child_id, {cookie_name(other.id): ticket.secret})


@pytest.mark.parametrize("path", ["write/assessment", "write/repeat-creatinine", "written/x"])
def test_a_launch_without_patient_has_none_of_a_patients_pages(client, session, path: str) -> None:
    assert get_page(client, f"/p/{session.id}/{path}").status_code == 404


@pytest.mark.parametrize("what", ["search", "open"])
def test_an_opened_patient_and_a_launch_of_one_have_no_worklist(client, services, session, ehr, what) -> None:
    address = open_patient(client, session)
    child = services.sessions.open(address.strip("/").split("/")[1], cookies_of(client))
    assert post_form(client, child, what, identifier="001").status_code == 404
    tokens = Tokens("at", services.clock() + timedelta(hours=1), SCOPES)
    single, ticket = services.sessions.start(LaunchContext("local", ehr.fhir_base, "p2", tokens))
    client.set_cookie(cookie_name(single.id), ticket.secret, domain="aki", secure=True)
    assert post_form(client, single, what, identifier="001").status_code == 404
