"""The page's own time: everything between the EHR's last answer and the first byte, without the EHR.

Issue's budget: 300 ms to the first paint, and 150 kB without fonts.
"""

from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from pytest_benchmark.fixture import BenchmarkFixture

from app.configured.ehrs import ehrs_from
from app.configured.settings import Settings
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


@pytest.fixture
def load(services: AppServices) -> Callable[[], bytes]:
    """One look at the page by the browser that launched; the chart is there at once."""
    app = Flask("app", static_folder=None)

    def chart_at_once(*_: Any, **__: Any) -> PatientSnapshot:
        return CHART

    app.register_blueprint(pages_blueprint(services, read_chart=chart_at_once))
    app.add_url_rule("/launch/standalone", "launch.launch_standalone", lambda: "")
    start = LaunchContext("riverside", EHR["iss"], "p1", Tokens("t", NOW.replace(year=2027), frozenset({"x"})))
    session, ticket = services.sessions.start(start)
    client = app.test_client()
    client.set_cookie(cookie_name(session.id), ticket.secret, secure=True)
    return lambda: client.get(f"https://localhost/p/{session.id}/").data


def test_page_of_a_week_takes_little_time_of_its_own(
    benchmark: BenchmarkFixture, load: Callable[[], bytes]
) -> None:
    body = benchmark(load)
    assert b"AKI" in body
    static = sum(len((files("app") / "static" / name).read_bytes()) for name in ("page.css", "page.js"))
    benchmark.extra_info["bytes"] = len(body) + static
    assert len(body) + static < 150_000
