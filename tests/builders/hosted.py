"""The application under gunicorn in a process group of its own, as a hospital runs it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests

from tests.builders.cds import EHR, PUBLIC_URL, ec_key, public_jwks, token

ROOT = Path(__file__).resolve().parents[2]
_START_SECONDS = 60


@dataclass(frozen=True)
class Hosted:
    """A running installation."""

    address: str
    state: Path
    environment: Mapping[str, str]
    process: "subprocess.Popen[bytes]"

    def call_hook(self, body: Any, **claims: Any) -> requests.Response:
        """A patient-view call with a fresh token, over a connection of its own."""
        headers = {"Authorization": f"Bearer {fresh_token(**claims)}"}
        url = f"{self.address}/cds-services/aki-patient-view"
        return requests.post(url, json=body, headers=headers, timeout=20)

    def worker_pids(self) -> list[int]:
        """The processes gunicorn's arbiter has forked."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in path.read_text().split()]

    def kill_a_worker(self) -> int:
        """kill -9 one worker; which."""
        pid = self.worker_pids()[0]
        os.kill(pid, signal.SIGKILL)
        return pid

    def log(self) -> str:
        """Everything the processes have written."""
        return (self.state / "log").read_text(errors="replace")


def fresh_token(**changes: Any) -> str:
    """A caller's token valid now."""
    issued = int(datetime.now(UTC).timestamp())
    return token(**{"iat": issued, "exp": issued + 300, **changes})


def installation(state: Path, *, more_ehrs: str = "", **settings: str) -> dict[str, str]:
    """The environment of an installation with one EHR whose keys are static; the registry is put into `state`."""
    state.mkdir(parents=True, exist_ok=True)
    (state / "ehrs.toml").write_text(_registry() + more_ehrs, encoding="utf-8")
    usual = {
        "PATH": os.environ["PATH"],  # noqa: TID251
        "AKI_PUBLIC_URL": PUBLIC_URL,
        "AKI_MASTER_KEY": "k" * 40,
        "AKI_STATE_DIR": str(state),
        "AKI_EHRS_FILE": str(state / "ehrs.toml"),
        "AKI_BIND": f"127.0.0.1:{free_port()}",
        "AKI_WORKERS": "2",
    }
    return {**usual, **settings}


@contextmanager
def hosted(
    state: Path, *, python: str = sys.executable, cwd: Path = ROOT, more_ehrs: str = "", **settings: str
) -> Iterator[Hosted]:
    """Start it, wait until it answers, stop it. `more_ehrs` is added to its registry."""
    environment = installation(state, more_ehrs=more_ehrs, **settings)
    command = [python, "-m", "gunicorn", "--config", str(ROOT / "gunicorn.conf.py")]
    with (state / "log").open("wb") as output:
        process = subprocess.Popen(command, cwd=cwd, env=environment, stdout=output, stderr=output)
        running = Hosted(f"http://{environment['AKI_BIND']}", state, environment, process)
        try:
            wait_until_up(running)
            yield running
        finally:
            process.terminate()
            process.wait(30)


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_up(running: Hosted) -> None:
    """Returns once it answers. Raises AssertionError with its log when it does not."""
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and running.process.poll() is None:
        try:
            requests.get(f"{running.address}/health", timeout=2)
        except requests.ConnectionError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(running.log())


def _registry() -> str:
    keys = ", ".join(
        "{" + ", ".join(f"{name} = {json.dumps(value)}" for name, value in key.items()) + "}"
        for key in public_jwks(ec_key())["keys"]
    )
    return (
        f'[[ehr]]\nid = "ehr-1"\nname = "Test hospital"\niss = "{EHR}"\nclient_id = "aki"\n\n'
        f"[ehr.cds]\njwks = {{ keys = [{keys}] }}\n"
    )
