"""A database that cannot be used: cause and cure in words, at the start and in commands, with no traceback."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from app.storage.failures import cause_of
from app.storage.turns import NotWritten
from tests.builders.commands import Aki
from tests.builders.registrations import MASTER_KEY

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("said", "meaning"),
    [
        ("database is locked", "another program holds it locked"),
        ("canceling statement due to lock timeout", "another program holds it locked"),
        ("database or disk is full", "the disk is full"),
        ('could not extend file: No space left on device "canary"', "the disk is full"),
        ("attempt to write a readonly database", "may not write it"),
        ("cannot execute INSERT in a read-only transaction", "does not take writes"),
        ("unable to open database file", "cannot be opened"),
        ("file is not a database", "aki db restore"),
        ("database disk image is malformed", "aki db restore"),
        ('connection failed: FATAL: password authentication failed for user "canary"', "refuses this user"),
        ('connection failed: FATAL: database "canary" does not exist', "no such database"),
        ('connection to server at "canary" failed: Connection refused', "the server does not answer"),
        ("canary", "OperationalError"),
    ],
)
def test_what_the_driver_says_becomes_cause_and_cure_and_is_not_quoted(said: str, meaning: str) -> None:
    told = cause_of(OperationalError("SELECT canary", {}, Exception(said)))
    assert meaning in told
    assert "canary" not in told


def test_a_disk_that_takes_no_more_is_named_by_the_systems_own_word() -> None:
    failed = NotWritten("the disk did not take the write-ahead log")
    failed.__cause__ = OSError(28, "canary")
    assert cause_of(failed) == cause_of(failed.__cause__) == "No space left on device"


def test_a_locked_database_is_called_locked_by_the_jobs_and_by_the_check(
    aki: Aki, prepared: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    if prepared.dialect.name != "sqlite":
        pytest.skip("PostgreSQL locks rows and tables, not the database")
    monkeypatch.setattr("app.storage.database._BUSY_TIMEOUT_MS", 1)
    with sqlite3.connect(str(prepared.url.database), isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        for command in (("jobs", "run"), ("db", "check")):
            refused = aki(*command)
            assert refused.exit_code == 1
            assert "another program holds it locked" in refused.output
    other.close()


def test_a_disk_all_but_full_is_found_by_the_check(
    aki: Aki, prepared: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    if prepared.dialect.name != "sqlite":
        pytest.skip("the disk of PostgreSQL is its administrator's")
    monkeypatch.setattr("app.storage.failures.shutil.disk_usage", lambda _: SimpleNamespace(free=1_000_000))
    refused = aki("db", "check")
    assert refused.exit_code == 1
    assert "disk: less than 16 MB are free" in refused.output


def test_the_server_does_not_start_on_a_database_that_is_none_and_says_why_without_a_traceback(
    tmp_path: Path,
) -> None:
    (tmp_path / "aki.sqlite3").write_bytes(b"no database at all, canary" * 100)
    started = _start(tmp_path, AKI_STATE_DIR=str(tmp_path))
    assert started.returncode != 0
    assert "AKI_STATE_DIR: the file is no database" in started.stderr
    assert "Traceback" not in started.stderr + started.stdout


def test_the_server_does_not_start_without_its_postgresql_and_shows_no_password(tmp_path: Path) -> None:
    url = "postgresql://aki:canary@127.0.0.1:9/aki"
    started = _start(tmp_path, AKI_STATE_DIR=str(tmp_path), AKI_DATABASE_URL=url)
    assert started.returncode != 0
    assert "AKI_DATABASE_URL: the server does not answer" in started.stderr
    assert "canary" not in started.stderr + started.stdout
    assert "Traceback" not in started.stderr


def test_a_state_folder_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    started = _start(tmp_path, AKI_STATE_DIR=str(tmp_path / "file"))
    assert started.returncode != 0
    assert "AKI_STATE_DIR: no folder can be made in it: Not a directory" in started.stderr
    assert "Traceback" not in started.stderr


def _start(folder: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    (folder / "ehrs.toml").write_text(
        '[[ehr]]\nid = "r"\nname = "R"\niss = "https://ehr.example.org/fhir"\nclient_id = "aki"\n'
    )
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AKI_")}  # noqa: TID251
    settings = {
        "AKI_PUBLIC_URL": "https://aki.example.org",
        "AKI_MASTER_KEY": MASTER_KEY,
        "AKI_EHRS_FILE": str(folder / "ehrs.toml"),
    }
    return subprocess.run(
        [sys.executable, "-m", "gunicorn", "--config", str(ROOT / "gunicorn.conf.py"), "--bind", "127.0.0.1:0"],
        cwd=ROOT,
        env={**clean, **settings, **changes},
        capture_output=True,
        text=True,
        timeout=300,
    )
