"""Pictures for the documentation, from the embedded EHR's own patients: `python -m tests.e2e.screenshots`."""

import argparse
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page

from app.demo import DemoSetting
from tests.e2e.stage import chromium_path, running_chromium, running_demo

DEFAULT_TARGET = Path("docs/img")


def main() -> int:
    """Write `ehr.png` (the app in the EHR's frame) and `patient.png` (the patient's page alone)."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--out", type=Path, default=DEFAULT_TARGET)
    arguments.add_argument("--situation", default="stage_2", help="situation of the patient shown alone")
    given = arguments.parse_args()
    path = chromium_path()
    if path is None:
        print("chromium is not installed (apt-get install chromium)", file=sys.stderr)
        return 1
    given.out.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as state,
        running_demo(Path(state)) as demo,
        running_chromium(path) as browser,
    ):
        _take(browser, demo, given.out, given.situation)
    return 0


def _take(browser: Browser, demo: DemoSetting, target: Path, situation: str) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 900}, device_scale_factor=1)
    app_url = _open(page, demo, situation)
    page.wait_for_timeout(500)  # the frame's first paint
    page.screenshot(path=target / "ehr.png")
    page.goto(app_url)
    page.screenshot(path=target / "patient.png", full_page=True)


def _open(page: Page, demo: DemoSetting, situation: str) -> str:
    """Launch the first patient of a situation in the EHR's frame; the address of the patient's page."""
    page.goto(f"{demo.ehr_url}/?category={situation}")
    page.locator("#patients tbody tr .row-actions a").first.click()
    page.frame_locator("#app-frame").locator(".now .headline").wait_for()
    return next(frame.url for frame in page.frames if frame.url.startswith(demo.app_url))


if __name__ == "__main__":
    sys.exit(main())
