"""The database on both engines: the code's own tables, safe ways in, and migrations that lose nothing."""

import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect, select, text
from sqlalchemy.exc import OperationalError

from app.auditing.anchors import anchor_now, verify
from app.auditing.trail import AuditEvent, AuditTrail
from app.storage.database import (
    downgrade,
    known_revisions,
    open_engine,
    schema_problem,
    schema_revision,
    upgrade,
)
from app.storage.encryption import SealedBox
from app.storage.signing_keys import StoredKeys
from app.storage.tables import Base, CdsJtiRow
from launch.keys import new_key, successor
from tests.builders.databases import ENGINES, fresh_engine
from tests.builders.filled_tables import fill_tables, rows_of, shared
from tests.builders.registrations import MASTER_KEY


@pytest.fixture(params=ENGINES)
def empty(request: pytest.FixtureRequest, tmp_path: Path):
    with fresh_engine(request.param, tmp_path) as engine:
        yield engine


def test_the_migrations_build_exactly_the_tables_of_the_code(database: Engine) -> None:
    with database.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    assert schema_problem(database) is None


def test_an_empty_database_is_not_current(empty: Engine) -> None:
    assert "aki db upgrade" in (schema_problem(empty) or "")
    assert schema_revision(empty) is None


def test_upgrading_twice_changes_nothing(database: Engine) -> None:
    upgrade(database)
    assert schema_problem(database) is None


def test_every_migration_goes_up_and_down_again_and_leaves_no_table(empty: Engine) -> None:
    oldest_first = known_revisions()[::-1]
    for revision in oldest_first:
        upgrade(empty, revision)
        assert schema_revision(empty) == revision
    for revision in [*known_revisions()[1:], "base"]:
        downgrade(empty, revision)
    assert set(inspect(empty).get_table_names()) <= {"alembic_version"}


def test_an_older_releases_data_survives_the_way_up_and_back(empty: Engine, clock) -> None:
    """Upgrade and rollback guide of docs/operations.md: old release's database -> this release -> old release."""
    upgrade(empty, known_revisions()[-1])
    box, trail = SealedBox([MASTER_KEY]), AuditTrail(empty, clock)
    key = new_key("ES384")
    kid = str(key.jwk["kid"])
    stored = {
        "kid": kid,
        "sealed": box.seal(msgspec.json.encode(dict(key.jwk)), context=f"signing_key/{kid}"),
        "at": clock() if empty.dialect.name == "postgresql" else "2026-01-01 00:00:00",
    }
    with empty.begin() as connection:
        columns, values = "kid, alg, active, sealed, created_at", ":kid, 'ES384', 1, :sealed, :at"
        connection.execute(text(f"INSERT INTO signing_key ({columns}) VALUES ({values})"), stored)  # noqa: S608
    for number in range(3):
        trail.record(AuditEvent("chart-viewed", "Assessment", "local", patient_id=f"p{number}"))

    upgrade(empty)
    assert verify(empty) is None
    assert [dict(stored.jwk) for stored in StoredKeys(empty, box, clock).load()] == [dict(key.jwk)]
    trail.record(AuditEvent("chart-viewed", "Assessment", "local", patient_id="p3"))
    anchor_now(empty, clock(), None)

    downgrade(empty, known_revisions()[-1])
    assert [event["patient_id"] for event in trail.events()] == ["p0", "p1", "p2", "p3"]
    upgrade(empty)
    assert verify(empty) is None


def test_every_table_keeps_its_rows_through_every_migration_up_and_down(empty: Engine) -> None:
    for revision in known_revisions()[::-1]:
        before = rows_of(empty)
        upgrade(empty, revision)
        after = rows_of(empty)
        assert set(before) <= set(after)
        assert shared(after, before) == shared(before, after), revision
        fill_tables(empty, 1, but=[name for name, rows in after.items() if rows])
    assert set(rows_of(empty)) == set(Base.metadata.tables)
    fill_tables(empty, 2)
    for revision in known_revisions()[1:]:
        before = rows_of(empty)
        downgrade(empty, revision)
        after = rows_of(empty)
        assert shared(after, before) == shared(before, after), revision
    before = rows_of(empty)
    upgrade(empty)
    assert shared(rows_of(empty), before) == shared(before, rows_of(empty))


