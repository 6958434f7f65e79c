"""Both servers of the demo on free ports, and Debian's chromium to look at them with."""

import re
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, FrameLocator, Page, expect, sync_playwright

from app.demo.processes import Demo, DemoSetting

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


class Complaints(list[str]):
    """What the browser complained of: console errors, CSP violations, failed requests, error answers."""

    def listen(self, page: Page) -> None:
        page.on("console", lambda message: self.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.append(str(error)))
        page.on("requestfailed", lambda request: self.append(f"failed: {request.method} {request.failure}"))
        page.on("response", lambda answer: self.append(f"{answer.status}") if answer.status >= 400 else None)


def open_first(page: Page, demo: DemoSetting, situation: str) -> str:
    """Open the EHR's list, keep one situation, launch its first patient in the frame; the patient's name."""
    page.goto(f"{demo.ehr_url}/?category={situation}")
    row = page.locator("#patients tbody tr").first
    name = row.locator("th a").inner_text()
    row.get_by_role("link", name=re.compile("Launch")).click()
    return name


def framed(page: Page) -> FrameLocator:
    """The app inside the EHR's page."""
    return page.frame_locator("#app-frame")


def open_alone(page: Page, demo: DemoSetting, situation: str) -> str:
    """Launch the first patient of a situation and show the app's page by itself; its address."""
    open_first(page, demo, situation)
    framed(page).locator("h1").wait_for()
    address = next(frame.url for frame in page.frames if frame.url.startswith(demo.app_url))
    page.goto(address)
    return address


def someone(page: Page, demo: DemoSetting, situation: str) -> tuple[str, str]:
    """Name and record number of the EHR's first patient in a situation."""
    page.goto(f"{demo.ehr_url}/?category={situation}")
    row = page.locator("#patients tbody tr").first
    return row.locator("th a").inner_text(), row.locator("td.mono").inner_text()


def open_worklist(page: Page, demo: DemoSetting) -> Page:
    """The app without a patient, in the tab the EHR opens for it."""
    page.goto(demo.ehr_url)
    with page.context.expect_page() as opened:
        page.locator("#launch-without-patient").click()
    expect(opened.value.get_by_role("heading", level=1)).to_have_text("Patients of this session")
    return opened.value


def find_by_number(tab: Page, number: str) -> None:
    """Search on the worklist; what came is on the page then."""
    tab.get_by_label("Record number").fill(number)
    tab.get_by_label("Record number").press("Enter")
    expect(tab.get_by_role("heading", name="Found")).to_be_visible()


def set_faults(page: Page, demo: DemoSetting, **faults: str) -> None:
    """Turn these faults of the embedded EHR on, and all others off, at its own settings page."""
    page.goto(f"{demo.ehr_url}/settings")
    form = page.locator("form").filter(has=page.locator("[name^='fault-']"))
    for select in form.locator("select[name^='fault-']").all():
        name = (select.get_attribute("name") or "").removeprefix("fault-")
        select.select_option(faults.get(name, ""))
    for box in form.locator("input[type=checkbox][name^='fault-']").all():
        name = (box.get_attribute("name") or "").removeprefix("fault-")
        box.set_checked(name in faults)
    form.get_by_role("button").first.click()
    page.wait_for_load_state()
