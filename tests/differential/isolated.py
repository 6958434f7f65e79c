"""Runs another implementation in an environment of its own, by uv, or says why it could not be run."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
TIMEOUT_SECONDS = 1800


@dataclass(frozen=True)
class Program:
    """A driver script with the Python and the packages it needs."""

    driver: str
    python: str
    packages: tuple[str, ...]


PYAKI = Program("pyaki_driver.py", "3.12", ("pyaki==1.0.13",))
AKIFLAGGER = Program("akiflagger_driver.py", "3.10", ("akiFlagger==1.0.10", "pandas<2", "numpy<1.24"))


class NotRun(Exception):
    """The other implementation could not be run here; `str()` says why."""


def run(program: Program, table: str) -> list[list[str]]:
    """The lines a driver prints for a table. Raises NotRun."""
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv is None:
        raise NotRun("uv is not installed")
    requirements = [word for package in program.packages for word in ("--with", package)]
    command = [uv, "run", "--quiet", "--no-project", "--python", _interpreter(program.python), *requirements]
    try:
        done = subprocess.run(
            [*command, "python", str(HERE / program.driver)],
            input=table,
            capture_output=True,
            text=True,
            check=True,
            timeout=TIMEOUT_SECONDS,
        )
    except subprocess.CalledProcessError as failed:
        last = (failed.stderr.strip().splitlines() or ["no message"])[-1]
        raise NotRun(last.strip()[:200]) from failed
    except subprocess.TimeoutExpired as late:
        raise NotRun(f"it took longer than {TIMEOUT_SECONDS} s") from late
    return [line.split(",") for line in done.stdout.splitlines()]


def _interpreter(version: str) -> str:
    """An installed Python of this version if there is one (pyenv's need not be on the path), else uv's choice."""
    installed = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    return str(installed[-1]) if installed else version
