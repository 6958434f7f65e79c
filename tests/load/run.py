"""Puts a whole installation under load and says what held (`make bench-load`, `--help`).

Two gunicorn workers of the product, the embedded EHR beside them, locust in a third process: all on one machine,
so the figures are of the machine shared, and memory is of the product's processes alone.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import requests

from app.auditing.anchors import verify
from app.auditing.trail import AuditTrail
from app.storage.database import open_engine
from sandbox.registration import registration_toml
from sandbox.settings import SandboxSettings
from tests.builders.cds import ec_key
from tests.builders.databases import fresh_database_url
from tests.builders.hosted import ROOT, Hosted, free_port, hosted

PATIENT_COUNT = 40
_SAMPLE_SECONDS = 1.0
_JOURNEYS = Path(__file__).with_name("journeys.py")


@dataclass
class Watch:
    """Memory of the product's processes over time, and the killing of workers, until stopped."""

    service: Hosted
    kill_every_seconds: float
    megabytes: list[tuple[float, float]] = field(default_factory=list)
    killed: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self) -> Iterator["Watch"]:
        thread = threading.Thread(target=self._watch, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            thread.join()

    def _watch(self) -> None:
        began = time.monotonic()
        while not self._stop.wait(_SAMPLE_SECONDS):
            elapsed = time.monotonic() - began
            self.megabytes.append((elapsed, _megabytes(self.service)))
            if self.kill_every_seconds and elapsed > self.kill_every_seconds * (self.killed + 1):
                self.service.kill_a_worker()
                self.killed += 1

    def by_minute(self) -> list[float]:
        """The mean of each minute, in megabytes: a leak goes on rising, a warm cache does not."""
        minutes: dict[int, list[float]] = {}
        for elapsed, megabytes in self.megabytes:
            minutes.setdefault(int(elapsed // 60), []).append(megabytes)
        return [round(sum(each) / len(each), 1) for each in minutes.values()]

    def growth_percent(self) -> float | None:
        """From the second tenth of the run (caches are warm) to the last; None where a worker was killed."""
        tenth = len(self.megabytes) // 10
        if self.killed or tenth < 2:
            return None
        early = [mb for _, mb in self.megabytes[tenth : 2 * tenth]]
        late = [mb for _, mb in self.megabytes[-tenth:]]
        return (sum(late) / sum(early) - 1) * 100


def _megabytes(service: Hosted) -> float:
    """What the service takes of the machine: arbiter and workers, each shared page counted once (PSS)."""
    total = 0
    for pid in (service.process.pid, *service.worker_pids()):
        try:
            total += psutil.Process(pid).memory_full_info().pss
        except psutil.Error:
            continue
    return total / 1e6


@dataclass(frozen=True)
class Installation:
    """The product and the embedded EHR, both up."""

    product: Hosted
    ehr_url: str
    database_url: str


@contextmanager
def installation(folder: Path, engine: str) -> Iterator[Installation]:
    """Both, in production's own gunicorn settings; development mode only for http on this machine."""
    app_url, ehr_url = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    settings = SandboxSettings(base_url=ehr_url, app_url=app_url, state_dir=folder / "ehr")
    with ExitStack() as stack:
        database_url = stack.enter_context(fresh_database_url(engine, folder))
        environment = {
            "AKI_PUBLIC_URL": app_url,
            "AKI_BIND": app_url.removeprefix("http://"),
            "AKI_DEVELOPMENT": "true",
            "AKI_DATABASE_URL": database_url,
            "AKI_LAUNCHES_PER_MINUTE": "100000",
        }
        _upgrade(database_url)
        stack.enter_context(_ehr(settings))
        product = stack.enter_context(
            hosted(folder / "product", more_ehrs=registration_toml(settings), **environment)
        )
        yield Installation(product, ehr_url, database_url)


def _upgrade(database_url: str) -> None:
    from app.storage.database import upgrade

    engine = open_engine(database_url)
    upgrade(engine)
    engine.dispose()


@contextmanager
def _ehr(settings: SandboxSettings) -> Iterator[None]:
    settings.state_dir.mkdir(parents=True)
    environment = {
        **os.environ,  # noqa: TID251  handed on
        "SANDBOX_BASE_URL": settings.base_url,
        "SANDBOX_APP_URL": settings.app_url,
        "SANDBOX_STATE_DIR": str(settings.state_dir),
    }
    command = [sys.executable, "-m", "gunicorn", "sandbox.factory:create_sandbox_from_environment()"]
    command += ["--config", "python:app.demo.server", "--bind", settings.base_url.removeprefix("http://")]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
    try:
        _wait(f"{settings.base_url}/fhir/metadata")
        yield
    finally:
        process.terminate()
        process.wait(30)


def _wait(url: str) -> None:
    for _ in range(600):
        try:
            if requests.get(url, timeout=2).ok:
                return
        except requests.RequestException:
            time.sleep(0.1)
    raise RuntimeError(f"{url} does not answer")


def _patients() -> list[dict[str, str]]:
    index = json.loads((ROOT / "sandbox/patients/index.json").read_text(encoding="utf-8"))
    return [{"id": row["id"], "name": row["name"].split()[-1]} for row in index["patients"][:PATIENT_COUNT]]


def put_under_load(
    place: Installation, folder: Path, *, users: int, seconds: int, kill_every_seconds: float = 0
) -> dict[str, Any]:
    """Locust for so long; every journey's figures, what went wrong, and what became of memory."""
    results, prefix = folder / f"answers-{users}.json", folder / f"stats-{users}"
    setting = {
        "app": place.product.address,
        "ehr": place.ehr_url,
        "results": str(results),
        "patients": _patients(),
        "caller_key": ec_key().as_dict(private=True),
    }
    command = [sys.executable, "-m", "locust", "-f", str(_JOURNEYS), "--headless", "--only-summary"]
    command += ["-u", str(users), "-r", str(max(1, users // 4)), "-t", f"{seconds}s", "--stop-timeout", "30"]
    command += ["--csv", str(prefix), "--exit-code-on-error", "0", "--loglevel", "ERROR"]
    environment = {**os.environ, "LOAD_SETTING": json.dumps(setting)}  # noqa: TID251  handed on
    with Watch(place.product, kill_every_seconds).running() as watch:
        subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    return {
        "users": users,
        "seconds": seconds,
        "journeys": _figures(Path(f"{prefix}_stats.csv")),
        "failures": _failures(Path(f"{prefix}_failures.csv")),
        "memory_growth_percent": watch.growth_percent(),
        "memory_megabytes_by_minute": watch.by_minute(),
        "workers_killed": watch.killed,
        **json.loads(results.read_text(encoding="utf-8")),
    }


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def _figures(path: Path) -> dict[str, dict[str, float]]:
    return {
        row["Name"]: {
            "requests": int(row["Request Count"]),
            "errors": int(row["Failure Count"]),
            **{f"p{share}_ms": float(row[f"{share}%"] or 0) for share in (50, 95, 99)},
        }
        for row in _rows(path)
        if row["Name"] != "Aggregated"
    }


def _failures(path: Path) -> dict[str, int]:
    return {f"{row['Name']}: {row['Error']}": int(row["Occurrences"]) for row in _rows(path)}


def lost_answers(place: Installation, answered: dict[str, str]) -> list[str]:
    """Hook answers the audit trail does not know of, or knows differently; AssertionError on a broken chain."""
    engine = open_engine(place.database_url)
    trail = AuditTrail(engine, lambda: datetime.now(UTC))
    recorded = {event["hook_instance"]: event["action"] for event in trail.events() if "hook_instance" in event}
    broken = verify(engine)
    engine.dispose()
    assert broken is None, broken
    return [instance for instance, action in answered.items() if recorded.get(instance) != action]


def seconds_until_quick(address: str, *, quick_ms: float = 250, give_up_seconds: float = 120) -> float:
    """How long after an overload until five answers in a row are quick."""
    began, in_a_row = time.monotonic(), 0
    while in_a_row < 5 and time.monotonic() - began < give_up_seconds:
        asked = time.monotonic()
        try:
            ok = requests.get(f"{address}/ready", timeout=30).status_code == 200
        except requests.RequestException:
            ok = False
        in_a_row = in_a_row + 1 if ok and (time.monotonic() - asked) * 1000 < quick_ms else 0
    return time.monotonic() - began


def run(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Steady load, then with workers killed, then ten times as many users; one report each."""
    reports = []
    with tempfile.TemporaryDirectory() as name, installation(Path(name), options.engine) as place:
        plans: list[tuple[str, int, int, float]] = [("steady", options.users, options.seconds, 0)]
        if options.kill_every:
            plans.append(("a worker killed every so often", options.users, options.seconds, options.kill_every))
        if options.overload_seconds:
            plans.append(("ten times the users", options.users * 10, options.overload_seconds, 0))
        answered: dict[str, str] = {}
        for title, users, seconds, kill_every in plans:
            folder = Path(name) / title.replace(" ", "-")
            folder.mkdir()
            report = put_under_load(place, folder, users=users, seconds=seconds, kill_every_seconds=kill_every)
            answered |= report.pop("answered")
            report |= {"title": title, "recovered_after_seconds": seconds_until_quick(place.product.address)}
            report["lost_audit_records"] = len(lost_answers(place, answered))
            reports.append(report)
            print(_table(report), flush=True)
    return reports


def _table(report: dict[str, Any]) -> str:
    lines = [f"{report['title']}: {report['users']} users, {report['seconds']} s"]
    lines.append(f"  {'journey':<20}{'requests':>10}{'errors':>8}{'p50 ms':>8}{'p95 ms':>8}{'p99 ms':>8}")
    for name, row in report["journeys"].items():
        percentiles = "".join(f"{row[f'p{share}_ms']:>8.0f}" for share in (50, 95, 99))
        lines.append(f"  {name:<20}{row['requests']:>10}{row['errors']:>8}{percentiles}")
    growth = report["memory_growth_percent"]
    grown = "not judged (workers were killed, or too short)" if growth is None else f"{growth:+.1f} %"
    lines.append(f"  memory of the product: {grown}; audit records lost: {report['lost_audit_records']}")
    lines.append(f"  megabytes by minute: {' '.join(map(str, report['memory_megabytes_by_minute']))}")
    lines.append(f"  workers killed: {report['workers_killed']}; quick again after "
                 f"{report['recovered_after_seconds']:.1f} s")  # fmt: skip
    lines += [f"  {count} x {what}" for what, count in report["failures"].items()]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when nothing was lost and nothing failed under steady load; else 1."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60, help="of steady load, and again with workers killed")
    parser.add_argument("--users", type=int, default=8, help="clinicians and hook callers together")
    parser.add_argument(
        "--kill-every", type=float, default=20, help="seconds between two kill -9; 0 leaves it out"
    )
    parser.add_argument("--overload-seconds", type=int, default=30, help="of ten times the users; 0 leaves it out")
    parser.add_argument("--engine", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--json", type=Path, help="also write the reports here")
    options = parser.parse_args(arguments)
    reports = run(options)
    if options.json:
        options.json.write_text(json.dumps(reports, indent=1), encoding="utf-8")
    lost = any(report["lost_audit_records"] for report in reports)
    return int(lost or any(row["errors"] for row in reports[0]["journeys"].values()))


if __name__ == "__main__":
    sys.exit(main())
