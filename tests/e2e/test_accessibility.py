"""WCAG 2.2 AA where a program can judge it: axe on every page and state, keyboard, reflow, colours, print.

What people checked by hand is in docs/accessibility.md.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from app.demo.processes import DemoSetting
from tests.e2e.stage import open_alone, set_faults

pytestmark = pytest.mark.browser

SITUATIONS = (
    "no_aki",
    "aki_within_48_h",
    "stage_1",
    "stage_2",
    "stage_3",
    "dialysis",
    "too_little_data",
    "outpatient",
)
RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
}
ViewOf = Callable[..., Page]


@pytest.fixture
def view(browser: Browser) -> Iterator[ViewOf]:
    """Makes pages with the preferences a test names."""
    contexts = []

    def make(width: int = 1280, height: int = 800, **preferences: Any) -> Page:
        contexts.append(browser.new_context(viewport={"width": width, "height": height}, **preferences))
        return contexts[-1].new_page()

    yield make
    for context in contexts:
        context.close()


def violations(page: Page) -> list[str]:
    """Every rule broken, with the first place."""
    found = Axe().run(page, options={"resultTypes": ["violations"], **RULES}).response["violations"]
    return [f"{each['id']}: {each['nodes'][0]['target']} {each['nodes'][0]['failureSummary']}" for each in found]


def unfold(page: Page) -> None:
    """Open every disclosure, so that what is inside is judged too."""
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")


@pytest.mark.parametrize(
    ("situation", "scheme"),
    [*((each, "light") for each in SITUATIONS), ("no_aki", "dark"), ("stage_3", "dark")],
)
def test_every_state_of_the_patients_page_is_free_of_violations(
    view: ViewOf, demo: DemoSetting, situation: str, scheme: str
) -> None:
    page = view(color_scheme=scheme)
    open_alone(page, demo, situation)
    unfold(page)
    assert violations(page) == []


@pytest.mark.parametrize(
    "path", ["/", "/model", "/nowhere", "/launch?iss=https://evil.example.org&launch=x", "/p/x/"]
)
def test_plain_and_error_pages_are_free_of_violations(view: ViewOf, demo: DemoSetting, path: str) -> None:
    page = view()
    page.goto(f"{demo.app_url}{path}")
    assert violations(page) == []


@pytest.mark.parametrize("kind", ["assessment", "repeat-creatinine"])
def test_preview_and_result_of_writing_are_free_of_violations(view: ViewOf, demo: DemoSetting, kind: str) -> None:
    page = view()
    page.goto(f"{open_alone(page, demo, 'stage_3')}write/{kind}")
    unfold(page)
    assert violations(page) == []
    page.locator(".button--primary").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Written to the chart")
    unfold(page)
    assert violations(page) == []


def test_partial_page_is_free_of_violations_and_says_what_is_missing(view: ViewOf, demo: DemoSetting) -> None:
    page = view()
    set_faults(page, demo, unavailable="MedicationRequest", bad_unit="on")
    try:
        open_alone(page, demo, "stage_1")
    finally:
        set_faults(page.context.new_page(), demo)
    expect(page.get_by_role("heading", name="Before you read on")).to_be_visible()
    expect(page.locator(".drugs")).to_contain_text("could not be read")
    expect(page.locator(".inputs")).to_contain_text("unit")
    unfold(page)
    assert violations(page) == []


def test_ended_session_is_free_of_violations(view: ViewOf, demo: DemoSetting) -> None:
    page = view()
    open_alone(page, demo, "stage_1")
    page.get_by_role("button", name="End this session").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("The session has ended")
    assert violations(page) == []


def test_keyboard_reaches_every_control_in_reading_order_and_shows_where_it_is(
    view: ViewOf, demo: DemoSetting
) -> None:
    page = view()
    open_alone(page, demo, "stage_2")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    walked = []
    for _ in range(40):
        page.keyboard.press("Tab")
        told = page.evaluate(
            "(() => { const e = document.activeElement; const s = getComputedStyle(e);"
            " return [e.tagName, e.textContent.trim().slice(0, 40), s.outlineStyle]; })()"
        )
        if told[0] == "BODY":
            break
        walked.append(told)
    names = [text for _, text, _ in walked]
    expected = [
        "Read again",
        "48 hours",
        "The course as",
        "All 16 inputs",
        "Draft a creatinine",
        "Write this",
        "Hand-over",
    ]
    places = [next(n for n, name in enumerate(names) if name.startswith(words[:12])) for words in expected]
    assert places == sorted(places)
    assert {outline for _, _, outline in walked} == {"solid"}


@pytest.mark.parametrize("situation", ["stage_2", "too_little_data"])
def test_nothing_is_cut_off_at_320_pixels(view: ViewOf, demo: DemoSetting, situation: str) -> None:
    """WCAG 1.4.10: 1280 pixels at 400 % zoom."""
    page = view(320, 640)
    open_alone(page, demo, situation)
    unfold(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert violations(page) == []


def test_banner_leaves_room_to_read_on_a_small_screen(view: ViewOf, demo: DemoSetting) -> None:
    page = view(320, 480)
    open_alone(page, demo, "stage_2")
    box = page.locator(".banner").bounding_box()
    assert box is not None
    assert box["height"] < 160


def test_forced_colours_keep_stage_and_course_apart_from_their_ground(view: ViewOf, demo: DemoSetting) -> None:
    page = view(forced_colors="active")
    open_alone(page, demo, "stage_2")
    line = page.locator(".course--wide .course-line").first
    assert line.evaluate("e => getComputedStyle(e).stroke") != page.evaluate(
        "getComputedStyle(document.body).backgroundColor"
    )
    here = page.locator(".stages__step--here")
    colours = here.evaluate("e => [getComputedStyle(e).color, getComputedStyle(e).backgroundColor]")
    assert colours[0] != colours[1]


def test_nothing_moves_for_those_who_asked_for_less_motion(view: ViewOf, demo: DemoSetting) -> None:
    page = view(reduced_motion="reduce")
    open_alone(page, demo, "stage_2")
    moving = (
        "[...document.querySelectorAll('*')].filter((e) => { const s = getComputedStyle(e);"
        " return s.scrollBehavior === 'smooth' || parseFloat(s.transitionDuration) > 0"
        " || s.animationName !== 'none'; }).length"
    )
    assert page.evaluate(moving) == 0


def test_chart_has_a_name_that_tells_its_course_and_a_table_beside_it(view: ViewOf, demo: DemoSetting) -> None:
    page = view()
    open_alone(page, demo, "stage_2")
    chart = page.get_by_role("img", name=re.compile(r"Creatinine from .* First: .* Latest: .* The table below"))
    expect(chart).to_be_visible()
    page.get_by_text("The course as tables").click()
    expect(page.get_by_role("table", name=re.compile("Creatinine values"))).to_be_visible()


def test_text_may_be_spaced_out_without_loss(view: ViewOf, demo: DemoSetting) -> None:
    """WCAG 1.4.12."""
    page = view(bypass_csp=True)
    open_alone(page, demo, "stage_2")
    spaced = "line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important;"
    page.add_style_tag(content=f"* {{ {spaced} }}")
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280


def test_print_shows_the_findings_and_leaves_controls_out(view: ViewOf, demo: DemoSetting) -> None:
    page = view(794, 1123)
    open_alone(page, demo, "stage_2")
    page.emulate_media(media="print")
    for visible in (".banner__name", ".now .headline", ".forecast .number", ".course--wide", ".care", ".drugs"):
        expect(page.locator(visible).first).to_be_visible()
    for hidden in (".windows", ".actions", ".nhsuk-skip-link"):
        expect(page.locator(hidden).first).to_be_hidden()
    assert page.pdf(prefer_css_page_size=True).startswith(b"%PDF")
