"""Tokens, keys and clocks that go wrong while the app is in use, by the switches of the embedded EHR."""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.builders.smart_world import Browser, World, launched_page, running_world
from tests.builders.two_servers import Browser as FollowingBrowser
from tests.builders.two_servers import TwoServers, two_servers

PATIENT = "10005817"


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoServers]:
    with two_servers("standard", tmp_path_factory.mktemp("faults")) as running:
        yield running


@pytest.fixture(autouse=True)
def _all_is_well_again(servers: TwoServers) -> Iterator[None]:
    yield
    servers.ehr.faults.reset()


def launch(servers: TwoServers) -> requests.Response:
    return servers.launch_in_tab(FollowingBrowser(), PATIENT)


def card_problem(servers: TwoServers) -> str | None:
    """What the EHR says went wrong when it asked for cards."""
    page = FollowingBrowser().get(f"{servers.ehr_url}/patients/{PATIENT}/cds").text
    found = re.search(r'<p class="problem"[^>]*>(.*?)</p>', page, re.S)
    return html.unescape(found[1]) if found else None


@pytest.mark.parametrize("seconds", ["-30", "30"])
def test_a_clock_that_is_half_a_minute_off_is_nobodys_concern(servers: TwoServers, seconds: str) -> None:
    servers.ehr.faults.turn_on("clock", seconds)
    assert launch(servers).status_code == 200
    assert card_problem(servers) is None


@pytest.mark.parametrize(("seconds", "code"), [("-600", "token-refused"), ("600", "token-refused")])
def test_a_clock_that_is_minutes_off_ends_in_a_page_that_names_the_clock(
    servers: TwoServers, seconds: str, code: str
) -> None:
    servers.ehr.faults.turn_on("clock", seconds)
    page = launch(servers)
    assert page.status_code == 502
    assert code in page.text
    assert "clock" in page.text
    assert "answered 401" in str(card_problem(servers))


@pytest.mark.parametrize("code", ["4130", "4131", "4134"])
def test_a_protected_chart_shows_nothing_of_the_patient_and_says_how_to_open_it(
    servers: TwoServers, code: str
) -> None:
    """VN-13: the user must give a reason in the EHR; launching again alone would not help."""
    servers.ehr.faults.turn_on("break_the_glass", code)
    page = launch(servers)
    assert page.status_code == 403
    assert "chart-protected" in page.text
    assert "break-the-glass" in page.text
    assert "low risk" in page.text  # "... nothing on this page says that the patient is at low risk"


@dataclass
class Clock:
    """The app's time, moved on by what has been said."""

    ahead: timedelta = field(default_factory=timedelta)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


def test_keys_replaced_without_overlap_cost_one_more_fetch_and_no_launch(tmp_path: Path) -> None:
    """The pause between two fetches (ten seconds) has passed, as it has nearly always."""
    clock = Clock()
    with running_world(tmp_path, None, clock) as world:
        launched_page(world, Browser(), PATIENT)
        before = _kids(world)
        world.ehr.extensions["ehr"].keys.rotate()
        assert not before & _kids(world)
        clock.ahead += timedelta(seconds=11)
        launched_page(world, Browser(), PATIENT)


def _kids(world: World) -> set[Any]:
    document = requests.get(f"{world.ehr_url}/fhir/.well-known/jwks.json", timeout=10).json()
    return {key["kid"] for key in document["keys"]}


def test_a_token_that_ends_between_two_pages_is_renewed_and_nothing_is_missing(tmp_path: Path) -> None:
    with running_world(tmp_path, {"refresh": "online_access"}) as world:
        browser, faults = Browser(), world.ehr.extensions["ehr"].faults
        page = launched_page(world, browser, PATIENT)
        first = _token(world, page, browser)
        faults.turn_on("token_ends_while_paging")
        shown = browser.get(page)
        assert not faults.is_on("token_ends_while_paging")  # it has happened
        assert shown.status_code == 200
        assert "could not be read" not in shown.text
        assert _token(world, page, browser) != first


def test_without_a_refresh_token_it_ends_in_a_page_that_says_to_open_the_app_again(tmp_path: Path) -> None:
    with running_world(tmp_path) as world:
        browser = Browser()
        page = launched_page(world, browser, PATIENT)
        world.ehr.extensions["ehr"].faults.turn_on("token_ends_while_paging")
        shown = browser.get(page)
        assert shown.status_code == 502
        assert "Open the app again from the patient&#39;s chart." in shown.text


def _token(world: World, page: str, browser: Browser) -> str:
    launch_id = page.rstrip("/").rsplit("/", 1)[1]
    token: str = world.services.sessions.open(launch_id, browser.cookies).access_token
    return token
