"""How a chart leaves the screen, and that Back, reload and double clicks do not bring it back (SL-7, 62, 63)."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from app.demo.processes import DemoSetting
from tests.e2e.stage import CHROMIUM_ARGUMENTS, chromium_path, open_alone

pytestmark = pytest.mark.browser

END = "End this session and forget the patient"


@pytest.fixture
def keeping_browser(browser: Browser) -> Iterator[Browser]:
    """A browser that keeps pages whole for its Back button, as people's do; test drivers turn that off."""
    kept = browser.browser_type.launch(
        executable_path=chromium_path(),
        args=list(CHROMIUM_ARGUMENTS),
        ignore_default_args=["--disable-back-forward-cache"],
    )
    yield kept
    kept.close()


def _headline(page: Page) -> str:
    return page.locator("h1").first.inner_text()


@pytest.mark.parametrize(("stays", "ends"), [("14:00", "01:30"), ("14:00", "13:00:00")])
def test_chart_left_alone_is_hidden_after_the_idle_time(
    page: Page, demo: DemoSetting, stays: str, ends: str
) -> None:
    page.clock.install()
    open_alone(page, demo, "stage_2")
    name = _headline(page)
    page.clock.run_for(stays)
    expect(page.locator("body")).to_contain_text(name)
    page.clock.run_for(ends)
    expect(page.get_by_role("alert")).to_contain_text("This session has ended")
    expect(page.locator("body")).not_to_contain_text(name)
    assert name not in page.title()


def test_a_clock_that_is_a_day_behind_does_not_keep_the_chart_on_the_screen(page: Page, demo: DemoSetting) -> None:
    page.clock.install(time="2020-02-01T00:00:00")
    open_alone(page, demo, "stage_2")
    name = _headline(page)
    page.clock.run_for("16:00")
    expect(page.get_by_role("alert")).to_contain_text("This session has ended")
    expect(page.locator("body")).not_to_contain_text(name)


@pytest.mark.parametrize("javascript", [True, False], ids=["javascript", "no-javascript"])
def test_going_back_after_the_end_shows_no_patient(
    keeping_browser: Browser, demo: DemoSetting, javascript: bool
) -> None:
    context = keeping_browser.new_context(java_script_enabled=javascript)
    page = context.new_page()
    open_alone(page, demo, "stage_2")
    name = _headline(page)
    page.get_by_role("button", name=END).click()
    expect(page.locator("h1")).to_have_text("The session has ended")
    page.go_back()
    expect(page.locator("main")).to_contain_text("session-missing")
    expect(page.locator("body")).not_to_contain_text(name)
    page.reload()
    expect(page.locator("body")).not_to_contain_text(name)
    context.close()


def test_going_back_after_writing_offers_no_second_copy(keeping_browser: Browser, demo: DemoSetting) -> None:
    page = keeping_browser.new_page()
    address = open_alone(page, demo, "stage_1")
    page.goto(f"{address}write/repeat-creatinine")
    page.get_by_role("button", name="Put the draft order").click()
    written = page.locator("dd.source").inner_text()
    page.go_back()
    expect(page.locator(".write")).to_contain_text(f"It stands in the chart as {written}")
    page.close()


def test_a_double_click_on_the_end_ends_once_and_says_so(page: Page, demo: DemoSetting) -> None:
    open_alone(page, demo, "no_aki")
    page.get_by_role("button", name=END).dblclick()
    expect(page.locator("h1")).to_have_text("The session has ended")
