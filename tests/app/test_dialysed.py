"""What is shown of a patient on dialysis: creatinine without any claim that it measures the kidneys."""

from zoneinfo import ZoneInfo

import pytest

from app.presentation import PageSetting, PatientPage, patient_page
from app.presentation.wording import english
from cds_hooks.card_detail import DetailFacts, detail
from cds_hooks.case import case_of
from model.assess import assess
from model.errors import ModelError
from model.kidney_facts import kidney_facts
from model.snapshot import Concept, PatientSnapshot, Problem
from tests.builders.assessed import NOW, creatinine, snapshot
from tests.builders.courses import DIALYSIS, STAGE_2

ZONE = ZoneInfo("Europe/London")
MAINTENANCE = snapshot(
    creatinine(70, 6.2),
    creatinine(3, 3.1),
    problems=(Problem("HD", frozenset({Concept.MAINTENANCE_DIALYSIS}), "Condition/1", active=True),),
)


def page(chart: PatientSnapshot) -> PatientPage:
    outcome = assess(chart, now=NOW, model=ModelError("none"))
    return patient_page(outcome, chart, PageSetting("Riverside EHR", english(ZONE), window="all"))


@pytest.mark.parametrize("chart", [DIALYSIS, MAINTENANCE], ids=["begun in this episode", "maintenance"])
def test_the_latest_creatinine_says_that_dialysis_lowers_it(chart: PatientSnapshot) -> None:
    shown = page(chart)
    facts = {fact.term: fact for fact in shown.now.facts}
    assert "on dialysis, which lowers it" in facts["Latest creatinine"].note
    assert not {"Ratio", "Course", "eGFR", "NHS England alert"} & facts.keys()
    assert shown.course.course is not None
    assert not shown.course.course.has_bands
    assert "dialysis lowers creatinine" in shown.course.bands_words


def test_why_the_numbers_do_not_count_stands_beside_the_stage_and_in_the_hand_over() -> None:
    shown = page(DIALYSIS)
    [reason] = [one for one in shown.now.reasons if "Dialysis clears creatinine" in one]
    assert reason in shown.actions.handover


def test_care_leaves_to_whoever_dialyses_what_they_do_anyway() -> None:
    care = page(DIALYSIS).care
    assert care is not None
    titles = {item.title for item in care.items}
    assert "Drugs that can harm kidneys" in titles
    assert not {"Repeat creatinine", "Talk with nephrology"} & titles
    staged = page(STAGE_2).care
    assert staged is not None
    assert {"Repeat creatinine", "Talk with nephrology"} <= {item.title for item in staged.items}


def test_a_value_before_dialysis_keeps_its_ratio_and_one_during_it_has_none() -> None:
    rows = [(row.value, bool(row.ratio), row.note) for row in reversed(page(DIALYSIS).course.rows)]
    assert rows == [
        ("4.1", True, ""),
        ("6.2", True, ""),
        ("3.0", False, "during dialysis"),
        ("4.4", False, "during dialysis"),
    ]


def test_without_dialysis_nothing_is_held_back() -> None:
    shown = page(STAGE_2)
    assert {"Ratio", "Course"} <= {fact.term for fact in shown.now.facts}
    assert shown.course.course is not None
    assert shown.course.course.has_bands
    assert not any(row.note for row in shown.course.rows)


def test_a_creatinine_of_stage_3_hides_dialysis_from_no_rule() -> None:
    """Of equal stages creatinine used to be named, and with it eGFR and clearance were computed again."""
    chart = snapshot(creatinine(100, 0.9), creatinine(3, 3.4), procedures=DIALYSIS.procedures)
    outcome = assess(chart, now=NOW, model=ModelError("none"))
    facts = kidney_facts(outcome, chart, NOW)
    assert (facts.egfr, facts.clearance) == (None, None)
    assert case_of(outcome, chart, NOW).on_dialysis
    said = detail(outcome, DetailFacts(ZONE))
    assert said.count("Dialysis clears creatinine") == 1
    assert "the latest is" not in said
