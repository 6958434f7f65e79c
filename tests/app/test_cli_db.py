"""`aki db` and `aki audit` as the operator runs them, on a SQLite installation and on PostgreSQL."""

import json
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from app.auditing.anchors import verify
from app.auditing.trail import AuditEvent, AuditTrail
from app.configured.problems import ConfigurationError
from app.services import open_services
from app.storage.backup import BackupRefused, back_up
from app.storage.database import known_revisions, open_engine, schema_revision, upgrade
from app.storage.encryption import SealedBox
from app.storage.signing_keys import StoredKeys
from app.storage.tables import AuditEventRow
from launch.keys import new_key
from tests.builders.commands import Aki
from tests.builders.filled_tables import fill_tables, rows_of
from tests.builders.registrations import MASTER_KEY, ehr_table, local_ehrs, settings_for


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
