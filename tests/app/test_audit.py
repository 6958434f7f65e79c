"""The audit trail on both engines: whole, in order, held by anchors, and telling when it is not."""

import threading
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, text

from app.auditing.anchors import AnchorFileUnreadable, ChainBreak, anchor_now, purge_before, verify
from app.auditing.trail import AuditEvent, AuditFailed, AuditTrail
from app.storage.database import open_engine, upgrade


@pytest.fixture
def trail(database: Engine, clock) -> AuditTrail:
    return AuditTrail(database, clock)


@pytest.fixture
def anchor_file(tmp_path: Path) -> Path:
    return tmp_path / "elsewhere" / "anchors.ndjson"


def _view(patient_id: str) -> AuditEvent:
    return AuditEvent("chart-viewed", "Assessment", "local", who="Practitioner/7", patient_id=patient_id)


def _fill(trail: AuditTrail, count: int, start: int = 0) -> None:
    for number in range(start, start + count):
        trail.record(_view(f"p{number}"))


def _run(database: Engine, *statements: str) -> None:
    with database.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def test_events_come_back_in_order_and_the_chain_holds(trail: AuditTrail, database: Engine) -> None:
    _fill(trail, 5)
    assert [event["patient_id"] for event in trail.events()] == ["p0", "p1", "p2", "p3", "p4"]
    assert verify(database) is None


def test_events_of_a_period_are_asked_for_by_time(trail: AuditTrail, clock) -> None:
    _fill(trail, 1)
    clock.advance(hours=1)
    middle = clock()
    _fill(trail, 1, 1)
    clock.advance(hours=1)
    _fill(trail, 1, 2)
    found = trail.events(since=middle, until=clock())
    assert [event["patient_id"] for event in found] == ["p1"]


@pytest.mark.parametrize(
    ("attack", "broken"),
    [
        ("UPDATE audit_event SET body = replace(body, 'p2', 'p9') WHERE seq = 3", ChainBreak(3, "line-changed")),
        ("DELETE FROM audit_event WHERE seq = 2", ChainBreak(2, "line-missing")),
        ("DELETE FROM audit_event WHERE seq = 1", ChainBreak(1, "line-missing")),
        ("UPDATE audit_event SET previous_hash = hash WHERE seq = 4", ChainBreak(4, "chain-broken")),
        ("UPDATE audit_event SET at = '2020-01-01 00:00:00' WHERE seq = 2", ChainBreak(2, "time-changed")),
    ],
)
def test_a_changed_or_missing_line_is_found_and_named(
    trail: AuditTrail, database: Engine, attack: str, broken: ChainBreak
) -> None:
    _fill(trail, 5)
    _run(database, attack)
    assert verify(database) == broken


def test_a_cut_off_end_is_found_by_the_anchor_and_not_without(trail: AuditTrail, database: Engine, clock) -> None:
    _fill(trail, 5)
    anchor_now(database, clock(), None)
    _run(database, "DELETE FROM audit_event WHERE seq > 3")
    assert verify(database) == ChainBreak(4, "end-cut-off")
    _run(database, "DELETE FROM audit_anchor")
    assert verify(database) is None


def test_an_emptied_trail_is_found_by_its_anchor(trail: AuditTrail, database: Engine, clock) -> None:
    _fill(trail, 2)
    anchor_now(database, clock(), None)
    _run(database, "DELETE FROM audit_event")
    assert verify(database) == ChainBreak(1, "end-cut-off")


def test_a_trail_written_anew_with_its_anchors_is_found_by_the_anchor_file(
    trail: AuditTrail, database: Engine, clock, anchor_file: Path
) -> None:
    _fill(trail, 3)
    anchor_now(database, clock(), anchor_file)
    _run(database, "DELETE FROM audit_event", "DELETE FROM audit_anchor")
    _fill(trail, 3, start=5)
    anchor_now(database, clock(), None)
    assert verify(database) is None
    assert verify(database, anchor_file) == ChainBreak(3, "differs-from-anchor")


def test_the_anchor_file_is_its_owners_and_one_line_a_held_place(
    trail: AuditTrail, database: Engine, clock, anchor_file: Path
) -> None:
    assert anchor_now(database, clock(), anchor_file) is None
    for _ in range(2):
        _fill(trail, 1)
        assert anchor_now(database, clock(), anchor_file) is not None
        assert anchor_now(database, clock(), anchor_file) is None
    assert len(anchor_file.read_text().splitlines()) == 2
    assert anchor_file.stat().st_mode & 0o077 == 0
    anchor_file.write_text("no anchor\n")
    with pytest.raises(AnchorFileUnreadable):
        verify(database, anchor_file)


