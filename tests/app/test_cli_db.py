"""`aki db`, `aki jobs` and `aki audit` as the operator runs them, on a SQLite installation and on PostgreSQL."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine, select, text

from app.auditing.anchors import verify
from app.auditing.trail import AuditEvent, AuditTrail
from app.cds.replay import UsedJwtIds
from app.cli import main
from app.configured.problems import ConfigurationError
from app.jobs import JobsHeld, Retention, give_lease_back, last_finished_at, run_jobs, take_lease
from app.services import open_services
from app.storage.backup import BackupRefused, back_up
from app.storage.database import known_revisions, open_engine, schema_revision, upgrade
from app.storage.encryption import SealedBox
from app.storage.signing_keys import StoredKeys
from app.storage.tables import AuditEventRow, CdsCardRow, CdsFeedbackRow, CdsJtiRow, PredictionRow
from launch.keys import new_key
from tests.builders.databases import ENGINES, fresh_database_url
from tests.builders.filled_tables import fill_tables, rows_of
from tests.builders.registrations import MASTER_KEY, ehr_table, local_ehrs, settings_for

Aki = Callable[..., Result]
RETENTION = Retention.of(idle_minutes=15, audit_years=6, card_days=730, prediction_days=730)


@pytest.fixture(params=ENGINES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with fresh_database_url(request.param, tmp_path) as url:
        yield url


@pytest.fixture
def aki(database_url: str, tmp_path: Path) -> Aki:
    """Run a command in an installation of its own."""
    registry = tmp_path / "ehrs.toml"
    registry.write_text('[[ehr]]\nid = "r"\nname = "R"\niss = "https://ehr.example.org/fhir"\nclient_id = "aki"\n')
    environment = {
        "AKI_PUBLIC_URL": "https://aki.example.org",
        "AKI_MASTER_KEY": MASTER_KEY,
        "AKI_EHRS_FILE": str(registry),
        "AKI_STATE_DIR": str(tmp_path / "state"),
        "AKI_DATABASE_URL": database_url,
    }

    def run(*arguments: str, **changes: str) -> Result:
        return CliRunner().invoke(main, arguments, env=environment | changes)

    return run


@pytest.fixture
def prepared(aki: Aki, database_url: str) -> Iterator[Engine]:
    """The installation's database after `aki db upgrade`."""
    result = aki("db", "upgrade")
    assert result.exit_code == 0, result.output
    engine = open_engine(database_url)
    yield engine
    engine.dispose()


def _only_sqlite(engine: Engine) -> None:
    if engine.dialect.name != "sqlite":
        pytest.skip("backup and restore of PostgreSQL are pg_dump's")


def _view(patient_id: str) -> AuditEvent:
    return AuditEvent("chart-viewed", "Assessment", "r", who="Practitioner/7", patient_id=patient_id)


def test_an_upgrade_is_written_down_once(aki: Aki, prepared: Engine, clock) -> None:
    assert aki("db", "upgrade").exit_code == 0
    (event,) = AuditTrail(prepared, clock).events()
    assert (event["action"], event["outcome"]) == ("database-changed", "upgraded")
    assert event["who"].startswith("cli:")
    assert event["reference"] == f"empty->{known_revisions()[0]}"


def test_a_schema_goes_back_for_the_older_release_and_forth_again(aki: Aki, prepared: Engine) -> None:
    assert aki("db", "downgrade", "9999").exit_code == 2
    assert aki("db", "downgrade", "0001").exit_code == 0
    assert schema_revision(prepared) == "0001"
    assert "aki db upgrade" in aki("db", "check").output
    assert aki("db", "upgrade").exit_code == 0
    assert aki("db", "check").exit_code == 0


def test_an_upgrade_says_which_revision_leads_back(aki: Aki, prepared: Engine) -> None:
    aki("db", "downgrade", "0004")
    assert "aki db downgrade 0004 leads back" in aki("db", "upgrade").output
    assert "leads back" not in aki("db", "upgrade").output


