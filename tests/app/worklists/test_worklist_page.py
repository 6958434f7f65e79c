"""What the worklist says of those who were opened: as last seen, and never "no risk" of who was not."""

import re

from flask.testing import FlaskClient

from app.launched.sessions import LaunchSession
from app.worklist.opened import MOST_OPEN
from patient_context.patient_search import FoundPatient
from tests.builders.fake_ehr import json_response
from tests.builders.worklists import (
    SEARCH,
    TABLES,
    bundle,
    fill_charts,
    get_page,
    open_patient,
    patient,
)


def test_a_patient_opened_but_not_seen_is_said_to_be_unknown_and_never_at_low_risk(client, session, ehr) -> None:
    open_patient(client, session)
    listed = get_page(client, f"/p/{session.id}/").text.partition("Opened in this session")[2]
    assert "Not looked at yet" in listed
    assert "Nothing is known" in listed
    assert "Low risk" not in listed
    assert "No AKI" not in listed


def test_what_was_seen_stands_with_its_time_and_is_not_renewed_by_itself(client, session, clock) -> None:
    address = open_patient(client, session)
    get_page(client, address)
    clock.advance(minutes=7)
    listed = get_page(client, f"/p/{session.id}/").text.partition("Opened in this session")[2]
    assert "Cannot be staged" in listed
    assert "7 min ago" in listed


def test_who_was_seen_last_comes_first(client, session, ehr, clock) -> None:
    everybody = [patient(n, name=[{"text": f"Patient Number {n}"}]) for n in (1, 2)]
    fill_charts(ehr, *everybody)
    addresses = []
    for each in everybody:
        ehr.answers[SEARCH] = lambda _, found=each: json_response(bundle(found))
        addresses.append(open_patient(client, session, each["identifier"][0]["value"]))
        clock.advance(seconds=1)
    assert _order(client, session) == ["Patient Number 2", "Patient Number 1"]
    get_page(client, addresses[0])
    assert _order(client, session) == ["Patient Number 1", "Patient Number 2"]


def _order(client: FlaskClient, session: LaunchSession) -> list[str]:
    listed = get_page(client, f"/p/{session.id}/").text.partition("Opened in this session")[2]
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
    get_page(client, open_patient(client, session))
    with services.engine.connect() as connection:
        stored = str([connection.exec_driver_sql(f"SELECT * FROM {name}").all() for name in TABLES])  # noqa: S608
    assert "Osei" not in stored
    assert "'p1'" not in stored
