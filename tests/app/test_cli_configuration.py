import json
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from app.auditing.trail import AuditEvent, AuditTrail
from app.cli import main
from app.storage.database import open_engine

GOOD = """
[[ehr]]
id = "riverside"
name = "Riverside EHR"
iss = "https://ehr.example.org/fhir"
client_id = "aki"

[ehr.reading]
time_zone = "Europe/Zurich"
"""


def run(*arguments: str, **environment: str) -> Any:
    return CliRunner().invoke(
        main, list(arguments), env={f"AKI_{name.upper()}": v for name, v in environment.items()}
    )


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    path = tmp_path / "ehrs.toml"
    path.write_text(GOOD, encoding="utf-8")
    return path


def test_good_configuration_is_called_good(registry: Path) -> None:
    result = run("check-config", development="true", ehrs_file=str(registry))
    assert result.exit_code == 0
    assert "Riverside EHR" in result.stdout


def test_every_problem_is_named_at_once(registry: Path) -> None:
    registry.write_text(GOOD.replace("https:", "ftp:").replace("client_id", "clientid"), encoding="utf-8")
    result = run("check-config", "--json", development="true", ehrs_file=str(registry))
    problems = json.loads(result.stdout)["problems"]
    assert result.exit_code == 1
    assert any("ehr[0].iss" in problem for problem in problems)
    assert any("ehr[0].client_id" in problem for problem in problems)


def test_bad_setting_is_named_without_its_value(registry: Path) -> None:
    result = run("check-config", development="true", ehrs_file=str(registry), workers="a-secret-value")
    assert result.exit_code == 1
    assert "AKI_WORKERS" in result.stderr
    assert "a-secret-value" not in result.output


def test_an_address_somebody_else_listens_on_is_named_before_the_server_starts(registry: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        result = run("serve", development="true", ehrs_file=str(registry), bind=address)
    assert result.exit_code == 1
    assert f"{address} cannot be listened on: Address already in use" in result.output
    assert "--port" in result.output


def test_ehr_list_as_json_names_base_and_time_zone(registry: Path) -> None:
    result = run("ehr", "list", "--json", development="true", ehrs_file=str(registry))
    (row,) = json.loads(result.stdout)
    assert row["id"] == "riverside"
    assert row["iss"] == "https://ehr.example.org/fhir"
    assert row["time_zone"] == "Europe/Zurich"


def test_ehr_list_without_a_registry_says_what_to_do(tmp_path: Path) -> None:
    result = run("ehr", "list", development="true", ehrs_file=str(tmp_path / "none.toml"))
    assert result.exit_code == 1
    assert "check-config" in result.stderr


@pytest.fixture
def installation(registry: Path, tmp_path: Path) -> dict[str, str]:
    """Settings of an installation whose trail holds two events."""
    settings = {"development": "true", "ehrs_file": str(registry), "state_dir": str(tmp_path / "state")}
    assert run("db", "upgrade", **settings).exit_code == 0
    engine = open_engine(f"sqlite:///{tmp_path / 'state' / 'aki.sqlite3'}")
    trail = AuditTrail(engine, lambda: datetime(2026, 11, 21, tzinfo=UTC))
    for patient_id in ("p1", "p2"):
        trail.record(AuditEvent("chart-viewed", "Assessment", "riverside", patient_id=patient_id))
    engine.dispose()
    return settings


def test_whole_audit_trail_is_called_whole_and_exported_in_order(installation: dict[str, str]) -> None:
    assert run("audit", "verify", **installation).exit_code == 0
    events = [json.loads(line) for line in run("audit", "export", **installation).stdout.splitlines()]
    assert [event.get("patient_id") for event in events] == [None, "p1", "p2", None]
    assert (events[0]["action"], events[-1]["action"]) == ("database-changed", "trail-exported")


def test_changed_audit_trail_is_found_and_the_line_named(installation: dict[str, str]) -> None:
    engine = open_engine(f"sqlite:///{installation['state_dir']}/aki.sqlite3")
    with engine.begin() as connection:
        connection.execute(text("UPDATE audit_event SET body = replace(body, 'p2', 'p9')"))
    engine.dispose()
    result = run("audit", "verify", "--json", **installation)
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {"ok": False, "anchors": False, "line": 3, "reason": "line-changed"}


def test_audit_without_a_database_says_what_to_run(registry: Path, tmp_path: Path) -> None:
    result = run("audit", "verify", development="true", ehrs_file=str(registry), state_dir=str(tmp_path / "new"))
    assert result.exit_code == 1
    assert "aki db upgrade" in result.stderr


def test_db_upgrade_makes_the_database_and_can_be_repeated(registry: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    for _ in range(2):
        result = run("db", "upgrade", development="true", ehrs_file=str(registry), state_dir=str(state))
        assert result.exit_code == 0
    assert (state / "aki.sqlite3").is_file()
