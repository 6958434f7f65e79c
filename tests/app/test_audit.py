"""The audit trail: whole, in order, and telling when it is not."""

import sqlite3
import threading
from pathlib import Path

import pytest
from sqlalchemy import Engine

from app.audit import AuditEvent, AuditFailed, AuditTrail
from app.database import open_engine, upgrade


@pytest.fixture
def database(tmp_path: Path) -> Engine:
    engine = open_engine(f"sqlite:///{tmp_path / 'aki.sqlite3'}")
    upgrade(engine)
    return engine


@pytest.fixture
def trail(database: Engine, clock) -> AuditTrail:
    return AuditTrail(database, clock)


def _view(patient_id: str) -> AuditEvent:
    return AuditEvent("chart-viewed", "Assessment", "local", who="Practitioner/7", patient_id=patient_id)


def test_events_come_back_in_order_and_the_chain_holds(trail: AuditTrail) -> None:
    for number in range(5):
        trail.record(_view(f"p{number}"))
    assert [event["patient_id"] for event in trail.events()] == ["p0", "p1", "p2", "p3", "p4"]
    assert trail.verify() is None


@pytest.mark.parametrize(
    ("attack", "first_wrong"),
    [
        ("UPDATE audit_event SET body = replace(body, 'p2', 'p9') WHERE seq = 3", 3),
        ("DELETE FROM audit_event WHERE seq = 2", 2),
        ("DELETE FROM audit_event WHERE seq = 1", 1),
        ("UPDATE audit_event SET previous_hash = hash WHERE seq = 4", 4),
    ],
)
def test_a_changed_or_missing_line_is_found(trail, tmp_path: Path, attack: str, first_wrong: int) -> None:
    for number in range(5):
        trail.record(_view(f"p{number}"))
    with sqlite3.connect(tmp_path / "aki.sqlite3") as raw:
        raw.execute(attack)
    raw.close()
    assert trail.verify() == first_wrong


def test_many_writers_at_once_make_one_unbroken_chain(trail: AuditTrail) -> None:
    failures: list[Exception] = []

    def write(writer: int) -> None:
        for number in range(10):
            try:
                trail.record(_view(f"w{writer}-{number}"))
            except AuditFailed as error:
                failures.append(error)

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(list(trail.events())) == 80
    assert trail.verify() is None


def test_an_event_that_cannot_be_written_says_so(trail: AuditTrail, database: Engine) -> None:
    with database.begin() as connection:
        connection.exec_driver_sql("DROP TABLE audit_event")
    with pytest.raises(AuditFailed):
        trail.record(_view("p1"))
