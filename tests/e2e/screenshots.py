"""Pictures for the documentation, from the embedded EHR's own patients: `python -m tests.e2e.screenshots`.

`ehr.png` shows the app in the EHR's frame, `patient.png` the page alone, `worklist.jpg` the launch without a
patient; `state-*.jpg` are the states it can have
and `card-*.jpg` the cards of docs/cards.md, smaller in bytes because they are many.
"""

import argparse
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect

from app.demo.processes import DemoSetting
from sandbox.prepared_cases import PreparedCall
from tests.e2e.stage import (
    chromium_path,
    find_by_number,
    framed,
    open_alone,
    open_first,
    open_worklist,
    running_chromium,
    running_demo,
    set_faults,
    someone,
)

DEFAULT_TARGET = Path("docs/img")
_QUALITY = 42


@dataclass(frozen=True)
class Shot:
    """One picture: which patient, in which surroundings.

    `path` is below the patient's page; `left_for`, such as "16:00", is how long nobody touches it.
    """

    name: str
    situation: str
    width: int = 1280
    path: str = ""
    left_for: str = ""
    faults: dict[str, str] = field(default_factory=dict)
    preferences: dict[str, Any] = field(default_factory=dict)
    media: str = "screen"


SHOTS = (
    Shot("patient", "stage_2"),
    Shot("state-low-risk", "no_aki"),
    Shot("state-stage-1", "stage_1"),
    Shot("state-stage-3", "stage_3"),
    Shot("state-dialysis", "dialysis"),
    Shot("state-too-little-data", "too_little_data"),
    Shot("state-partial", "stage_1", faults={"unavailable": "MedicationRequest", "bad_unit": "on"}),
    Shot("state-dark", "stage_2", preferences={"color_scheme": "dark"}),
    Shot("state-print", "stage_2", 794, media="print"),
    Shot("state-german", "dialysis", path="?language=de&units=umol-l"),
    Shot("state-320", "stage_2", 320),
    Shot("state-expired", "stage_2", 1000, left_for="16:00"),
    Shot("write-preview", "stage_2", 1000, path="write/assessment"),
)
#: Who is opened one after the other for the picture of the worklist.
ON_THE_WORKLIST = ("aki_within_48_h", "stage_3", "too_little_data", "no_aki")

VIEW, SELECT, DISCHARGE = "aki-patient-view", "aki-order-select", "aki-encounter-discharge"
# Name of the picture, topic the one card must have, and the call that brings it.
CARDS = (
    ("stage-1", "AKI stage now", PreparedCall("10004457", "", "", VIEW)),
    ("stage-2", "AKI stage now", PreparedCall("10014354", "", "", VIEW)),
    ("stage-3", "AKI stage now", PreparedCall("10037861", "", "", VIEW)),
    ("dialysis", "AKI stage now", PreparedCall("10029291", "", "", VIEW)),
    ("risk", "Risk of AKI in 48 hours", PreparedCall("10006053", "", "", VIEW)),
    ("not-assessed", "AKI could not be assessed", PreparedCall("10001725", "", "", VIEW)),
    ("nsaid", "NSAID and the kidney", PreparedCall("10014354", "", "", SELECT, ("5640",))),
    ("triple", "NSAID and the kidney", PreparedCall("10012552", "", "", drugs=("5640",))),
    ("vancomycin", "Vancomycin and the kidney", PreparedCall("10016810", "", "", drugs=("11124",))),
    ("gentamicin", "Aminoglycoside and the kidney", PreparedCall("10021487", "", "", drugs=("1596450",))),
    ("contrast", "Iodinated contrast and the kidney", PreparedCall("10037975", "", "", drugs=("36813-4",))),
    ("metformin", "Metformin and the kidney", PreparedCall("90000001", "", "", drugs=("6809",))),
    ("rivaroxaban", "Anticoagulant dose and the kidney", PreparedCall("90000002", "", "", drugs=("1114195",))),
    ("discharge", "After AKI: before discharge", PreparedCall("10005817", "", "", DISCHARGE)),
)


