"""A site's prediction switched off by the operator's command, seen by hooks on both workers over HTTP."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from app.auditing.trail import AuditTrail
from app.storage.database import open_engine
from tests.builders.cds import creatinine, full_prefetch, hook_body
from tests.builders.hosted import ROOT, Hosted, hosted

WITHIN_SECONDS = 8.0  # two seconds by design, and a slow machine
CALLS = 8  # at a time, over connections of their own: both workers answer some
WITHHELD = "prediction-withheld-by-site"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosted]:
    """gunicorn with two workers of one thread each, so that the calls spread."""
    with hosted(tmp_path_factory.mktemp("switched") / "state", AKI_THREADS="1") as running:
        yield running


def switch(service: Hosted, mode: str, *more: str) -> None:
    """What the operator types."""
    typed = ["site", "mode", "ehr-1", mode, "--reason", "assay changed", *more]
    command = [sys.executable, "-c", "from app.cli import main; main()", *typed]
    done = subprocess.run(command, cwd=ROOT, env=dict(service.environment), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def call(service: Hosted) -> list[dict[str, Any]]:
    """A patient at high risk, by a chart as the EHR sends it; the cards."""
    now = datetime.now(UTC)
    points = ((30, 0.8), (20, 0.8), (1, 1.05))
    rising = [creatinine(f"c{hours}", value, hours, now=now) for hours, value in points]
    response = service.call_hook(hook_body(prefetch=full_prefetch(*rising)))
    assert response.status_code == 200, response.text
    cards: list[dict[str, Any]] = response.json()["cards"]
    return cards


def a_round(service: Hosted) -> set[str]:
    """What the trail says of as many calls at once as keep both workers busy."""
    with ThreadPoolExecutor(CALLS) as callers:
        list(callers.map(lambda _: call(service), range(CALLS)))
    engine = open_engine(f"sqlite:///{service.state / 'aki.sqlite3'}")
    events = [e for e in AuditTrail(engine, lambda: datetime.now(UTC)).events() if e.get("service")]
    engine.dispose()
    return {event["outcome"] for event in events[-CALLS:]}


def settles(service: Hosted, found: Callable[[set[str]], bool]) -> bool:
    """Whether within the promised time every call of a round is answered as switched."""
    end = time.monotonic() + WITHIN_SECONDS
    while time.monotonic() < end:
        if found(a_round(service)):
            return True
    return False


def test_the_switch_reaches_both_workers_within_seconds_and_back(service: Hosted) -> None:
    (card,) = call(service)
    assert "AKI risk" in card["summary"]
    switch(service, "off")
    assert settles(service, lambda outcomes: outcomes == {WITHHELD})
    assert call(service) == []
    ready = requests.get(f"{service.address}/ready", timeout=5).json()
    assert [(one["part"], one["mode"]) for one in ready["switched"]] == [("prediction", "off")]
    switch(service, "live")
    assert settles(service, lambda outcomes: WITHHELD not in outcomes)


def test_cards_switched_off_end_every_card_within_seconds(service: Hosted) -> None:
    switch(service, "off", "--part", "cards")
    assert settles(service, lambda outcomes: outcomes == {"cards-switched-off"})
