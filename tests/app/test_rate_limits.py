"""More than a caller may ask: a quick 429 that says when to come back, in the caller's own form."""

import threading
from pathlib import Path

import pytest
from flask import Flask

from app.factory import create_app
from app.services import open_services
from app.web.rate_limits import SweptMemory
from tests.builders.registrations import ehr_table, local_ehrs, settings_for


@pytest.fixture
def application(tmp_path: Path, clock) -> Flask:
    settings = settings_for(tmp_path, launches_per_minute=2, cds_calls_per_minute=3, trusted_proxy_count=1)
    return create_app(
        services=open_services(settings, ehrs=local_ehrs(ehr_table("http://127.0.0.1:9")), clock=clock)
    )


def test_too_many_launches_get_a_page_with_a_time_to_come_back(application: Flask) -> None:
    client = application.test_client()
    answers = [client.get("/launch") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [400, 400, 429]
    assert 1 <= int(answers[2].headers["Retry-After"]) <= 61
    assert "Too many requests" in answers[2].text
    assert answers[2].headers["Cache-Control"] == "no-store"


def test_too_many_hook_calls_get_an_operation_outcome_before_their_body_is_read(application: Flask) -> None:
    client = application.test_client()
    answers = [client.post("/cds-services/aki-patient-view", data=b"x" * 1000) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429]
    assert answers[3].json["resourceType"] == "OperationOutcome"
    assert answers[3].json["issue"][0]["code"] == "throttled"
    assert int(answers[3].headers["Retry-After"]) >= 1


def test_each_address_has_a_limit_of_its_own(application: Flask) -> None:
    client = application.test_client()
    for _ in range(3):
        client.get("/launch", headers={"X-Forwarded-For": "198.51.100.1"})
    assert client.get("/launch", headers={"X-Forwarded-For": "198.51.100.1"}).status_code == 429
    assert client.get("/launch", headers={"X-Forwarded-For": "198.51.100.2"}).status_code == 400


@pytest.mark.parametrize("path", ["/health", "/ready", "/metrics"])
def test_those_who_watch_are_never_turned_away(application: Flask, path: str) -> None:
    client = application.test_client()
    assert {client.get(path).status_code for _ in range(12)} == {200}


def test_ending_a_session_over_and_over_is_turned_away_too(application: Flask) -> None:
    client = application.test_client()
    assert [client.post("/p/" + "0" * 24 + "/end").status_code for _ in range(3)] == [403, 403, 429]


def test_counters_are_forgotten_when_their_time_is_over_and_no_thread_is_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1_000_000.0
    monkeypatch.setattr("time.time", lambda: now)
    counters = SweptMemory()
    threads = threading.active_count()
    for address in range(100):
        counters.incr(f"address-{address}", 60)
    assert counters.incr("address-1", 60) == 2
    assert threading.active_count() <= threads
    now += 61
    assert counters.incr("address-1", 60) == 1
    assert set(counters.storage) == set(counters.expirations) == {"address-1"}


def test_a_clock_set_back_locks_nobody_out_until_it_has_caught_up(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000_000.0
    monkeypatch.setattr("time.time", lambda: now)
    counters = SweptMemory()
    assert [counters.incr("address", 60) for _ in range(3)] == [1, 2, 3]
    now -= 600
    assert counters.incr("address", 60) == 1
    now += 61
    assert counters.incr("address", 60) == 1
