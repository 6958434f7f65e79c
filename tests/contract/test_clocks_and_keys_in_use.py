"""The app's clock jumps, and the EHR's keys are replaced, while pages are open and hooks are called."""

import html
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.auditing.anchors import verify
from sandbox.factory import BUNDLED_PATIENTS
from sandbox.keys import SigningKeys
from sandbox.store import PatientStore
from tests.builders.two_servers import Browser, TwoServers, two_servers

PATIENT = "10005817"
A_MINUTE = timedelta(seconds=61)


class Clock:
    """The app's time: the true one, moved on or back by what is said."""

    ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def servers(tmp_path: Path, clock: Clock) -> Iterator[TwoServers]:
    with two_servers("standard", tmp_path, clock) as running:
        yield running
        assert verify(running.app.engine) is None


def hook_problem(servers: TwoServers) -> str | None:
    """What the EHR says went wrong when it asked for cards; None: the app answered."""
    page = Browser().get(f"{servers.ehr_url}/patients/{PATIENT}/cds").text
    found = re.search(r'<p class="problem"[^>]*>(.*?)</p>', page, re.S)
    return html.unescape(found[1]) if found else None


def newest_creatinine_at() -> datetime:
    """When the patient's newest creatinine was taken: the EHR's patients are as if seen now."""
    results = PatientStore.load(BUNDLED_PATIENTS, datetime.now(UTC)).resources(PATIENT, "Observation")
    taken = [each["effectiveDateTime"] for each in results if "2160-0" in str(each["code"])]
    return max(datetime.fromisoformat(time) for time in taken)


@pytest.mark.parametrize("minutes", [10, -10])
def test_a_clock_that_jumps_refuses_what_it_cannot_date_and_is_forgotten_when_it_is_right_again(
    servers: TwoServers, clock: Clock, minutes: int
) -> None:
    browser = Browser()
    page = servers.launch_in_tab(browser, PATIENT)
    assert (page.status_code, hook_problem(servers)) == (200, None)

    clock.ahead = timedelta(minutes=minutes)
    assert browser.get(page.url).status_code == 200
    assert "answered 401" in str(hook_problem(servers))
    refused = servers.launch_in_tab(Browser(), PATIENT)
    assert (refused.status_code, "clock" in refused.text) == (502, True)

    clock.ahead = timedelta()
    assert browser.get(page.url).status_code == 200
    assert hook_problem(servers) is None
    assert servers.launch_in_tab(Browser(), PATIENT).status_code == 200


def test_results_of_the_last_minutes_are_laid_aside_in_words_when_the_clock_is_far_behind(
    servers: TwoServers, clock: Clock
) -> None:
    browser = Browser()
    page = servers.launch_in_tab(browser, PATIENT)
    assert "dated in the future" not in page.text
    clock.ahead = newest_creatinine_at() - datetime.now(UTC) - timedelta(minutes=11)
    behind = browser.get(page.url)
    assert behind.status_code == 200
    assert "dated in the future" in behind.text


def test_a_launch_under_way_when_the_clock_jumps_ahead_is_over_and_says_to_open_the_app_again(
    servers: TwoServers, clock: Clock
) -> None:
    browser = Browser()
    begun = browser.post(f"{servers.ehr_url}/patients/{PATIENT}/launch", {})
    authorize = browser.get(begun.headers["Location"])
    clock.ahead = timedelta(minutes=10)
    over = browser.follow(authorize)
    assert over.status_code == 400
    assert "Open the app again" in over.text


def test_keys_replaced_while_hooks_pour_in_cost_one_fetch_and_no_answer(
    servers: TwoServers, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than a minute after the last fetch: unknown `kid`s cost an EHR one request a minute at most."""
    fetched: list[dict[str, Any]] = []
    publish = SigningKeys.public_jwks
    monkeypatch.setattr(SigningKeys, "public_jwks", lambda keys: fetched.append(publish(keys)) or fetched[-1])
    assert hook_problem(servers) is None
    servers.ehr.keys.rotate()
    clock.ahead += A_MINUTE
    with ThreadPoolExecutor(4) as callers:
        assert list(callers.map(lambda _: hook_problem(servers), range(4))) == [None] * 4
    assert len(fetched) == 2


def test_keys_replaced_within_the_minute_refuse_hooks_until_it_is_over_and_never_answer_with_no_cards(
    servers: TwoServers, clock: Clock
) -> None:
    assert hook_problem(servers) is None
    servers.ehr.keys.rotate()
    assert "answered 401" in str(hook_problem(servers))
    clock.ahead += A_MINUTE
    assert hook_problem(servers) is None
