"""The demo: embedded EHR and app side by side as child processes, until a signal or until one of them dies."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Final, Self
from urllib.error import URLError

STANDARD_PROFILE: Final = "standard"
REGISTRY: Final = Path(__file__).resolve().parents[2] / "ehrs.toml"
_EHR_ORIGIN, _APP_ORIGIN = "http://127.0.0.1:9090", "http://127.0.0.1:8080"
_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 10.0
_WATCH_SECONDS: Final = 0.2
_ALARMING: Final = ("[ERROR]", "[CRITICAL]", '"error"', '"critical"', "Traceback", "Error:")

Report = Callable[[str], None]


class DemoProblem(Exception):
    """The demo cannot start or go on; `cure` says what to do."""

    def __init__(self, cause: str, cure: str) -> None:
        super().__init__(cause)
        self.cure = cure


@dataclass(frozen=True, slots=True)
class DemoSetting:
    """Where the two servers listen and keep their keys and data."""

    ehr_port: int = 9090
    app_port: int = 8080
    state_dir: Path = Path("var/demo")
    profile: str = STANDARD_PROFILE
    """The vendor the embedded EHR behaves like (`sandbox/profiles.py`)."""

    @property
    def ehr_url(self) -> str:
        """The embedded EHR's page."""
        return f"http://127.0.0.1:{self.ehr_port}"

    @property
    def metadata_url(self) -> str:
        """The embedded EHR's CapabilityStatement. Raises KeyError for an unknown profile."""
        from sandbox.profiles import find_profile

        return f"{self.ehr_url}{find_profile(self.profile).fhir_path}/metadata"

    @property
    def app_url(self) -> str:
        """The app."""
        return f"http://127.0.0.1:{self.app_port}"


class Server:
    """One child process with its log: everything in a file, what alarms on the terminal too."""

    def __init__(
        self, name: str, command: list[str], environment: dict[str, str], log: Path, report: Report
    ) -> None:
        self.name = name
        self.log = log
        self.last_lines: deque[str] = deque(maxlen=15)
        self._report = report
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and modules
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        )
        self._reader = threading.Thread(target=self._follow, daemon=True)
        self._reader.start()

    def _follow(self) -> None:
        if self._process.stdout is None:
            return
        with self._process.stdout as lines, self.log.open("w", encoding="utf-8") as copy:
            for line in lines:
                copy.write(line)
                copy.flush()
                self.last_lines.append(line.rstrip())
                if any(mark in line for mark in _ALARMING):
                    self._report(f"[{self.name}] {line.rstrip()}")

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def ask_to_stop(self) -> None:
        """SIGTERM: gunicorn finishes the requests under way."""
        if self.exit_code is None:
            self._process.terminate()

    def wait_until_stopped(self) -> None:
        """Until it has gone; after the bound it is killed."""
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(1)


