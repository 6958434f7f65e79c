"""The whole application under gunicorn with two workers, as a hospital runs it, and an EHR that calls it."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.builders.cds import EHR, PUBLIC_URL, ec_key, public_jwks, token

ROOT = Path(__file__).resolve().parents[3]
START_SECONDS = 60


@dataclass
class LiveService:
    """The running app, seen from the EHR's side."""

    address: str
    log: Path

    def post(self, body: Any, *, bearer: str | None = None, **how: Any) -> requests.Response:
        """POST a patient-view call with a fresh token; `bearer=""` sends none."""
        text = fresh_token() if bearer is None else bearer
        headers = {"Authorization": f"Bearer {text}"} if text else {}
        url = f"{self.address}/cds-services/aki-patient-view"
        return requests.post(url, json=body, headers=headers, timeout=20, **how)


def fresh_token(**changes: Any) -> str:
    """A token valid now, for the service's public URL."""
    issued = int(datetime.now(UTC).timestamp())
    return token(**{"iat": issued, "exp": issued + 300, **changes})


def registry_toml() -> str:
    """`ehrs.toml` of one EHR with a static key set, in production form."""
    keys = ", ".join(
        "{" + ", ".join(f"{name} = {json.dumps(value)}" for name, value in key.items()) + "}"
        for key in public_jwks(ec_key())["keys"]
    )
    return f"""
[[ehr]]
id = "ehr-1"
name = "Test hospital"
iss = "{EHR}"
client_id = "aki"

[ehr.cds]
jwks = {{ keys = [{keys}] }}
cors_origins = ["https://sandbox.example.org"]
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveService]:
    """gunicorn with two workers, without the development flag."""
    state = tmp_path_factory.mktemp("cds")
    (state / "ehrs.toml").write_text(registry_toml(), encoding="utf-8")
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],  # noqa: TID251
        "AKI_PUBLIC_URL": PUBLIC_URL,
        "AKI_MASTER_KEY": "k" * 40,
        "AKI_STATE_DIR": str(state),
        "AKI_EHRS_FILE": str(state / "ehrs.toml"),
        "AKI_BIND": f"127.0.0.1:{port}",
        "AKI_WORKERS": "2",
    }
    command = [sys.executable, "-m", "gunicorn", "--config", str(ROOT / "gunicorn.conf.py")]
    log = state / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)
        try:
            service = LiveService(f"http://127.0.0.1:{port}", log)
            wait_until_up(service, process)
            yield service
        finally:
            process.terminate()
            process.wait(30)


def wait_until_up(service: LiveService, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            requests.get(f"{service.address}/cds-services", timeout=2)
        except requests.ConnectionError:
            time.sleep(0.2)
        else:
            return
    raise AssertionError(service.log.read_text(errors="replace"))
