"""What one launch has written, the next one finds: two clinicians, two browsers, the embedded EHR, over HTTP."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fhirclient.models.bundle import Bundle

from tests.builders.smart_world import Browser, World, launched_page, running_world

PATIENT = "10005817"
KINDS = {"assessment": "RiskAssessment", "repeat-creatinine": "ServiceRequest"}


@dataclass
class Clock:
    """The time, moved on by what has been said."""

    ahead: timedelta = field(default_factory=timedelta)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def world(tmp_path: Path, clock: Clock) -> Iterator[World]:
    with running_world(tmp_path, {"write_back": True}, clock) as world:
        yield world


def write(world: World, kind: str) -> str:
    """A launch of its own, the preview, the click; the page that tells what became of it."""
    browser = Browser()
    address = f"{launched_page(world, browser, PATIENT)}write/{kind}"
    preview = browser.get(address).text
    form = dict(re.findall(r'name="(csrf_token|draft)" value="([^"]+)"', preview))
    done = browser.post(address, **form)
    assert done.status_code == 303, done.text
    return browser.get(world.app_url + done.headers["Location"]).text


def held(world: World, type_: str) -> list[dict[str, Any]]:
    """What stands in the EHR's chart."""
    store = world.ehr.extensions["ehr_store"]
    found: list[dict[str, Any]] = store.resources(PATIENT, type_)
    Bundle({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": each} for each in found]})
    return found


@pytest.mark.parametrize(("kind", "type_"), KINDS.items())
def test_a_second_launch_finds_what_the_first_has_written(
    world: World, clock: Clock, kind: str, type_: str
) -> None:
    first = write(world, kind)
    assert "no second copy was made" not in first
    clock.ahead += timedelta(seconds=7)
    second = write(world, kind)
    assert "no second copy was made" in second
    [one] = held(world, type_)
    assert f"{type_}/{one['id']}" in first
    assert f"{type_}/{one['id']}" in second


def test_what_was_taken_back_may_be_written_again(world: World, clock: Clock) -> None:
    write(world, "repeat-creatinine")
    [first] = held(world, "ServiceRequest")
    first["status"] = "revoked"
    clock.ahead += timedelta(seconds=7)
    assert "no second copy was made" not in write(world, "repeat-creatinine")
    assert [each["status"] for each in held(world, "ServiceRequest")] == ["revoked", "draft"]