class Demo:
    """Both servers. As a context manager: started and healthy inside, stopped after."""

    def __init__(self, setting: DemoSetting, report: Report) -> None:
        self.setting = setting
        self._report = report
        self._servers: list[Server] = []

    def __enter__(self) -> Self:
        _check_ports(self.setting)
        try:
            self._start()
            self._wait_until_healthy()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop both, together."""
        for server in self._servers:
            server.ask_to_stop()
        for server in self._servers:
            server.wait_until_stopped()

    def raise_if_dead(self) -> None:
        """Raises DemoProblem when a server has ended by itself, with its last words."""
        for server in self._servers:
            if server.exit_code is not None:
                words = "\n".join(f"  {line}" for line in server.last_lines)
                cause = (
                    f"The {server.name} server has ended (exit code {server.exit_code}). Its last lines:\n{words}"
                )
                raise DemoProblem(cause, f"Its whole log: {server.log}")

    def _start(self) -> None:
        state = self.setting.state_dir.resolve()
        for folder in (state, state / "ehr", state / "app"):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_registry(self.setting, state / "ehrs.toml")
        for name, target, port, workers, own in (
            (
                "ehr",
                "sandbox.factory:create_sandbox_from_environment()",
                self.setting.ehr_port,
                1,
                _ehr_environment(self.setting),
            ),
            ("app", "app.factory:create_app()", self.setting.app_port, 2, _app_environment(self.setting)),
        ):
            command = _gunicorn(target, port, workers)
            self._servers.append(
                Server(name, command, {**_inherited(), **own}, state / f"{name}.log", self._report)
            )

    def _wait_until_healthy(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        for url in (self.setting.metadata_url, f"{self.setting.app_url}/health"):
            while not _answers(url):
                self.raise_if_dead()
                if time.monotonic() > deadline:
                    raise DemoProblem(
                        f"{url} did not answer within {_START_SECONDS:.0f} seconds.",
                        f"The logs are in {self.setting.state_dir}.",
                    )
                time.sleep(_WATCH_SECONDS)


def run_demo(setting: DemoSetting, *, report: Report, welcome: Callable[[DemoSetting], None]) -> None:
    """Run both servers until SIGINT or SIGTERM. Raises DemoProblem."""
    with _stop_signals() as stopped, Demo(setting, report) as demo:
        welcome(setting)
        while not stopped.wait(_WATCH_SECONDS):
            try:
                demo.raise_if_dead()
            except DemoProblem:
                # Ctrl-C reaches the whole process group: a child may be gone before our own handler has run.
                if not stopped.wait(1):
                    raise
        report("Stopping both servers.")


def write_registry(setting: DemoSetting, target: Path, source: Path = REGISTRY) -> None:
    """The repository's EHR registry with the demo's addresses; for another profile the one that it needs."""
    if setting.profile != STANDARD_PROFILE:
        from sandbox.registration import registration_toml
        from sandbox.settings import SandboxSettings

        settings = SandboxSettings(base_url=setting.ehr_url, app_url=setting.app_url, profile=setting.profile)
        target.write_text(registration_toml(settings), encoding="utf-8")
        return
    try:
        text = source.read_text(encoding="utf-8")
    except OSError as error:
        raise DemoProblem(
            f"{source.name} cannot be read.", "Run the demo from a clone of the repository."
        ) from error
    target.write_text(
        text.replace(_EHR_ORIGIN, setting.ehr_url).replace(_APP_ORIGIN, setting.app_url), encoding="utf-8"
    )


def _check_ports(setting: DemoSetting) -> None:
    if setting.ehr_port == setting.app_port:
        raise DemoProblem(
            "The EHR and the app cannot share a port.", "Give --ehr-port and --app-port two numbers."
        )
    for port, name, option in (
        (setting.ehr_port, "EHR_PORT", "--ehr-port"),
        (setting.app_port, "APP_PORT", "--app-port"),
    ):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as gunicorn does: TIME_WAIT is not taken
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                other = port + 101
                raise DemoProblem(
                    f"Port {port} on 127.0.0.1 is taken ({error.strerror}).",
                    f"Choose another: make demo {name}={other}   (or: aki demo {option} {other})",
                ) from error


def _gunicorn(target: str, port: int, workers: int) -> list[str]:
    return [
        *(sys.executable, "-m", "gunicorn", target),
        *("--config", "python:app.demo.server"),
        *("--bind", f"127.0.0.1:{port}", "--workers", str(workers)),
    ]


def _inherited() -> dict[str, str]:
    """Our environment without settings meant for a real installation."""
    everything = os.environ  # noqa: TID251 - handed on to the children, not read
    return {name: value for name, value in everything.items() if not name.startswith(("AKI_", "SANDBOX_"))}


def _ehr_environment(setting: DemoSetting) -> dict[str, str]:
    return {
        "SANDBOX_BASE_URL": setting.ehr_url,
        "SANDBOX_APP_URL": setting.app_url,
        "SANDBOX_PROFILE": setting.profile,
        "SANDBOX_STATE_DIR": str(setting.state_dir.resolve() / "ehr"),
        "OMP_NUM_THREADS": "1",
    }


def _app_environment(setting: DemoSetting) -> dict[str, str]:
    state = setting.state_dir.resolve()
    return {
        "AKI_DEVELOPMENT": "true",
        "AKI_PUBLIC_URL": setting.app_url,
        "AKI_STATE_DIR": str(state / "app"),
        "AKI_EHRS_FILE": str(state / "ehrs.toml"),
        "OMP_NUM_THREADS": "1",
    }


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - our own loopback address
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


@contextmanager
def _stop_signals() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set; the former handlers come back after."""
    stopped = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopped.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
