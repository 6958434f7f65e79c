"""The whole service under gunicorn with two workers, beside the bare endpoint under the same gunicorn.

Everything is on: JWT, replay store, mapping, staging, risk, audit record on the disk, log and metrics. What the
workers spend (CPU) is steadier than calls a second, for which this process and the machine's others compete.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.bench.bare_cds import write_jwks
from tests.bench.hook_bodies import realistic_body
from tests.bench.hook_load import Measured, measure
from tests.builders.cds import rsa_key, token
from tests.builders.hosted import ROOT, Hosted, free_port, hosted, wait_until_up

pytestmark = pytest.mark.bench

CALLS = int(os.environ.get("BENCH_CALLS", "600"))  # noqa: TID251
CONNECTIONS = (1, 8, 32)


@dataclass(frozen=True)
class Served:
    """One server and what it showed."""

    name: str
    results: tuple[Measured, ...]


def bearers(count: int) -> list[str]:
    """RS384, as Epic signs; each serves once."""
    issued = int(datetime.now(UTC).timestamp())
    return [token(rsa_key(), "RS384", iat=issued, exp=issued + 300) for _ in range(count)]


def burst(name: str, running: Hosted, body: bytes) -> Served:
    measure(running.address, running.worker_pids, body, bearers(60), 8)  # warm
    found = [measure(running.address, running.worker_pids, body, bearers(CALLS), n) for n in CONNECTIONS]
    return Served(name, tuple(found))


@contextmanager
def product(state: Path) -> Iterator[Hosted]:
    """The product, with a caller that signs with RSA."""
    keys = write_jwks(state / "jwks.json").read_text(encoding="utf-8").replace('": ', '" = ')
    (state / "bench.toml").write_text(
        '[[ehr]]\nid = "ehr-1"\nname = "Bench"\niss = "https://ehr.example.org/fhir"\nclient_id = "aki"\n\n'
        f"[ehr.cds]\njwks = {keys}\n",
        encoding="utf-8",
    )
    with hosted(state, AKI_EHRS_FILE=str(state / "bench.toml")) as running:
        yield running


@contextmanager
def bare(state: Path) -> Iterator[Hosted]:
    """The bare endpoint under the product's gunicorn configuration."""
    environment = {
        "PATH": os.environ["PATH"],  # noqa: TID251
        "AKI_DEVELOPMENT": "1",
        "AKI_STATE_DIR": str(state),
        "AKI_BIND": f"127.0.0.1:{free_port()}",
        "AKI_WORKERS": "2",
        "BARE_JWKS": str(write_jwks(state / "jwks.json")),
    }
    command = [sys.executable, "-m", "gunicorn", "--config", str(ROOT / "tests/bench/bare_gunicorn.conf.py")]
    with (state / "log").open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)
        running = Hosted(f"http://{environment['AKI_BIND']}", state, environment, process)
        try:
            wait_until_up(running)
            yield running
        finally:
            process.terminate()
            process.wait(30)


def test_hook_calls_over_http_beside_the_bare_endpoint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = realistic_body(datetime.now(UTC))
    served = []
    for name, start in (("aki-patient-view", product), ("bare: parse and verify only", bare)):
        state = tmp_path / name[:4]
        state.mkdir()
        with start(state) as running:
            served.append(burst(name, running, body))
    with capsys.disabled():
        print(
            f"\n2 gunicorn workers, RS384, body of {len(body) / 1000:.0f} kB, 200 Observations, {CALLS} calls each"
        )
        for one in served:
            print(one.name, *one.results, sep="\n  ")
        for whole, least in zip(served[0].results, served[1].results, strict=True):
            share, cpu = whole.calls_per_second / least.calls_per_second, least.cpu_ms / whole.cpu_ms
            print(f"{whole.connections:3d} connections: {share:.0%} of the bare throughput, {cpu:.0%} by CPU")
