"""What a launch costs of our own time, over real HTTP to an EHR whose time is subtracted.

Discovery and the issuer's keys are known already, as they are for all but one launch in some minutes.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from statistics import quantiles
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from flask.testing import FlaskClient
from pytest_benchmark.fixture import BenchmarkFixture
from werkzeug.test import TestResponse

from app.factory import create_app
from app.services import open_services
from tests.builders.clock import Clock
from tests.builders.fake_ehr import FakeEhr, running_fake_ehr
from tests.builders.registrations import ehr_table, local_ehrs, settings_for

pytestmark = pytest.mark.bench

ROUNDS = 200


class Browser:
    """One browser that launches again and again, and the EHR it comes from."""

    def __init__(self, client: FlaskClient, ehr: FakeEhr, clock: Clock) -> None:
        self._client, self._ehr, self._clock = client, ehr, clock

    def begin(self) -> TestResponse:
        """`/launch`, up to the redirect to the EHR."""
        asked = {"iss": self._ehr.fhir_base, "launch": "x"}
        return self._client.get("/launch", query_string=asked, base_url="https://aki")

    def allowed(self) -> dict[str, str]:
        """What the EHR's redirect brings back; the token it will give names the nonce it was sent."""
        asked = parse_qs(urlsplit(self.begin().headers["Location"]).query)
        self._ehr.token_response = {
            "access_token": "at",
            "token_type": "Bearer",
            "scope": "patient/*.rs",
            "patient": "p1",
            "id_token": self._ehr.id_token(nonce=asked["nonce"][0], now=self._clock()),
        }
        return {"state": asked["state"][0], "code": "c"}

    def come_back(self, allowed: dict[str, str]) -> None:
        """`/callback`: token, id_token, session, audit record, redirect to the page."""
        done = self._client.get("/callback", query_string=allowed, base_url="https://aki")
        assert done.status_code == 303


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    clock = Clock()
    with running_fake_ehr() as ehr:
        settings = settings_for(tmp_path, launches_per_minute=100_000)
        services = open_services(settings, ehrs=local_ehrs(ehr_table(ehr.base_url)), clock=clock)
        yield Browser(create_app(services=services).test_client(), ehr, clock)


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds of each call to the EHR."""
    waits: list[float] = []
    send = requests.adapters.HTTPAdapter.send

    def timed(*args: Any, **kwargs: Any) -> requests.Response:
        began = time.perf_counter()
        try:
            return send(*args, **kwargs)
        finally:
            waits.append(time.perf_counter() - began)

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", timed)
    return waits


def _report(benchmark: BenchmarkFixture, own_seconds: list[float]) -> None:
    percentiles = quantiles(own_seconds, n=100)
    figures = {"own_ms_p50": percentiles[49], "own_ms_p95": percentiles[94]}
    benchmark.extra_info |= {name: round(seconds * 1000, 2) for name, seconds in figures.items()}
    print(benchmark.name, benchmark.extra_info)


def test_launch_up_to_the_redirect_to_the_ehr(benchmark: BenchmarkFixture, browser: Browser) -> None:
    browser.begin()
    assert benchmark.pedantic(browser.begin, rounds=ROUNDS).status_code in {302, 303}
    _report(benchmark, benchmark.stats.stats.data)


def test_callback_up_to_the_redirect_to_the_page(
    benchmark: BenchmarkFixture, browser: Browser, waited: list[float]
) -> None:
    browser.come_back(browser.allowed())
    waited.clear()
    own: list[float] = []

    def timed(allowed: dict[str, str]) -> None:
        waited.clear()
        began = time.perf_counter()
        browser.come_back(allowed)
        own.append(time.perf_counter() - began - sum(waited))

    def prepared() -> tuple[tuple[dict[str, str]], dict[str, Any]]:
        return (browser.allowed(),), {}

    benchmark.pedantic(timed, setup=prepared, rounds=ROUNDS)
    _report(benchmark, own)
