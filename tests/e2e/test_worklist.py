"""The launch without a patient in a real browser: from the EHR's list, by search, to several patients and back."""

import re
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, Page, expect

from app.demo.processes import DemoSetting
from tests.e2e.stage import Complaints, find_by_number, open_worklist, someone
from tests.e2e.test_accessibility import unfold, violations

pytestmark = pytest.mark.browser


def test_two_patients_are_found_opened_side_by_side_and_ended_together(
    page: Page, demo: DemoSetting, complaints: Complaints
) -> None:
    people = [someone(page, demo, situation) for situation in ("stage_3", "no_aki")]
    tab = open_worklist(page, demo)
    expect(tab.locator(".worklist")).to_contain_text("not looked at is not the same as no risk")
    for name, number in people:
        find_by_number(tab, number)
        tab.get_by_role("button", name=f"Open {name}").click()
        expect(tab.get_by_role("heading", level=1)).to_have_text(name)
        expect(tab.locator(".now")).to_be_visible()
        tab.get_by_role("link", name="Patients of this session").click()
    opened = tab.locator("section", has=tab.get_by_role("heading", name="Opened in this session"))
    expect(opened.locator(".patients__name")).to_have_text([people[1][0], people[0][0]])
    expect(opened.locator(".patients__stage")).to_have_text(["No AKI", "AKI stage 3"])
    tabs = []
    for name, _ in people:
        address = opened.get_by_role("link", name=name).get_attribute("href")
        tabs.append(page.context.new_page())
        tabs[-1].goto(f"{demo.app_url}{address}")
    for each, (name, _) in zip(tabs, people, strict=True):
        each.reload()
        expect(each.get_by_role("heading", level=1)).to_have_text(name)
    assert complaints == []
    tabs[0].get_by_role("button", name="End this session for all its patients").click()
    expect(tabs[0].get_by_role("heading", level=1)).to_have_text("The session has ended")
    for each in (tab, tabs[1]):
        each.reload()
        expect(each.get_by_role("heading", level=1)).to_have_text("This page belongs to another launch")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_state_of_the_list_is_free_of_violations(browser: Browser, demo: DemoSetting, scheme: str) -> None:
    context = browser.new_context(color_scheme="dark" if scheme == "dark" else "light")
    page = context.new_page()
    name, number = someone(page, demo, "stage_2")
    tab = open_worklist(page, demo)
    assert violations(tab) == []
    find_by_number(tab, "nobody-has-this")
    expect(tab.locator("#found-panel")).to_contain_text("no patient who matches")
    assert violations(tab) == []
    find_by_number(tab, number)
    assert violations(tab) == []
    tab.get_by_role("button", name=f"Open {name}").click()
    expect(tab.locator(".now")).to_be_visible()
    unfold(tab)
    assert violations(tab) == []
    tab.get_by_role("link", name="Patients of this session").click()
    assert violations(tab) == []
    context.close()


def test_the_list_works_at_320_pixels_and_without_javascript(browser: Browser, demo: DemoSetting) -> None:
    context = browser.new_context(viewport={"width": 320, "height": 640}, java_script_enabled=False)
    page = context.new_page()
    name, number = someone(page, demo, "stage_1")
    tab = open_worklist(page, demo)
    find_by_number(tab, number)
    tab.get_by_role("button", name=re.compile(f"Open.*{name}")).click()
    expect(tab.get_by_role("heading", level=1)).to_have_text(name)
    tab.get_by_role("link", name="Patients of this session").click()
    box = tab.locator("main").bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= 320
    context.close()


def test_a_patient_is_found_by_family_name_and_birth_date(page: Page, demo: DemoSetting) -> None:
    name, number = someone(page, demo, "stage_3")
    tab = open_worklist(page, demo)
    find_by_number(tab, number)
    tab.get_by_role("button", name=f"Open {name}").click()
    expect(tab.get_by_role("heading", level=1)).to_have_text(name)
    born = re.search(r"\d{1,2} \w{3} \d{4}", tab.locator(".banner__facts").inner_text())
    assert born is not None
    tab.get_by_role("link", name="Patients of this session").click()
    tab.get_by_label("Family name").fill(name.rpartition(" ")[2])
    tab.get_by_label("Date of birth").fill(_iso(born[0]))
    tab.get_by_role("button", name="Search by name").click()
    expect(tab.get_by_role("button", name=f"Open {name}")).to_be_visible()


def _iso(shown: str) -> str:
    return datetime.strptime(shown, "%d %b %Y").replace(tzinfo=UTC).date().isoformat()
