"""The course under a keyboard and a pointer."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from app.demo.processes import DemoSetting
from tests.e2e.stage import Complaints, open_alone

pytestmark = pytest.mark.browser


def test_arrow_keys_read_out_every_value_of_the_course_in_turn(
    page: Page, demo: DemoSetting, complaints: Complaints
) -> None:
    open_alone(page, demo, "stage_2")
    slider = page.get_by_role("slider", name="Values along the course")
    slider.focus()
    stops = page.locator(".course--wide [data-x]")
    count = stops.count()
    read = [page.locator("#course-reader output").inner_text()]
    for _ in range(count - 1):
        page.keyboard.press("ArrowLeft")
        read.append(page.locator("#course-reader output").inner_text())
    places = [(float(one.get_attribute("data-x") or "nan"), one.text_content()) for one in stops.all()]
    titles = [text for _, text in sorted(places, key=lambda place: place[0])]
    assert read == titles[::-1]
    expect(slider).to_have_attribute("aria-valuetext", f"1 of {count}")
    expect(page.locator(".course--wide .course-dot--read")).to_have_count(1)
    assert slider.evaluate("e => getComputedStyle(e).outlineStyle") == "solid"
    assert complaints == []


def test_pointer_over_the_course_reads_out_the_nearest_value(page: Page, demo: DemoSetting) -> None:
    open_alone(page, demo, "stage_2")
    dot = page.locator(".course--wide .course-dot").first
    dot.hover(force=True)
    expect(page.locator("#course-reader output")).to_have_text(dot.locator("title").text_content() or "-")


def test_a_pointer_that_stays_with_a_value_is_told_it_once(page: Page, demo: DemoSetting) -> None:
    """The read-out is a live region: what is written anew is spoken anew."""
    open_alone(page, demo, "stage_2")
    page.evaluate(
        "() => { window.told = 0; new MutationObserver((all) => { window.told += all.length; }).observe("
        "document.querySelector('#course-reader output'), { childList: true }); }"
    )
    box = page.locator(".course--wide .course-dot").first.bounding_box()
    assert box is not None
    for step in range(4):
        page.mouse.move(box["x"] + step, box["y"] + step)
    assert page.evaluate("window.told") == 1


def test_read_out_is_spoken_politely_and_the_drawing_stays_one_image(page: Page, demo: DemoSetting) -> None:
    open_alone(page, demo, "stage_2")
    expect(page.get_by_role("status").filter(has_text="arrow keys")).to_be_visible()
    expect(page.get_by_role("img", name=re.compile("On the same time axis: eGFR"))).to_be_visible()


def test_without_javascript_there_is_no_slider_and_the_tables_tell_all(
    browser: Browser, demo: DemoSetting
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    open_alone(page, demo, "stage_2")
    expect(page.get_by_role("slider")).to_have_count(0)
    page.get_by_text("The course as tables").click()
    for title in ("Urine output", "Drugs that can harm kidneys", "Events"):
        expect(page.locator(".course-panel h3", has_text=title)).to_be_visible()
    context.close()


def test_the_page_with_all_it_loads_stays_below_150_kilobytes(page: Page, demo: DemoSetting) -> None:
    open_alone(page, demo, "stage_3")
    page.goto(page.url.partition("?")[0] + "?window=all")
    page.wait_for_load_state("load")
    own = page.evaluate("performance.getEntriesByType('navigation')[0].decodedBodySize")
    loaded = page.evaluate("performance.getEntriesByType('resource').map((one) => one.decodedBodySize)")
    assert len(loaded) >= 3
    assert own > 20_000
    assert own + sum(loaded) < 150_000
