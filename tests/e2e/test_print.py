"""One sheet of paper for the round: the printed page says what the screen says."""

import io
import re

import pytest
from playwright.sync_api import Page
from pypdf import PdfReader

from app.demo.processes import DemoSetting
from tests.e2e.stage import open_alone

pytestmark = pytest.mark.browser


def printed(page: Page) -> tuple[int, str]:
    """How many pages come out of the printer, and what is on them."""
    document = PdfReader(io.BytesIO(page.pdf(prefer_css_page_size=True)))
    return len(document.pages), re.sub(r"\s+", " ", " ".join(each.extract_text() for each in document.pages))


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ("AKI stage 2", "Baseline", "High risk|Low risk|Moderate risk", "COURSE", "eGFR", "Read from")),
        ("de", ("KDIGO-Stadium 2|Stadium 2", "Ausgangswert", "Risiko", "VERLAUF", "eGFR", "Gelesen aus")),
    ],
)
def test_a_typical_patient_is_one_page_with_stage_probability_baseline_and_times(
    page: Page, demo: DemoSetting, language: str, words: tuple[str, ...]
) -> None:
    address = open_alone(page, demo, "stage_2")
    page.goto(f"{address}?language={language}")
    told = page.locator(".forecast .number").inner_text()
    baseline = page.locator(".facts__value").nth(1).inner_text()
    pages, text = printed(page)
    assert pages == 1
    for word in (*words, re.escape(baseline), r"\s*".join(map(re.escape, told.split()))):
        assert re.search(word, text), word
    assert re.search(r"\d\d:\d\d", text)


def test_controls_and_the_session_stay_out_of_the_print(page: Page, demo: DemoSetting) -> None:
    open_alone(page, demo, "stage_2")
    _, text = printed(page)
    for word in ("Read again", "End this session", "48 hours 7 days", "Point at the course", "/p/"):
        assert word not in text