def test_an_older_release_goes_on_signing_with_the_key_that_signs_now(empty: Engine, clock) -> None:
    """Also where the first key was retired, and not with the next one, which no EHR may have fetched yet."""
    upgrade(empty)
    keys, now = StoredKeys(empty, SealedBox([MASTER_KEY]), clock), datetime.now(UTC)
    keys.add(replace(new_key("ES384"), signs_from=now - timedelta(days=2)))
    keys.add(current := successor(keys.load(), "ES384", signs_from=now - timedelta(days=1)))
    keys.add(successor(keys.load(), "ES384", signs_from=now + timedelta(days=1)))
    keys.remove(keys.load()[0].kid)
    downgrade(empty, "0002")
    with empty.connect() as connection:
        signing = connection.execute(text("SELECT kid FROM signing_key WHERE active = 1")).scalars().all()
    assert signing == [current.kid]


def test_sqlite_waits_for_a_lock_keeps_foreign_keys_and_a_write_ahead_log(tmp_path: Path) -> None:
    with fresh_engine("sqlite", tmp_path) as engine, engine.connect() as connection:
        found = {
            pragma: connection.exec_driver_sql(f"PRAGMA {pragma}").scalar()
            for pragma in ("journal_mode", "busy_timeout", "foreign_keys", "synchronous", "secure_delete")
        }
    assert found == {
        "journal_mode": "wal",
        "busy_timeout": 5000,
        "foreign_keys": 1,
        "synchronous": 1,
        "secure_delete": 1,
    }


def test_times_come_back_in_utc_and_a_time_without_zone_is_refused(database: Engine, clock) -> None:
    from datetime import timezone

    from sqlalchemy.exc import StatementError

    local = datetime(2026, 3, 29, 14, 30, tzinfo=timezone(timedelta(hours=2)))
    with database.begin() as connection:
        connection.execute(CdsJtiRow.__table__.insert(), {"jti_hash": "a", "expires_at": local})
        stored = connection.scalar(select(CdsJtiRow.expires_at))
    assert stored == local
    assert stored.utcoffset() == timedelta(0)
    with pytest.raises(StatementError), database.begin() as connection:
        connection.execute(CdsJtiRow.__table__.insert(), {"jti_hash": "b", "expires_at": datetime(2026, 3, 29)})  # noqa: DTZ001


def test_a_database_that_is_down_is_an_error_in_seconds_not_a_hang() -> None:
    engine = open_engine("postgresql+psycopg://aki@127.0.0.1:9/aki")
    with pytest.raises(OperationalError):
        schema_problem(engine)
    engine.dispose()


def test_a_locked_sqlite_file_fails_the_audit_instead_of_hanging(tmp_path: Path, clock, monkeypatch) -> None:
    from app.auditing.trail import AuditFailed

    monkeypatch.setattr("app.storage.database._BUSY_TIMEOUT_MS", 50)
    with fresh_engine("sqlite", tmp_path) as engine:
        upgrade(engine)
        engine.dispose()
        holder = sqlite3.connect(tmp_path / "aki.sqlite3", isolation_level=None)
        holder.execute("BEGIN EXCLUSIVE")
        with pytest.raises(AuditFailed):
            AuditTrail(engine, clock).record(AuditEvent("chart-viewed", "Assessment", "local"))
        holder.close()
        AuditTrail(engine, clock).record(AuditEvent("chart-viewed", "Assessment", "local"))


def test_a_page_says_that_the_database_is_away_and_an_exception_quotes_no_row(tmp_path: Path, clock) -> None:
    from app.factory import create_app
    from app.services import open_services
    from tests.builders.registrations import ehr_table, local_ehrs, settings_for

    services = open_services(settings_for(tmp_path), ehrs=local_ehrs(ehr_table("http://127.0.0.1:9")), clock=clock)
    client = create_app(services=services).test_client()
    with services.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE launch_session")
    answer = client.get("/p/0123456789abcdef01234567/", headers={"Accept": "application/json"})
    assert answer.status_code == 503
    assert answer.json["issue"][0]["details"]["coding"][0]["code"] == "database-unavailable"
    with pytest.raises(OperationalError) as caught, services.engine.begin() as connection:
        connection.execute(text("INSERT INTO launch_session VALUES (:a)"), {"a": "canary"})
    assert "canary" not in str(caught.value)
    services.engine.dispose()