def test_the_database_of_a_newer_release_is_named_and_left_alone(
    aki: Aki, prepared: Engine, tmp_path: Path, database_url: str
) -> None:
    with prepared.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for command in (("db", "upgrade"), ("db", "check"), ("jobs", "run")):
        refused = aki(*command)
        assert refused.exit_code == 1
        assert "newer release" in refused.output
        assert "aki db upgrade" not in refused.output
    with pytest.raises(ConfigurationError, match="newer release"):
        open_services(settings_for(tmp_path, database_url=database_url), ehrs=local_ehrs(ehr_table("http://x")))
    assert schema_revision(prepared) == "9999"


def test_a_well_database_is_called_well(aki: Aki, prepared: Engine, clock) -> None:
    StoredKeys(prepared, SealedBox([MASTER_KEY]), clock).add(new_key("ES384"))
    AuditTrail(prepared, clock).record(_view("p1"))
    result = aki("db", "check", "--json")
    assert (result.exit_code, json.loads(result.output)) == (0, {"ok": True, "problems": []})


def test_check_names_a_lost_master_key_and_a_changed_line_at_once(aki: Aki, prepared: Engine, clock) -> None:
    StoredKeys(prepared, SealedBox([MASTER_KEY]), clock).add(new_key("ES384"))
    AuditTrail(prepared, clock).record(_view("p1"))
    with prepared.begin() as connection:
        connection.exec_driver_sql("UPDATE audit_event SET body = replace(body, 'p1', 'p2')")
    result = aki("db", "check", "--json", AKI_MASTER_KEY="another key that is long enough to be one")
    assert result.exit_code == 1
    problems = json.loads(result.output)["problems"]
    assert [problem.partition(":")[0] for problem in problems] == ["audit trail", "signing_key"]
    assert "aki keys reseal" in problems[1]


def test_a_restored_backup_passes_check_and_says_so_in_the_trail(
    aki: Aki, prepared: Engine, clock, tmp_path: Path
) -> None:
    _only_sqlite(prepared)
    trail, copy = AuditTrail(prepared, clock), tmp_path / "copy.sqlite3"
    StoredKeys(prepared, SealedBox([MASTER_KEY]), clock).add(new_key("ES384"))
    trail.record(_view("before"))
    assert aki("db", "backup", str(copy)).exit_code == 0
    assert copy.stat().st_mode & 0o077 == 0
    trail.record(_view("after"))
    assert aki("jobs", "run").exit_code == 0
    prepared.dispose()

    result = aki("db", "restore", str(copy), "--yes")
    assert result.exit_code == 0, result.output
    assert aki("db", "check").exit_code == 0, aki("db", "check").output
    events = list(trail.events())
    assert "after" not in {event.get("patient_id") for event in events}
    assert events[-1]["outcome"] == "restored"
    assert "anchors set aside: 1" in events[-1]["reference"]
    (kept,) = tmp_path.glob("aki.sqlite3.before-restore-*")
    with sqlite3.connect(kept) as before:
        assert before.execute("SELECT count(*) FROM audit_event WHERE body LIKE '%after%'").fetchone() == (1,)
    before.close()


def test_a_restored_backup_has_every_row_of_every_table_again(aki: Aki, prepared: Engine, tmp_path: Path) -> None:
    _only_sqlite(prepared)
    fill_tables(prepared, 1, but=("audit_event", "audit_anchor"))  # the command writes into the trail itself
    kept, copy = rows_of(prepared), tmp_path / "100 % copied?.sqlite3"
    assert aki("db", "backup", str(copy)).exit_code == 0
    with prepared.begin() as connection:
        for name in kept:
            connection.exec_driver_sql(f"DELETE FROM {name}")  # noqa: S608
    prepared.dispose()
    assert aki("db", "restore", str(copy), "--yes").exit_code == 0
    restored = rows_of(prepared)
    assert {name: rows for name, rows in restored.items() if name != "audit_event"} == {
        name: rows for name, rows in kept.items() if name != "audit_event"
    }


def test_a_backup_taken_while_others_write_is_consistent(
    aki: Aki, prepared: Engine, clock, tmp_path: Path
) -> None:
    import threading

    _only_sqlite(prepared)
    trail, stop = AuditTrail(prepared, clock), threading.Event()

    def write() -> None:
        while not stop.is_set():
            trail.record(_view("p"))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(3):
            assert back_up(prepared, tmp_path / f"{number}.sqlite3") > 0
    finally:
        stop.set()
        writer.join()
    for number in range(3):
        copy = open_engine(f"sqlite:///{tmp_path / f'{number}.sqlite3'}")
        assert verify(copy) is None
        copy.dispose()