def test_what_is_old_enough_goes_and_the_rest_still_verifies(
    trail: AuditTrail, database: Engine, clock, anchor_file: Path
) -> None:
    _fill(trail, 3)
    anchor_now(database, clock(), anchor_file)
    clock.advance(days=10)
    _fill(trail, 2, start=3)
    assert purge_before(database, clock() - timedelta(days=5), now=clock(), who="cli:root") == 3
    assert verify(database, anchor_file) is None
    left = list(trail.events())
    assert [event["action"] for event in left] == ["chart-viewed", "chart-viewed", "trail-purged"]
    assert (left[-1]["who"], left[-1]["outcome"].partition(":")[0]) == ("cli:root", "3")
    assert purge_before(database, clock() - timedelta(days=5), now=clock(), who="cli:root") == 0


def test_a_trail_may_be_purged_to_its_own_purge_and_purged_again(trail, database: Engine, clock) -> None:
    for _ in range(3):
        _fill(trail, 2)
        clock.advance(days=1)
        assert purge_before(database, clock(), now=clock(), who="cli") >= 2
        assert verify(database) is None


def test_a_start_cut_off_under_a_made_up_purge_is_found(trail: AuditTrail, database: Engine) -> None:
    _fill(trail, 4)
    _run(
        database,
        "INSERT INTO audit_anchor SELECT seq, 'purged', hash, at FROM audit_event WHERE seq = 2",
        "DELETE FROM audit_event WHERE seq <= 2",
    )
    assert verify(database) == ChainBreak(3, "start-cut-off")


def test_a_clock_that_jumped_back_lets_no_younger_line_go(trail: AuditTrail, database: Engine, clock) -> None:
    _fill(trail, 2)
    clock.advance(days=-400)
    _fill(trail, 1, start=2)
    clock.advance(days=400)
    assert purge_before(database, clock() - timedelta(days=30), now=clock(), who="cli") == 0
    assert len(list(trail.events())) == 3
    assert verify(database) is None


def test_many_writers_at_once_make_one_unbroken_chain(trail: AuditTrail, database: Engine) -> None:
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
    assert verify(database) is None


def test_an_event_that_cannot_be_written_says_so_and_is_counted(database: Engine, clock) -> None:
    counted: list[None] = []
    trail = AuditTrail(database, clock, on_failure=lambda: counted.append(None))
    _run(database, "DROP TABLE audit_event")
    with pytest.raises(AuditFailed):
        trail.record(_view("p1"))
    assert len(counted) == 1


def test_what_is_written_beside_an_event_stands_and_falls_with_it(trail: AuditTrail, database: Engine) -> None:
    def fails(connection: Connection) -> None:
        connection.execute(text("INSERT INTO no_such_table VALUES (1)"))

    with pytest.raises(AuditFailed):
        trail.record(_view("p1"), beside=fails)
    assert list(trail.events()) == []
    trail.record(_view("p1"), beside=lambda connection: connection.execute(text("DELETE FROM cds_jti")))
    assert [event["patient_id"] for event in trail.events()] == ["p1"]


def test_a_full_disk_fails_the_audit_and_space_mends_it(tmp_path: Path, clock) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'aki.sqlite3'}")
    upgrade(engine)
    with engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()

    def limit(raw: object, _: object) -> None:
        raw.execute(f"PRAGMA max_page_count = {pages}")  # type: ignore[attr-defined]  # SQLite then says "disk is full"

    from sqlalchemy import event as sqlalchemy_event

    engine.dispose()
    sqlalchemy_event.listen(engine, "connect", limit)
    trail = AuditTrail(engine, clock)
    written = 0

    def write_on() -> None:
        nonlocal written
        for number in range(1000):
            trail.record(_view(f"p{number}" * 20))
            written += 1

    with pytest.raises(AuditFailed):
        write_on()
    sqlalchemy_event.remove(engine, "connect", limit)
    engine.dispose()
    trail.record(_view("after"))
    assert len(list(trail.events())) == written + 1
    assert verify(engine) is None
    engine.dispose()


def test_a_readonly_database_fails_the_audit(tmp_path: Path, clock, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    engine = open_engine(f"sqlite:///{tmp_path / 'aki.sqlite3'}")
    upgrade(engine)
    engine.dispose()
    readonly = open_engine(f"sqlite:///file:{tmp_path / 'aki.sqlite3'}?mode=ro&uri=true")
    with pytest.raises(AuditFailed):
        AuditTrail(readonly, clock).record(_view("p1"))
    readonly.dispose()
    assert not (tmp_path / "file:").exists()
