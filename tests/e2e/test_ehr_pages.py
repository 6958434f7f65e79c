"""The embedded EHR's own pages in a real browser: keyboard, narrow screens, axe, drafts a card takes away."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from app.demo.processes import DemoSetting
from tests.e2e.stage import Complaints

pytestmark = pytest.mark.browser

RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}
DRAFT_OF_A_TRIPLE = "/bench?patient=10012552&service=aki-order-sign&drug=5640"
EDITED = "/bench/request?patient=10012552&service=aki-order-sign&drug=5640&prefetch=none"
PAGES = ("/", "/?q=vancomycin", "/patients/10037861", "/bench", DRAFT_OF_A_TRIPLE, EDITED, "/settings")


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing_and_nothing_hangs_over_the_edge(
    page: Page, demo: DemoSetting, path: str, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(demo.ehr_url + path)
    expect(page.locator("[aria-busy=true]")).to_have_count(0)
    found = Axe().run(page, options={"resultTypes": ["violations"], **RULES}).response["violations"]
    assert [f"{each['id']}: {each['nodes'][0]['target']}" for each in found] == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_chart_is_found_and_opened_by_keyboard(page: Page, demo: DemoSetting, complaints: Complaints) -> None:
    page.goto(demo.ehr_url)
    page.keyboard.press("/")
    page.keyboard.type("vancomycin with pip")
    expect(page.locator("[data-filter-status]")).to_contain_text("patients shown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    name = page.evaluate("document.activeElement.textContent")
    page.keyboard.press("Enter")
    expect(page.locator(".banner h1")).to_have_text(name)
    assert complaints == []


def test_a_card_takes_the_draft_order_away(page: Page, demo: DemoSetting, complaints: Complaints) -> None:
    page.goto(f"{demo.ehr_url}/patients/10023117")
    page.locator("#cds-service").select_option("aki-order-sign")
    page.locator("#cds-drug").select_option("5640")
    page.get_by_role("button", name="Add").click()
    expect(page.locator("[data-draft]")).to_have_count(1)
    page.locator(".cds-suggestions").get_by_role("button", name="Remove the draft order for ibuprofen").click()
    expect(page.get_by_text("Removed from the draft orders")).to_be_visible()
    expect(page.locator("[data-draft]")).to_have_count(0)
    page.reload()
    page.locator("#cds-service").select_option("aki-order-sign")
    expect(page.get_by_text("None. An order service is asked once there is one.")).to_be_visible()
    assert complaints == []


def test_an_edited_request_with_a_spoilt_token_is_refused_and_shown(page: Page, demo: DemoSetting) -> None:
    page.goto(f"{demo.ehr_url}{EDITED}")
    page.get_by_label("Token").select_option("audience")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("alert")).to_contain_text("the service answered 401")
    page.get_by_label("Body").fill('{"hook":')
    page.get_by_label("Token").select_option("")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("alert")).to_contain_text("the service answered 400")


def test_what_feedback_said_and_its_answer_can_be_read_on_the_card(
    page: Page, demo: DemoSetting, complaints: Complaints
) -> None:
    page.goto(f"{demo.ehr_url}{DRAFT_OF_A_TRIPLE}")
    page.get_by_label("Comment").fill("Palliative")
    page.get_by_role("button", name="Dismiss").click()
    page.get_by_text("Feedback as sent, and the answer").click()
    expect(page.locator(".cds-card details pre").first).to_contain_text('"userComment": "Palliative"')
    expect(page.locator(".cds-card details pre").last).to_contain_text("feedback-stored")
    assert complaints == []