def test_a_backup_never_writes_over_a_file(prepared: Engine, tmp_path: Path) -> None:
    _only_sqlite(prepared)
    target = tmp_path / "precious"
    target.write_text("kept")
    with pytest.raises(BackupRefused):
        back_up(prepared, target)
    assert target.read_text() == "kept"
    assert not list(tmp_path.glob(".*.part"))


@pytest.mark.parametrize("content", [b"", b"not a database", b"SQLite format 3\x00 but cut off"])
def test_what_is_no_whole_backup_of_ours_is_refused_and_nothing_changes(
    aki: Aki, prepared: Engine, tmp_path: Path, content: bytes
) -> None:
    _only_sqlite(prepared)
    bad = tmp_path / "bad"
    bad.write_bytes(content)
    for source in (bad, tmp_path / "missing"):
        result = aki("db", "restore", str(source), "--yes")
        assert result.exit_code == 1
        assert "Nothing was changed" in result.output
    assert aki("db", "check").exit_code == 0


def test_a_backup_of_a_newer_release_is_refused(aki: Aki, prepared: Engine, tmp_path: Path) -> None:
    _only_sqlite(prepared)
    copy = tmp_path / "copy"
    back_up(prepared, copy)
    with sqlite3.connect(copy) as newer:
        newer.execute("UPDATE alembic_version SET version_num = '9999'")
    newer.close()
    assert "newer release" in aki("db", "restore", str(copy), "--yes").output


def test_postgresql_is_told_to_use_pg_dump(aki: Aki, prepared: Engine, tmp_path: Path) -> None:
    if prepared.dialect.name == "sqlite":
        pytest.skip("about PostgreSQL")
    result = aki("db", "backup", str(tmp_path / "x"))
    assert result.exit_code == 1
    assert "pg_dump" in result.output


def test_jobs_destroy_what_expired_and_write_it_down(database: Engine, clock, tmp_path: Path) -> None:
    used = UsedJwtIds(database, clock)
    used.remember("iss", "old", clock() + timedelta(minutes=1))
    used.remember("iss", "new", clock() + timedelta(hours=2))
    AuditTrail(database, clock).record(_view("p1"))
    clock.advance(hours=1, minutes=1)
    done = run_jobs(database, clock, RETENTION, anchor_file=tmp_path / "anchors")
    assert (done.sessions, done.pending_launches, done.jwt_ids, done.audit_events) == (0, 0, 1, 0)
    assert done.anchor is not None
    assert done.anchor.seq == 2
    with database.connect() as connection:
        assert len(connection.execute(select(CdsJtiRow)).all()) == 1
    last = list(AuditTrail(database, clock).events())[-1]
    assert last["outcome"] == "sessions=0,pending=0,jti=1,audit=0,cards=0,feedback=0,predictions=0"
    assert last_finished_at(database) == clock()


def test_jobs_let_go_of_audit_lines_older_than_the_retention_and_verify_still_holds(
    database: Engine, clock, tmp_path: Path
) -> None:
    trail, anchors = AuditTrail(database, clock), tmp_path / "anchors"
    trail.record(_view("old"))
    run_jobs(database, clock, RETENTION, anchor_file=anchors)
    clock.advance(days=6 * 366)
    trail.record(_view("new"))
    assert run_jobs(database, clock, RETENTION, anchor_file=anchors).audit_events == 2
    assert verify(database, anchors) is None
    assert "old" not in {event.get("patient_id") for event in trail.events()}
    run_jobs(database, clock, RETENTION, anchor_file=anchors)
    assert verify(database, anchors) is None


