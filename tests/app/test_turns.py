"""Writers take turns, and nobody counts on what is not on the disk yet; on each engine what applies to it."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.exc import IntegrityError

from app.auditing.trail import AuditEvent, AuditFailed, AuditTrail
from app.storage import turns
from app.storage.database import open_engine, upgrade
from app.storage.tables import CdsJtiRow
from app.storage.turns import NotWritten, serialized
from tests.builders.databases import fresh_engine

HOLD_THE_TURN = """
import fcntl, sys
file = open(sys.argv[1], "a")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Engine]:
    with fresh_engine("sqlite", tmp_path) as engine:
        upgrade(engine)
        yield engine


def write(engine: Engine, name: str, clock) -> None:
    with serialized(engine) as connection:
        connection.execute(CdsJtiRow.__table__.insert(), {"jti_hash": name, "expires_at": clock()})


def written(engine: Engine) -> set[str]:
    with engine.connect() as connection:
        return set(connection.scalars(select(CdsJtiRow.jti_hash)))


def beside(engine: Engine, ending: str) -> Path:
    return Path(f"{engine.url.database}{ending}")


def test_serialized_transactions_never_overlap(database: Engine) -> None:
    inside, most, failures = [0], [0], []

    def work() -> None:
        try:
            for _ in range(5):
                with serialized(database):
                    inside[0] += 1
                    most[0] = max(most[0], inside[0])
                    inside[0] -= 1
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most[0], failures) == (1, [])


def test_a_failed_serialized_transaction_leaves_nothing_and_lets_the_next_in(database: Engine, clock) -> None:
    row = {"jti_hash": "a", "expires_at": clock()}

    def write_twice() -> None:
        with serialized(database) as connection:
            connection.execute(CdsJtiRow.__table__.insert(), row)
            connection.execute(CdsJtiRow.__table__.insert(), row)

    with pytest.raises(IntegrityError):
        write_twice()
    with serialized(database) as connection:
        assert connection.execute(select(CdsJtiRow.jti_hash)).all() == []


def test_what_was_committed_is_in_the_log_that_is_put_on_the_disk_before_the_transaction_ends(
    embedded: Engine, clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    synchronised: list[bytes] = []

    def onto_disk(file: int) -> None:
        log = beside(embedded, "-wal")
        assert os.fstat(file).st_ino == log.stat().st_ino
        synchronised.append(log.read_bytes())

    monkeypatch.setattr(turns, "_onto_disk", onto_disk)
    write(embedded, "canary", clock)
    assert [b"canary" in log for log in synchronised] == [True]


def test_while_one_waits_for_the_disk_the_next_has_its_turn(
    embedded: Engine, clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = iter(("first", "second"))
    second = threading.Thread(target=write, args=(embedded, "second", clock))

    def onto_disk(_: int) -> None:
        if next(waits) == "first":
            second.start()
            second.join(20)
            assert written(embedded) == {"first", "second"}

    monkeypatch.setattr(turns, "_onto_disk", onto_disk)
    write(embedded, "first", clock)
    assert not second.is_alive()


def test_a_disk_that_does_not_take_the_line_lets_nothing_be_shown(
    embedded: Engine, clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(turns, "_onto_disk", full)
    with pytest.raises(NotWritten, match="disk"):
        write(embedded, "a", clock)
    with pytest.raises(AuditFailed):
        AuditTrail(embedded, clock).record(AuditEvent("chart-viewed", "stage 1"))


def test_another_process_in_its_turn_is_waited_for_no_longer_than_promised_and_killed_it_holds_up_nobody(
    embedded: Engine, clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "WAIT_SECONDS", 0.05)
    command = [sys.executable, "-c", HOLD_THE_TURN, str(beside(embedded, "-turn"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(NotWritten, match="turn"):
            write(embedded, "too early", clock)
        other.kill()
    write(embedded, "after", clock)
    assert written(embedded) == {"after"}


def test_a_thread_is_waited_for_no_longer_than_promised(
    embedded: Engine, clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "WAIT_SECONDS", 0.05)
    failures: list[Exception] = []

    def too_early() -> None:
        try:
            write(embedded, "too early", clock)
        except NotWritten as failure:
            failures.append(failure)

    with serialized(embedded):
        other = threading.Thread(target=too_early)
        other.start()
        other.join()
    assert len(failures) == 1
    assert written(embedded) == set()


def test_the_file_of_turns_is_its_owners_only(embedded: Engine, clock) -> None:
    write(embedded, "a", clock)
    assert beside(embedded, "-turn").stat().st_mode & 0o077 == 0


def test_a_trail_in_memory_is_none() -> None:
    engine = open_engine("sqlite://")
    with pytest.raises(NotWritten, match="memory"), serialized(engine):
        raise AssertionError("nothing may be written")
    engine.dispose()
