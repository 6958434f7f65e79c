"""gunicorn's configuration: from the same settings, and as clear about a bad one."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def _shown(found: subprocess.CompletedProcess[str]) -> dict[str, str]:
    settings = (line.split("=", 1) for line in found.stdout.splitlines() if "=" in line)
    return {name.strip(): value.strip() for name, value in settings}


def _check_config(tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AKI_")}  # noqa: TID251
    return subprocess.run(
        [sys.executable, "-m", "gunicorn", "--config", str(ROOT / "gunicorn.conf.py"), "--print-config"],
        cwd=ROOT,
        env={**clean, "AKI_STATE_DIR": str(tmp_path), **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_the_server_runs_threads_in_preloaded_workers_and_writes_no_addresses(tmp_path: Path) -> None:
    found = _check_config(tmp_path, AKI_DEVELOPMENT="1", AKI_THREADS="3", AKI_BIND="127.0.0.1:8765")
    assert found.returncode == 0, found.stderr
    shown = _shown(found)
    assert shown["threads"] == "3"
    assert shown["preload_app"] == "True"
    assert shown["accesslog"] == "None"
    assert shown["logger_class"] == "app.telemetry.server_log.ServerLog"
    assert "127.0.0.1:8765" in shown["bind"]
    assert int(shown["graceful_timeout"]) > 20


def test_no_header_of_a_caller_says_where_the_app_is_mounted_or_by_which_scheme_it_was_asked(
    tmp_path: Path,
) -> None:
    shown = _shown(_check_config(tmp_path, AKI_DEVELOPMENT="1", FORWARDED_ALLOW_IPS="*"))
    assert (shown["forwarder_headers"], shown["secure_scheme_headers"]) == ("[]", "{}")
    assert shown["forwarded_allow_ips"] == "[]"


def test_a_bad_setting_stops_the_start_with_all_problems_and_no_traceback(tmp_path: Path) -> None:
    found = _check_config(tmp_path, AKI_THREADS="0")
    assert found.returncode != 0
    for name in ("AKI_PUBLIC_URL", "AKI_MASTER_KEY", "AKI_THREADS", "ehr[0].allow_http"):
        assert name in found.stderr
    assert "Traceback" not in found.stderr