def test_jobs_let_go_of_old_predictions_and_judge_last(database: Engine, clock) -> None:
    kept = {"ehr_id": "local", "patient_ref": "r", "landmark_at": clock(), "head": "onset", "probability": 0.1}
    kept |= {"category": "low", "model_sha256": "a", "mode": "live", "channel": "page", "outcome": "pending"}
    with database.begin() as connection:
        dated = ((f"{day}", clock() + timedelta(days=day)) for day in (0, 1))
        rows = [{**kept, "id": name, "predicted_at": at, "refused_units": 0} for name, at in dated]
        connection.execute(PredictionRow.__table__.insert(), rows)
    clock.advance(days=730)
    left: list[int] = []

    def judge() -> None:
        with database.connect() as connection:
            left.append(len(connection.execute(select(PredictionRow)).all()))

    assert run_jobs(database, clock, RETENTION, anchor_file=None, judge=judge).predictions == 1
    assert left == [1]


def test_jobs_let_go_of_old_cards_and_of_what_became_of_them(database: Engine, clock) -> None:
    card = {"ehr_id": "local", "service_id": "aki-patient-view", "patient_ref": "r", "at": clock()}
    told = {"ehr_id": "local", "service_id": "aki-patient-view", "card_uuid": "a", "outcome": "accepted"}
    told |= {"outcome_at": clock(), "received_at": clock(), "matched": True, "suggestions": ""}
    young = clock() + timedelta(days=1)
    with database.begin() as connection:
        connection.execute(
            CdsCardRow.__table__.insert(), [{**card, "uuid": "a"}, {**card, "uuid": "b", "at": young}]
        )
        feedback = [{**told, "id": "a"}, {**told, "id": "b", "received_at": young}]
        connection.execute(CdsFeedbackRow.__table__.insert(), feedback)
    clock.advance(days=730)
    done = run_jobs(database, clock, RETENTION, anchor_file=None)
    assert (done.cards, done.feedback) == (1, 1)
    with database.connect() as connection:
        assert connection.scalars(select(CdsCardRow.uuid)).all() == ["b"]
        assert connection.scalars(select(CdsFeedbackRow.id)).all() == ["b"]


def test_of_two_schedulers_one_works_and_a_dead_ones_lease_runs_out(database: Engine, clock) -> None:
    assert take_lease(database, "first", clock())
    assert not take_lease(database, "second", clock())
    with pytest.raises(JobsHeld):
        run_jobs(database, clock, RETENTION, anchor_file=None)
    clock.advance(minutes=31)
    assert take_lease(database, "second", clock())
    give_lease_back(database, "first", clock(), clock())  # the dead one wakes up: not its lease any more
    assert not take_lease(database, "third", clock())
    give_lease_back(database, "second", clock(), None)
    assert last_finished_at(database) is None
    run_jobs(database, clock, RETENTION, anchor_file=None)


def test_failed_jobs_give_the_lease_back_and_do_not_count_as_finished(database: Engine, clock) -> None:
    with database.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE audit_event RENAME TO gone")
    with pytest.raises(Exception, match="audit_event"):
        run_jobs(database, clock, RETENTION, anchor_file=None)
    with database.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE gone RENAME TO audit_event")
    assert last_finished_at(database) is None
    assert run_jobs(database, clock, RETENTION, anchor_file=None)


def test_the_jobs_command_prints_the_anchor_for_the_schedules_own_log(aki: Aki, prepared: Engine) -> None:
    first = json.loads(aki("jobs", "run", "--json").output)
    assert first["ran"] is True
    assert len(first["anchor"]["hash"]) == 64
    take_lease(prepared, "somebody", datetime.now(UTC))
    held = aki("jobs", "run", "--json")
    assert (held.exit_code, json.loads(held.output)) == (0, {"ran": False})


def test_a_cut_off_end_is_found_by_the_command(aki: Aki, prepared: Engine, clock) -> None:
    AuditTrail(prepared, clock).record(_view("p1"))
    assert aki("jobs", "run").exit_code == 0
    assert aki("audit", "verify").exit_code == 0
    with prepared.begin() as connection:
        connection.execute(AuditEventRow.__table__.delete().where(AuditEventRow.seq > 1))
        connection.exec_driver_sql("DELETE FROM audit_anchor")
    result = aki("audit", "verify", "--json")
    assert result.exit_code == 1
    assert json.loads(result.output) == {"ok": False, "anchors": True, "line": 2, "reason": "end-cut-off"}


def test_a_prepared_database_needs_no_upgrade_of_the_older_release(prepared: Engine) -> None:
    upgrade(prepared)
    assert schema_revision(prepared) == known_revisions()[0]
