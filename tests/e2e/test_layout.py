"""Where things stand: the two answers first, nothing cut, nothing that moves once it is there."""

import pytest
from playwright.sync_api import Browser, Page, expect

from app.demo.processes import DemoSetting
from tests.e2e.stage import open_alone, set_faults

pytestmark = pytest.mark.browser

#: An EHR's frame on a small screen.
FRAME = {"width": 1024, "height": 600}
CUT = """[...document.querySelectorAll('.panel, .panel p, .panel dd, .panel td, .panel th, .tag')]
    .filter((e) => e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== 'inline'
        && !e.closest('.scroll, .hidden') && !e.classList.contains('hidden'))
    .map((e) => `${e.className}: ${e.textContent.trim().slice(0, 40)}`)"""


@pytest.mark.parametrize("language", ["en", "de", "nl"])
@pytest.mark.parametrize("situation", ["aki_within_48_h", "stage_3"])
def test_both_answers_are_seen_without_scrolling_in_an_ehrs_frame(
    page: Page, demo: DemoSetting, situation: str, language: str
) -> None:
    page.set_viewport_size(FRAME)
    page.goto(f"{open_alone(page, demo, situation)}?language={language}")
    for answer in (".now .headline", ".forecast .headline"):
        box = page.locator(answer).bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= FRAME["height"]
    assert page.evaluate(CUT) == []


def test_a_forecast_without_a_number_takes_a_line_and_not_half_the_page(page: Page, demo: DemoSetting) -> None:
    open_alone(page, demo, "stage_3")
    now, forecast = (page.locator(name).bounding_box() for name in (".now", ".forecast"))
    assert now is not None
    assert forecast is not None
    assert forecast["y"] >= now["y"] + now["height"]
    assert forecast["height"] < now["height"] / 2
    expect(page.locator(".forecast")).to_contain_text("no higher stage to predict")


@pytest.mark.parametrize("slow", [{}, {"slow": "1"}], ids=["quick", "in-two-parts"])
def test_nothing_moves_while_the_page_loads(browser: Browser, demo: DemoSetting, slow: dict[str, str]) -> None:
    """Cumulative layout shift."""
    context = browser.new_context(viewport=FRAME)
    page = context.new_page()
    set_faults(page, demo, **slow)
    page.add_init_script(
        "window.shifts = []; new PerformanceObserver((list) => window.shifts.push("
        "...list.getEntries().map((one) => one.value))).observe({ type: 'layout-shift', buffered: true });"
    )
    open_alone(page, demo, "stage_2")
    page.wait_for_load_state("load")
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    shifts = page.evaluate("window.shifts")
    set_faults(page, demo)
    context.close()
    assert sum(shifts) < 0.01


def test_course_and_drugs_stand_side_by_side_and_in_one_column_on_a_phone(page: Page, demo: DemoSetting) -> None:
    open_alone(page, demo, "stage_2")
    course, drugs = page.locator(".course-panel"), page.locator(".drugs")

    def lefts() -> list[float]:
        return [box["x"] for one in (course, drugs) if (box := one.bounding_box())]

    wide = lefts()
    page.set_viewport_size({"width": 400, "height": 800})
    assert wide[0] < wide[1]
    assert len(set(lefts())) == 1


@pytest.mark.parametrize("width", [1280, 1024, 320])
def test_nothing_that_is_jumped_to_or_focused_lies_under_the_banner(
    browser: Browser, demo: DemoSetting, width: int
) -> None:
    """WCAG 2.4.11; on the way back through the page the banner is where focus comes to."""
    context = browser.new_context(viewport={"width": width, "height": 640}, reduced_motion="reduce")
    page = context.new_page()
    page.goto(f"{open_alone(page, demo, 'stage_2')}?window=48h#course")
    below = (
        "(e) => e.getBoundingClientRect().top - document.querySelector('.banner').getBoundingClientRect().bottom"
    )
    assert page.locator("#course").evaluate(below) >= 0
    page.locator(".languages a").last.focus()
    focused = page.locator(":focus")
    for _ in range(21):
        page.keyboard.press("Shift+Tab")
        if focused.evaluate("(e) => e.closest('.banner') !== null"):
            break
        assert focused.evaluate(below) >= 0
    else:
        pytest.fail("the banner's own link was never reached")
    context.close()
