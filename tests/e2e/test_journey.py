"""The whole path in a real browser: the EHR's page, the launch, the patient's page."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from app.demo.processes import DemoSetting
from tests.e2e.stage import Complaints, framed, open_first

pytestmark = pytest.mark.browser


def test_launch_in_the_ehrs_frame_ends_on_the_patients_page(
    page: Page, demo: DemoSetting, complaints: Complaints
) -> None:
    name = open_first(page, demo, "stage_2")
    chart = framed(page)
    expect(chart.get_by_role("heading", level=1)).to_have_text(name)
    expect(chart.get_by_role("heading", name="Now", exact=True)).to_be_visible()
    expect(chart.locator(".now .headline")).to_have_text("AKI stage 2")
    expect(chart.get_by_role("img", name=re.compile("Creatinine from"))).to_be_visible()
    expect(chart.locator(".banner")).to_contain_text("Read from Embedded EHR")
    assert complaints == []


def test_another_time_window_is_a_click_and_stays_on_the_same_patient(
    page: Page, demo: DemoSetting, complaints: Complaints
) -> None:
    name = open_first(page, demo, "stage_2")
    chart = framed(page)
    chart.get_by_role("link", name="All", exact=True).click()
    expect(chart.get_by_role("navigation", name="Time window").locator("[aria-current]")).to_have_text("All")
    expect(chart.get_by_role("heading", level=1)).to_have_text(name)
    assert complaints == []


def test_launch_in_a_new_tab_ends_on_the_same_patients_page(
    page: Page, demo: DemoSetting, complaints: Complaints
) -> None:
    name = open_first(page, demo, "aki_within_48_h")
    with page.context.expect_page() as opened:
        page.locator("#launch-tab").click()
    tab = opened.value
    expect(tab.get_by_role("heading", level=1)).to_have_text(name)
    expect(tab.locator(".forecast .number")).to_have_text(re.compile(r"\d+%"))
    expect(tab.get_by_role("heading", name="Why", exact=True)).to_be_visible()
    assert tab.url.startswith(f"{demo.app_url}/p/")
    assert complaints == []


def test_patient_with_too_little_data_is_told_so_and_given_no_number(
    page: Page, demo: DemoSetting, complaints: Complaints
) -> None:
    open_first(page, demo, "too_little_data")
    chart = framed(page)
    expect(chart.locator(".now .headline")).to_have_text("Cannot be staged")
    expect(chart.locator(".forecast .headline")).to_have_text("No number")
    assert complaints == []


def test_two_patients_in_two_tabs_stay_apart(page: Page, demo: DemoSetting) -> None:
    names = []
    tabs = []
    for situation in ("stage_1", "stage_3"):
        names.append(open_first(page, demo, situation))
        with page.context.expect_page() as opened:
            page.locator("#launch-tab").click()
        tabs.append(opened.value)
    for tab, name in zip(tabs, names, strict=True):
        tab.reload()
        expect(tab.get_by_role("heading", level=1)).to_have_text(name)


def test_page_is_whole_at_320_pixels_and_without_javascript(browser: Browser, demo: DemoSetting) -> None:
    context = browser.new_context(viewport={"width": 320, "height": 640}, java_script_enabled=False)
    page = context.new_page()
    name = open_first(page, demo, "stage_1")
    framed(page).locator("h1").wait_for()
    frame = next(frame for frame in page.frames if frame.url.startswith(demo.app_url))
    page.goto(frame.url)
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    expect(page.locator(".course--narrow")).to_be_visible()
    box = page.locator("main").bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= 320
    context.close()


def test_unknown_issuer_is_refused_with_a_clear_page(page: Page, demo: DemoSetting) -> None:
    answer = page.goto(f"{demo.app_url}/launch?iss=https://evil.example.org/fhir&launch=x")
    assert answer is not None
    assert answer.status == 403
    expect(page.get_by_role("heading", level=1)).to_contain_text("not registered")
