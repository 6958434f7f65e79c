"""Workers die and the database stands still while hooks are called: each answer is in the trail, and right."""

import itertools
import os
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from app.auditing.anchors import verify
from app.auditing.trail import AuditTrail
from app.storage.database import open_engine, upgrade
from tests.builders.cds import creatinine, full_prefetch, hook_body
from tests.builders.databases import ENGINES, fresh_database_url
from tests.builders.hosted import Hosted, hosted

LOAD_SECONDS = float(os.environ.get("CHAOS_SECONDS", "5"))  # noqa: TID251  longer by hand: CHAOS_SECONDS=600 make chaos
CALLERS = 4


@dataclass
class Load:
    """Hooks called by several threads until told to stop; every call has an instance id of its own."""

    service: Hosted
    answered: dict[str, str] = field(default_factory=dict)
    errors: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count())

    def run(self, disturb: Callable[[], None]) -> None:
        threads = [threading.Thread(target=self._call_on) for _ in range(CALLERS)]
        for thread in threads:
            thread.start()
        try:
            disturb()
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def _call_on(self) -> None:
        while not self._stop.is_set():
            self._call(next(self._numbers))

    def _call(self, number: int) -> None:
        now, rises = datetime.now(UTC), number % 2 == 0
        instance = f"00000000-0000-4000-8000-{number:012d}"
        values = (0.8, 2.5) if rises else (0.8, 0.8)
        observations = [
            creatinine("c1", values[0], 60, now=now),
            creatinine("c2", values[1], 3, now=now),
        ]
        try:
            response = self.service.call_hook(
                hook_body(hookInstance=instance, prefetch=full_prefetch(*observations))
            )
        except requests.RequestException as error:
            self.errors[type(error).__name__] += 1
            return
        if response.status_code != 200:
            self.errors[str(response.status_code)] += 1
            return
        has_card = bool(response.json()["cards"])
        self.answered[instance] = "card-returned" if has_card else "card-suppressed"
        if has_card != rises:
            self.wrong.append(instance)


@pytest.fixture(params=ENGINES)
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Hosted, str]]:
    with fresh_database_url(request.param, tmp_path) as url:
        engine = open_engine(url)
        upgrade(engine)
        engine.dispose()
        with hosted(tmp_path / "state", AKI_DATABASE_URL=url) as running:
            yield running, url


def _lost(load: Load, url: str) -> list[str]:
    """Answers the trail does not know of, or knows differently."""
    engine = open_engine(url)
    trail = AuditTrail(engine, lambda: datetime.now(UTC))
    recorded = {event["hook_instance"]: event["action"] for event in trail.events() if "hook_instance" in event}
    broken = verify(engine)
    engine.dispose()
    assert broken is None
    return [instance for instance, action in load.answered.items() if recorded.get(instance) != action]


def test_workers_killed_under_load_lose_no_audit_line_and_give_no_wrong_answer(
    service: tuple[Hosted, str],
) -> None:
    running, url = service
    load, killed = Load(running), []

    def kill() -> None:
        end = time.monotonic() + LOAD_SECONDS
        while time.monotonic() < end:
            time.sleep(min(LOAD_SECONDS / 4, 20))
            killed.append(running.kill_a_worker())

    load.run(kill)
    print(f"killed {len(killed)}, answered {len(load.answered)}, errors {dict(load.errors)}")
    assert len(killed) >= 3
    assert len(load.answered) > 20
    assert load.wrong == []
    assert _lost(load, url) == []
    assert set(load.errors) <= {"ConnectionError", "ChunkedEncodingError", "ReadTimeout"}  # never a 5xx of ours
    assert requests.get(f"{running.address}/ready", timeout=5).status_code == 200


def test_a_rolling_restart_under_load_fails_no_call(service: tuple[Hosted, str]) -> None:
    import signal

    running, url = service
    load = Load(running)

    def restart() -> None:
        before = set(running.worker_pids())
        time.sleep(0.5)
        os.kill(running.process.pid, signal.SIGHUP)
        end = time.monotonic() + 20
        while before & set(running.worker_pids()) and time.monotonic() < end:
            time.sleep(0.1)
        assert not before & set(running.worker_pids())
        time.sleep(0.5)

    load.run(restart)
    assert load.wrong == []
    assert _lost(load, url) == []
    assert not [name for name in load.errors if name.isdigit()]
    assert load.errors.total() <= CALLERS  # a connection accepted by a leaving worker may be cut


def test_a_database_locked_for_seconds_delays_answers_and_loses_none(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'aki.sqlite3'}"
    with hosted(tmp_path / "state", AKI_DATABASE_URL=url) as running:
        load = Load(running)

        def lock() -> None:
            time.sleep(0.5)
            holder = sqlite3.connect(tmp_path / "aki.sqlite3", isolation_level=None)
            holder.execute("BEGIN IMMEDIATE")
            time.sleep(1.5)
            holder.execute("ROLLBACK")
            holder.close()
            time.sleep(1)

        load.run(lock)
        assert load.wrong == []
        assert load.errors.total() == 0
        assert len(load.answered) > CALLERS
    assert _lost(load, url) == []


def test_a_trail_that_cannot_be_written_withholds_cards_and_recovers(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'aki.sqlite3'}"
    observations = [
        creatinine("c1", 0.8, 60, now=datetime.now(UTC)),
        creatinine("c2", 2.5, 3, now=datetime.now(UTC)),
    ]
    body = hook_body(prefetch=full_prefetch(*observations))
    with hosted(tmp_path / "state", AKI_DATABASE_URL=url) as running:
        assert running.call_hook(body).json()["cards"]
        with sqlite3.connect(tmp_path / "aki.sqlite3") as raw:
            raw.execute(
                "CREATE TRIGGER full BEFORE INSERT ON audit_event BEGIN SELECT RAISE(FAIL, 'disk full'); END"
            )
        raw.close()
        withheld = running.call_hook(body)
        assert withheld.status_code == 500
        assert "cards" not in withheld.json()
        metrics = requests.get(f"{running.address}/metrics", timeout=5).text
        assert "aki_audit_failures_total 1.0" in metrics
        with sqlite3.connect(tmp_path / "aki.sqlite3") as raw:
            raw.execute("DROP TRIGGER full")
        raw.close()
        assert running.call_hook(body).json()["cards"]
