"""One patient's name, birth date and token, through pages, a draft and failures: nowhere but on the page."""

import gzip
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
import requests
from sqlalchemy import select

from app.storage.database import open_engine, upgrade
from app.storage.tables import CdsFeedbackRow
from app.telemetry.logs import configure_logs
from sandbox.store import BUNDLED_PATIENTS
from tests.builders.databases import ENGINES, fresh_database_url, stored_bytes
from tests.builders.smart_world import Browser, World, launched_page, running_world

PATIENT = "10005817"
FAULTS = (("broken", "Observation"), ("unavailable", "any"), ("login_page", "Patient"), ("foreign_patient", "on"))


def _names_of(patient_id: str) -> set[str]:
    """Family name and birth date, as the embedded EHR's data set holds them."""
    with gzip.open(BUNDLED_PATIENTS / "patients.ndjson.gz", "rt") as lines:
        for line in lines:
            for resource in _resources(json.loads(line)):
                if resource.get("resourceType") == "Patient" and resource.get("id") == patient_id:
                    return {resource["name"][0]["family"], resource["birthDate"]}
    raise AssertionError("the patient is not in the data set")


def _resources(found: dict) -> list[dict]:
    entries = [entry.get("resource", {}) for entry in found.get("entry", [])]
    return [found, *entries, *(each for each in found.get("resources", []) if isinstance(each, dict))]


def _journey(world: World) -> tuple[str, set[str]]:
    """A launch, looks at the page, every fault, a trail that cannot be written; page text and secrets seen."""
    browser = Browser()
    address = launched_page(world, browser, PATIENT)
    shown = browser.get(address).text
    launch_id = urlsplit(address).path.split("/")[2]
    session = world.services.sessions.open(launch_id, browser.cookies)
    preview = browser.get(f"{address}write/assessment")
    assert preview.status_code == 200
    assert "Write" in preview.text
    for fault, value in FAULTS:
        world.ehr.extensions["ehr"].faults.turn_on(fault, value)
        browser.get(address)
        world.ehr.extensions["ehr"].faults.reset()
    requests.get(f"{world.app_url}/callback?code={session.access_token}&state=x", timeout=10)
    requests.get(address, timeout=10)
    with world.services.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE audit_event RENAME TO away")
    withheld = browser.get(address)
    with world.services.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE away RENAME TO audit_event")
    assert withheld.status_code == 500
    assert "audit-failed" in withheld.text
    assert not [name for name in _names_of(PATIENT) if name in withheld.text]
    return shown, {session.access_token, session.csrf_token, *browser.cookies.values()}


def _comment_on_a_card(world: World, comment: str) -> None:
    """What a clinician typed beside a card that was overridden, as the EHR sends it."""
    told = {
        "card": str(uuid4()),
        "outcome": "overridden",
        "outcomeTimestamp": "2026-03-12T09:05:00Z",
        "overrideReason": {"reason": {"code": "known", "system": "urn:x"}, "userComment": comment},
    }
    address = f"{world.app_url}/cds-services/aki-patient-view/feedback"
    answer = requests.post(address, json={"feedback": [told]}, timeout=10)
    assert answer.status_code == 200, answer.text
    with world.services.engine.connect() as connection:
        assert connection.scalar(select(CdsFeedbackRow.sealed)) is not None


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture(params=ENGINES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with fresh_database_url(request.param, tmp_path) as url:
        engine = open_engine(url)
        upgrade(engine)
        engine.dispose()
        yield url


def test_names_and_tokens_are_in_no_log_metric_temporary_file_or_database_page(
    database_url: str, tmp_path: Path, temporary: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    entry = {"write_back": True, "cds": {"allow_unauthenticated": True}}
    with running_world(tmp_path / "state", entry, database_url=database_url) as world:
        configure_logs("DEBUG")  # again, onto the captured stream
        shown, secrets = _journey(world)
        _comment_on_a_card(world, " and ".join(_names_of(PATIENT)))
        metrics = requests.get(f"{world.app_url}/metrics", timeout=10).text
        stored = stored_bytes(world.services.engine)
    written = capfd.readouterr()
    ours = [line for line in written.err.splitlines() if '"logger": "app' in line]
    names = _names_of(PATIENT)
    assert all(name in shown for name in names if not name[0].isdigit())  # the canary is alive
    assert len(ours) > 8
    places = {
        "log": "\n".join(ours).encode(),
        "metrics": metrics.encode(),
        "database": stored,
        "temporary files": b"".join(path.read_bytes() for path in temporary.rglob("*") if path.is_file()),
    }
    marks = names | secrets
    found = [(place, mark[:4]) for place, text in places.items() for mark in marks if mark.encode() in text]
    assert found == []
    assert PATIENT not in "\n".join(ours) + metrics