def main() -> int:
    """Write every picture into `--out`; `--only` limits them to names that contain a word."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--out", type=Path, default=DEFAULT_TARGET)
    arguments.add_argument("--only", default="", help="a part of the names of the pictures to take")
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
        if given.only in "ehr":
            _take_in_the_ehr(browser, demo, given.out)
        for shot in SHOTS:
            if given.only in shot.name:
                _take(browser, demo, shot, given.out)
        if given.only in "worklist":
            _take_worklist(browser, demo, given.out)
        for name, topic, call in CARDS:
            if given.only in f"card-{name}":
                _take_card(browser, demo, (name, topic, call), given.out)
    return 0


def _take_in_the_ehr(browser: Browser, demo: DemoSetting, target: Path) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 900}, device_scale_factor=1)
    open_first(page, demo, "stage_2")
    framed(page).locator(".now .headline").wait_for()
    page.wait_for_timeout(500)  # the frame's first paint
    page.screenshot(path=target / "ehr.png")
    page.close()


def _take(browser: Browser, demo: DemoSetting, shot: Shot, target: Path) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 800}, **shot.preferences)
    page = context.new_page()
    if shot.faults:
        set_faults(page, demo, **shot.faults)
    if shot.left_for:
        page.clock.install()
    address = open_alone(page, demo, shot.situation)
    page.set_viewport_size({"width": shot.width, "height": 800})
    if shot.path:
        page.goto(f"{address}{shot.path}")
    if shot.left_for:
        page.clock.run_for(shot.left_for)
    if shot.media == "print":
        page.emulate_media(media="print")
    _picture(page, target / f"{shot.name}.{'png' if shot.name == 'patient' else 'jpg'}")
    if shot.faults:
        set_faults(page, demo)
    context.close()


def _take_worklist(browser: Browser, demo: DemoSetting, target: Path) -> None:
    """After four patients were opened, and a fifth found."""
    context = browser.new_context(viewport={"width": 1000, "height": 800})
    page = context.new_page()
    people = [someone(page, demo, situation) for situation in (*ON_THE_WORKLIST, "stage_2")]
    tab = open_worklist(page, demo)
    for name, number in people:
        find_by_number(tab, number)
        if (name, number) != people[-1]:
            tab.get_by_role("button", name=f"Open {name}").click()
            tab.locator(".now .headline").wait_for()
            tab.get_by_role("link", name="Patients of this session").click()
    tab.goto(tab.url.partition("#")[0])  # from the top, not where the search has led
    _picture(tab, target / "worklist.jpg")
    context.close()


def _take_card(browser: Browser, demo: DemoSetting, wanted: tuple[str, str, PreparedCall], target: Path) -> None:
    """The card as the EHR's bench shows it. Fails where the call brings no card, two, or one of another topic."""
    name, topic, call = wanted
    page = browser.new_page(viewport={"width": 1180, "height": 900})
    page.goto(f"{demo.ehr_url}/bench?{call.query(call.record)}")
    card = page.locator("article.cds-card")
    expect(card).to_have_count(1)
    expect(card.locator(".cds-source")).to_contain_text(topic)
    path = target / f"card-{name}.jpg"
    card.screenshot(path=path, type="jpeg", quality=_QUALITY)
    print(f"{path}  {path.stat().st_size // 1024} kB")
    page.close()


def _picture(page: Page, path: Path) -> None:
    if path.suffix == ".jpg":
        page.screenshot(path=path, full_page=True, type="jpeg", quality=_QUALITY)
    else:
        page.set_viewport_size({"width": 1280, "height": 1000})
        page.screenshot(path=path)
    print(f"{path}  {path.stat().st_size // 1024} kB")


if __name__ == "__main__":
    sys.exit(main())
