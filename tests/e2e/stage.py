"""Both servers of the demo on free ports, and Debian's chromium to look at them with."""

import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from app.demo import Demo, DemoSetting

CHROMIUM_NAMES = ("chromium", "chromium-browser")
CHROMIUM_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


def free_port() -> int:
    """A port nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def chromium_path() -> str | None:
    """The distribution's chromium, if it is installed."""
    return next((found for name in CHROMIUM_NAMES if (found := shutil.which(name))), None)


@contextmanager
def running_demo(state_dir: Path) -> Iterator[DemoSetting]:
    """The demo as `make demo` runs it: two real gunicorns."""
    setting = DemoSetting(ehr_port=free_port(), app_port=free_port(), state_dir=state_dir)
    lines: list[str] = []
    with Demo(setting, lines.append):
        yield setting


@contextmanager
def running_chromium(path: str) -> Iterator[Browser]:
    """A headless browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(CHROMIUM_ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()
