"""The page's own time: everything between the EHR's last answer and the first byte, without the EHR; and how soon
something is painted when the EHR does not answer.

Issue's budget: 300 ms to the first paint, and 150 kB without fonts.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pytest_benchmark.fixture import BenchmarkFixture

from app.configured.ehrs import ehrs_from
from app.configured.settings import Settings
from app.languages.reader import add_languages
from app.launched.sessions import cookie_name
from app.patient_page.routes import pages_blueprint
from app.services import AppServices, open_services
from launch.context import LaunchContext, Tokens
from model.snapshot import PatientSnapshot
from tests.builders.assessed import NOW, creatinine, snapshot

pytestmark = pytest.mark.bench

EHR = {"id": "riverside", "name": "Riverside", "iss": "https://ehr.example.org/fhir", "client_id": "aki"}
#: A week of intensive care: a creatinine every six hours.
CHART = replace(snapshot(*(creatinine(h, 0.9 + 0.4 * (h < 40)) for h in range(168, 0, -6))))


@pytest.fixture
def services(tmp_path: Path) -> AppServices:
    settings = Settings(development=True, state_dir=tmp_path)
    return open_services(settings, ehrs=ehrs_from({"ehr": [EHR]}, development=True), clock=lambda: NOW)


def _launched(services: AppServices, read_chart: Callable[..., PatientSnapshot]) -> tuple[FlaskClient, str]:
    """A browser that launched, and its page."""
    app = Flask("app", static_folder=None)
    add_languages(app, services.ehrs)
    app.register_blueprint(pages_blueprint(services, read_chart=read_chart))
    app.add_url_rule("/launch/standalone", "launch.launch_standalone", lambda: "")
    start = LaunchContext("riverside", EHR["iss"], "p1", Tokens("t", NOW.replace(year=2027), frozenset({"x"})))
    session, ticket = services.sessions.start(start)
    client = app.test_client()
    client.set_cookie(cookie_name(session.id), ticket.secret, secure=True)
    return client, f"https://localhost/p/{session.id}/"


def test_page_of_a_week_takes_little_time_of_its_own(benchmark: BenchmarkFixture, services: AppServices) -> None:
    client, address = _launched(services, lambda *_, **__: CHART)
    body = benchmark(lambda: client.get(address).data)
    assert b"AKI" in body
    loaded = set(re.findall(rb"/static/([\w.]+)", body))
    assert {b"page.css", b"page.js", b"course.js"} <= loaded
    static = sum(len((files("app") / "static" / name.decode()).read_bytes()) for name in loaded)
    benchmark.extra_info["bytes"] = len(body) + static
    assert len(body) + static < 150_000


def test_first_part_of_a_page_is_there_within_the_patience_when_the_ehr_is_silent(
    benchmark: BenchmarkFixture, services: AppServices
) -> None:
    answered = Event()

    def chart(*_: Any, **__: Any) -> PatientSnapshot:
        answered.wait(10)
        return CHART

    client, address = _launched(services, chart)

    def first_part() -> bytes:
        answer = client.get(address, headers={"Sec-Fetch-Mode": "navigate"}, buffered=False)
        part = next(iter(answer.response))
        answered.set()
        answer.close()
        answered.clear()
        return bytes(part)

    first = benchmark.pedantic(first_part, rounds=10, iterations=1, warmup_rounds=1)
    assert b"Nothing is known about this patient" in first
