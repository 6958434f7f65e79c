"""Writing back in a real browser, and the hand-over."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from app.demo.processes import DemoSetting
from tests.e2e.stage import Complaints, framed, open_alone, open_first, set_faults

pytestmark = pytest.mark.browser


def test_assessment_is_previewed_written_and_found_by_the_ehrs_id(
    page: Page, demo: DemoSetting, complaints: Complaints
) -> None:
    name = open_first(page, demo, "stage_2")
    chart = framed(page)
    chart.get_by_role("link", name="Write this assessment").click()
    expect(chart.get_by_text("Nothing is written yet.")).to_be_visible()
    expect(chart.get_by_role("heading", level=1)).to_have_text(name)
    chart.get_by_role("button", name="Write to the chart").click()
    expect(chart.get_by_role("heading", level=1)).to_have_text("Written to the chart")
    expect(chart.get_by_text(re.compile(r"^RiskAssessment/"))).to_be_visible()
    expect(chart.get_by_text("yes, it is this one")).to_be_visible()
    assert complaints == []


def test_double_click_and_going_back_write_once(page: Page, demo: DemoSetting) -> None:
    address = open_alone(page, demo, "stage_3")
    page.goto(f"{address}write/repeat-creatinine")
    page.get_by_role("button", name="Put the draft order").dblclick()
    reference = page.locator("dd.source")
    expect(reference).to_have_text(re.compile("ServiceRequest/"))
    written = reference.inner_text()
    page.goto(f"{address}write/repeat-creatinine")
    expect(page.locator(".write")).to_contain_text(f"It stands in the chart as {written}")
    expect(page.get_by_role("button", name="Put the draft order")).to_have_count(0)


def test_writing_needs_no_javascript(browser: Browser, demo: DemoSetting) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    address = open_alone(page, demo, "stage_1")
    page.goto(f"{address}write/assessment")
    page.get_by_role("button", name="Write to the chart").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Written to the chart")
    context.close()


def test_handover_is_copied_as_text(browser: Browser, demo: DemoSetting) -> None:
    context = browser.new_context()
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    open_alone(page, demo, "stage_2")
    page.get_by_text("Hand-over as text").click()
    page.get_by_role("button", name="Copy").click()
    expect(page.locator("#copied")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()").startswith("SITUATION")
    context.close()


def test_banner_says_whose_chart_and_how_old_the_reading_is(page: Page, demo: DemoSetting) -> None:
    """SL-54: the page does not follow the EHR to another patient, so it says whose it is and since when."""
    page.clock.install()
    address = open_alone(page, demo, "stage_2")
    page.goto(address)
    expect(page.locator(".banner")).to_contain_text("Read from Embedded EHR at")
    page.clock.run_for("12:00")
    expect(page.locator("#read-age")).to_have_text(re.compile(r"\((11|12|13) min ago\)"))
    expect(page.locator("#read-age")).to_have_class(re.compile("banner__age--stale"))


def test_slow_ehr_gives_a_partial_page_or_a_clear_refusal_and_never_low_risk(
    page: Page, demo: DemoSetting
) -> None:
    set_faults(page, demo, broken="Observation")
    try:
        open_first(page, demo, "stage_3")
        chart = framed(page)
        expect(chart.locator("h1")).to_be_visible()
        expect(chart.locator("body")).not_to_contain_text("Low risk")
        expect(chart.locator("body")).to_contain_text("could not be read")
    finally:
        set_faults(page, demo)
