"""What a person sees while a slow EHR answers, and when the answer never comes."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from app.demo.processes import DemoSetting
from tests.e2e.stage import Complaints, framed, open_alone, open_first, set_faults

pytestmark = pytest.mark.browser

#: Before the second part, and in the middle of it.
CUTS = ('<template id="late-title">', '<section class="panel forecast')


@pytest.fixture
def slow(page: Page, demo: DemoSetting) -> Iterator[None]:
    set_faults(page, demo, slow="3")
    yield
    set_faults(page, demo)


@pytest.mark.usefixtures("slow")
def test_while_a_slow_ehr_answers_the_frame_says_so_and_then_gives_way_to_the_page(
    page: Page, demo: DemoSetting, complaints: Complaints
) -> None:
    open_first(page, demo, "stage_3")
    chart = framed(page)
    expect(chart.get_by_role("status").filter(has_text="Reading the chart")).to_be_visible()
    expect(chart.locator("body")).to_contain_text("Nothing is known about this patient's kidneys yet")
    expect(chart.locator(".now .headline")).to_have_text("AKI stage 3")
    expect(chart.locator(".waiting")).to_be_hidden()
    expect(chart.get_by_role("link", name="Skip to the content")).to_have_count(1)
    assert [one for one in complaints if "ERR_ABORTED" not in one] == []  # the list was left while it loaded


@pytest.mark.usefixtures("slow")
def test_a_page_that_comes_late_has_its_own_title(page: Page, demo: DemoSetting) -> None:
    open_alone(page, demo, "stage_3")
    expect(page).to_have_title(re.compile("AKI stage 3"))
    expect(page.locator("#waiting")).to_have_count(0)


def _cut(page: Page, after: str) -> None:
    """From now on a patient's page ends where `after` begins, as if worker or proxy had died there."""

    def fulfil(route: Route) -> None:
        answer = route.fetch(headers={**route.request.headers, "sec-fetch-mode": "navigate"})
        route.fulfill(response=answer, body=answer.text().partition(after)[0])

    page.route("**/p/*/", fulfil)


@pytest.mark.usefixtures("slow")
@pytest.mark.parametrize("after", CUTS)
def test_a_page_that_breaks_off_says_so_and_does_not_go_on_reading(
    page: Page, demo: DemoSetting, after: str
) -> None:
    address = open_alone(page, demo, "no_aki")
    _cut(page, after)
    page.goto(address)
    told = page.locator("#waiting")
    expect(told).to_contain_text("the connection may have broken off")
    expect(told.locator(".waiting__late")).to_be_visible()
    expect(told.get_by_role("status")).to_be_hidden()
    expect(told.get_by_role("link", name="Read again")).to_have_attribute("href", re.compile("^/p/"))


@pytest.mark.usefixtures("slow")
@pytest.mark.parametrize("after", CUTS)
def test_a_page_that_breaks_off_says_so_after_a_while_without_any_script(
    browser: Browser, demo: DemoSetting, after: str
) -> None:
    """So it must: browsers run no deferred script in an answer that never ends."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    address = open_alone(page, demo, "no_aki")
    _cut(page, after)
    page.goto(address)
    late = page.locator(".waiting__late")
    expect(late).to_be_hidden()
    page.locator("body").evaluate("() => document.getAnimations().forEach((one) => one.finish())")
    expect(late).to_be_visible()
    context.close()
