import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.cli import main
from app.configured.ehrs import load_ehrs
from app.demo.processes import REGISTRY, DemoProblem, DemoSetting, Server, write_registry
from sandbox.profiles import PROFILE_IDS


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.mark.parametrize(("option", "name"), [("--ehr-port", "EHR_PORT"), ("--app-port", "APP_PORT")])
def test_taken_port_is_named_with_the_setting_that_changes_it(
    taken_port: int, option: str, name: str, tmp_path: Path
) -> None:
    result = CliRunner().invoke(main, ["demo", option, str(taken_port), "--state-dir", str(tmp_path)])
    assert result.exit_code == 1
    assert f"Port {taken_port}" in result.stderr
    assert f"make demo {name}=" in result.stderr


def test_one_port_for_both_is_refused(tmp_path: Path) -> None:
    arguments = ["demo", "--ehr-port", "19999", "--app-port", "19999", "--state-dir", str(tmp_path)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1
    assert "cannot share a port" in result.stderr


def test_demo_registry_is_the_repositorys_with_the_demos_addresses(tmp_path: Path) -> None:
    target = tmp_path / "ehrs.toml"
    write_registry(DemoSetting(ehr_port=9191, app_port=8181), target)
    text = target.read_text(encoding="utf-8")
    assert 'iss = "http://127.0.0.1:9191/fhir"' in text
    assert ":9090" not in text
    assert len(text.splitlines()) == len(REGISTRY.read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize("profile", PROFILE_IDS)
def test_every_profile_has_a_registry_the_app_accepts(profile: str, tmp_path: Path) -> None:
    target = tmp_path / "ehrs.toml"
    setting = DemoSetting(ehr_port=9191, app_port=8181, profile=profile)
    write_registry(setting, target)
    [ehr] = load_ehrs(target, development=True)
    assert f"{ehr.launch.iss.rstrip('/')}/metadata" == setting.metadata_url
    assert ehr.cds is not None


def test_unknown_profile_is_refused_with_the_names_there_are() -> None:
    result = CliRunner().invoke(main, ["demo", "--ehr-profile", "epci"])
    assert result.exit_code == 2
    assert "epic, epic-2023" in result.stderr


def test_missing_registry_is_a_problem_with_a_cure(tmp_path: Path) -> None:
    with pytest.raises(DemoProblem) as raised:
        write_registry(DemoSetting(), tmp_path / "out.toml", source=tmp_path / "none.toml")
    assert "clone" in raised.value.cure


def test_server_that_dies_leaves_its_last_words_and_its_log(tmp_path: Path) -> None:
    alarms: list[str] = []
    program = "print('starting'); print('[ERROR] no such thing'); raise SystemExit(3)"
    server = Server("app", [sys.executable, "-c", program], {}, tmp_path / "app.log", alarms.append)
    server.wait_until_stopped()
    assert server.exit_code == 3
    assert list(server.last_lines) == ["starting", "[ERROR] no such thing"]
    assert alarms == ["[app] [ERROR] no such thing"]
    assert (tmp_path / "app.log").read_text(encoding="utf-8").startswith("starting")


def test_server_stops_when_asked(tmp_path: Path) -> None:
    program = "import time\nwhile True: time.sleep(60)"
    server = Server("ehr", [sys.executable, "-c", program], {}, tmp_path / "ehr.log", print)
    assert server.exit_code is None
    server.ask_to_stop()
    server.wait_until_stopped()
    assert server.exit_code == -15
