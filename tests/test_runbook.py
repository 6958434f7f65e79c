"""The first hour of docs/operations.md, every line as it is written there."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.builders.hosted import free_port

ROOT = Path(__file__).resolve().parents[1]
RUNBOOK = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
INSTALL = "make install-demo"
RETURNED = "trap 'kill $(cat \"$BASE\"/*.pid) 2>/dev/null || true' EXIT"


def _first_hour() -> str:
    section = RUNBOOK.split("## The first hour, rehearsed\n")[1].split("\n## ")[0]
    return "".join(re.findall(r"```sh\n(.*?)```", section, re.DOTALL))


def _script() -> str:
    """As written, but on free ports and in the environment that is installed already."""
    lines = _first_hour().replace("127.0.0.1:9090", f"127.0.0.1:{free_port()}")
    lines = lines.replace("127.0.0.1:8080", f"127.0.0.1:{free_port()}")
    return f"set -euo pipefail\n{RETURNED}\n" + lines.replace(f"{INSTALL}\n", "").replace(
        "$PWD/.venv/bin", str(Path(sys.executable).parent)
    )


def test_the_first_hour_begins_with_the_installation_that_make_demo_uses() -> None:
    assert _first_hour().startswith(INSTALL)
    assert re.search(r"^demo: \$\(VENV\)/\.demo", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.skipif(not shutil.which("curl"), reason="the runbook asks with curl")
def test_every_line_of_the_first_hour_works_as_written(tmp_path: Path) -> None:
    clean = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8"}  # noqa: TID251
    done = subprocess.run(
        ["bash", "-c", _script()], cwd=ROOT, env=clean, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for said in ("General Hospital", "aki_build_info", "aki-patient-view"):
        assert said in done.stdout
    assert (tmp_path / "aki/first.sqlite3").is_file()
