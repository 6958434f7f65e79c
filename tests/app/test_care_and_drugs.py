"""The care checklist, the drugs and the hand-over text, from an outcome and its snapshot."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.patient_page.drug_notes import drug_findings
from app.presentation import PageSetting, PatientPage, patient_page
from app.presentation.drugs import is_active
from app.presentation.wording import english
from model.analytes import Analyte
from model.assessment import Inputs, InsufficientData, NotApplicable, Outcome, Reason
from model.snapshot import Coding, Concept, Incomplete, Measurement, Medication, PatientSnapshot, Problem
from tests.builders.assessed import NOW, creatinine, in_aki, no_aki, prediction, snapshot

ZONE = ZoneInfo("America/New_York")
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
SERIES = (creatinine(70, 0.9), creatinine(22, 1.3), creatinine(3, 1.9))
COMFORT = Reason("comfort_care", "Comfort care: staged for information, no alerts.")


def drug(text: str, code: str = "", **more: Any) -> Medication:
    codes = frozenset({Coding(RXNORM, code)}) if code else frozenset[Coding]()
    known: dict[str, Any] = {"active": True, "start_at": NOW - timedelta(hours=20)}
    return Medication(text, codes, f"MedicationRequest/{text[:8].lower()}", **{**known, **more})


IBUPROFEN = drug("ibuprofen 400 MG Oral Tablet", "5640")


def page(outcome: Outcome, chart: PatientSnapshot | None = None) -> PatientPage:
    setting = PageSetting("Riverside EHR", english(ZONE), drug_notes=drug_findings)
    return patient_page(outcome, chart or snapshot(*SERIES), setting)


def lines(outcome: Outcome, chart: PatientSnapshot | None = None) -> dict[str, tuple[str, str]]:
    care = page(outcome, chart).care
    assert care is not None
    return {item.title: (item.state, item.finding) for item in care.items}


@pytest.mark.parametrize(
    ("outcome", "shown"),
    [
        (in_aki(1), True),
        (in_aki(3, progression=None), True),
        (no_aki(risk=prediction(0.4, "high")), True),
        (no_aki(risk=prediction(0.04, "low")), False),
        (no_aki(risk=None), False),
        (in_aki(2, reasons=(COMFORT,)), False),
        (InsufficientData("p1", NOW, Inputs(1), ()), False),
        (NotApplicable("p1", NOW, Inputs(1), ()), False),
    ],
    ids=["stage 1", "stage 3", "high risk", "low risk", "no number", "comfort care", "too little", "dialysis"],
)
def test_care_is_listed_in_aki_and_at_high_risk_only(outcome: Outcome, shown: bool) -> None:
    assert (page(outcome).care is not None) is shown


def test_lines_about_a_present_injury_are_left_out_before_there_is_one() -> None:
    before = lines(no_aki(risk=prediction(0.4, "high")))
    assert "Repeat creatinine" in before
    assert "Talk with nephrology" not in before
    assert "Talk with nephrology" in lines(in_aki(1))


def test_repeat_creatinine_is_due_a_day_after_the_last_and_overdue_after_that() -> None:
    assert lines(in_aki(1))["Repeat creatinine"] == ("due", "Due by 22 Nov 2026, 06:05 (daily).")
    old = snapshot(creatinine(70, 0.9), creatinine(30, 1.9))
    assert lines(in_aki(1), old)["Repeat creatinine"][1] == "Was due by 21 Nov 2026, 03:05, 6 h ago (daily)."


def test_what_the_chart_does_not_hold_is_called_unknown_and_never_done() -> None:
    found = lines(in_aki(2))
    for title in ("Urine output", "Volume and perfusion pressure", "High glucose", "Urinalysis", "Complications"):
        assert found[title][0] == "unknown", title


def test_urine_of_the_last_day_is_added_up() -> None:
    at = [NOW - timedelta(hours=h) for h in (30, 6, 2)]
    urine = tuple(Measurement(Analyte.URINE_OUTPUT, 100, t, t, f"Observation/u{t.hour}") for t in at)
    chart = replace(snapshot(*SERIES), series={Analyte.CREATININE: SERIES, Analyte.URINE_OUTPUT: urine})
    assert lines(in_aki(2), chart)["Urine output"] == (
        "noted",
        "200 mL charted in the last 24 h, latest 21 Nov, 07:05.",
    )


def test_reasons_to_talk_with_nephrology_are_those_of_this_chart() -> None:
    chart = snapshot(
        *SERIES, problems=(Problem("Transplant", frozenset({Concept.KIDNEY_TRANSPLANT}), "Condition/1"),)
    )
    state, finding = lines(in_aki(3), chart)["Talk with nephrology"]
    assert state == "due"
    assert "stage 3, kidney transplant" in finding


def test_no_line_of_care_is_an_order() -> None:
    care = page(in_aki(3), snapshot(*SERIES, medications=(IBUPROFEN,))).care
    assert care is not None
    imperatives = ("stop", "start", "order", "give", "withhold", "hold", "avoid", "refer", "call", "must")
    for item in care.items:
        assert item.title.split()[0].lower() not in imperatives
        assert not any(sentence.lower().startswith(imperatives) for sentence in item.finding.split(". "))
        assert item.source


def test_harmful_drug_is_listed_with_what_there_is_to_say_of_it_now() -> None:
    shown = page(in_aki(2), snapshot(*SERIES, medications=(IBUPROFEN,)))
    [row] = shown.drugs.rows
    assert (row.name, row.kind) == ("ibuprofen", "can harm kidneys")
    assert "AKI stage 2" in row.remarks[0].title
    assert lines(in_aki(2), snapshot(*SERIES, medications=(IBUPROFEN,)))["Drugs that can harm kidneys"] == (
        "noted",
        "Active: ibuprofen.",
    )


ON_MANY = snapshot(
    *SERIES,
    medications=(
        IBUPROFEN,
        drug("iohexol 300 MG/ML Injection", "5956", route="intravenous"),
        drug("gentamicin 40 MG/ML Injection", "1596450", route="intravenous"),
        drug("gabapentin 300 MG Oral Capsule", "25480"),
        drug("lisinopril 10 MG Oral Tablet", "29046"),
        drug("furosemide 40 MG Oral Tablet", "4603"),
        drug("empagliflozin 10 MG Oral Tablet", "1545653"),
        drug("omeprazole 20 MG Oral Capsule", "7646"),
    ),
)


@pytest.mark.parametrize(
    ("title", "drugs"),
    [
        ("Drugs that can harm kidneys", {"ibuprofen", "iohexol", "gentamicin"}),
        ("Doses for kidney function", {"gentamicin", "gabapentin"}),
        ("Drugs to review in acute illness", {"lisinopril", "furosemide", "empagliflozin"}),
    ],
)
def test_each_drug_stands_under_the_question_it_raises(title: str, drugs: set[str]) -> None:
    """Contrast and NSAIDs have no dose to adjust; an ACE inhibitor is paused or not."""
    state, finding = lines(in_aki(2), ON_MANY)[title]
    named = finding.removeprefix("Active: ").removesuffix(".").split(", ")
    assert (state, set(named)) == ("noted", drugs)


def test_nothing_to_review_is_no_line_of_care() -> None:
    assert "Drugs to review in acute illness" not in lines(in_aki(2), snapshot(*SERIES, medications=(IBUPROFEN,)))


def test_a_drug_without_a_remark_is_named_too_or_its_count_would_deny_it() -> None:
    chart = snapshot(*SERIES, medications=(drug("digoxin 0.125 MG Oral Tablet", "3407"),))
    shown = page(no_aki(), chart).drugs
    assert [(row.name, row.kind, row.remarks) for row in shown.rows] == [
        ("digoxin", "dosed by kidney function", ())
    ]
    assert shown.words == "1 of 1 active order concerns the kidneys."


def test_same_drug_ordered_twice_is_listed_once() -> None:
    twice = (IBUPROFEN, drug("ibuprofen 200 MG Oral Tablet", "5640"))
    assert len(page(in_aki(2), snapshot(*SERIES, medications=twice)).drugs.rows) == 1


def test_drug_known_by_its_words_alone_is_shown_as_that_and_nothing_is_concluded() -> None:
    [row] = page(in_aki(2), snapshot(*SERIES, medications=(drug("Ibuprofen"),))).drugs.rows
    assert row.kind == "can harm kidneys, by its name only"
    assert row.remarks == ()


def test_unrecognised_drugs_are_counted_so_that_an_empty_list_reassures_nobody() -> None:
    chart = snapshot(*SERIES, medications=(drug("Xyzzymab"),))
    shown = page(in_aki(2), chart)
    assert shown.drugs.words.startswith("1 of 1 active order could not be recognised.")
    assert lines(in_aki(2), chart)["Drugs that can harm kidneys"][0] == "unknown"


def test_drugs_that_could_not_be_read_are_said_to_be_missing() -> None:
    gap = Incomplete("medications", "forbidden", "The EHR does not permit reading this part of the chart.")
    assert "some may be missing" in page(in_aki(2), snapshot(*SERIES, incomplete=(gap,))).drugs.words


@pytest.mark.parametrize(
    ("changes", "active"),
    [
        ({}, True),
        ({"active": None}, False),
        ({"active": False}, False),
        ({"start_at": NOW + timedelta(hours=1)}, False),
        ({"start_at": None}, True),
        ({"end_at": NOW - timedelta(hours=1)}, False),
        ({"end_at": NOW + timedelta(hours=1)}, True),
    ],
)
def test_active_means_by_the_charts_word_and_its_dates(changes: dict[str, Any], active: bool) -> None:
    assert is_active(drug("ibuprofen", **changes), NOW) is active


def test_handover_says_who_what_since_when_and_where_it_comes_from() -> None:
    text = page(in_aki(2), snapshot(*SERIES, medications=(IBUPROFEN,))).actions.handover
    for words in (
        "SITUATION\nAlmeida, Rosalind, born 2 Mar 1948 (78 y), female, MRN 10005-3211",
        "AKI stage 2.",
        "37%. High risk of a higher AKI stage.",
        "BACKGROUND\nLatest creatinine: 1.9 mg/dL",
        "Drug: ibuprofen",
        "[ ] Repeat creatinine: Due by 22 Nov 2026, 06:05 (daily). (KDIGO 2012, figure 4)",
        "Read from Riverside EHR at 09:05, 21 Nov 2026 (America/New_York)",
        "not a diagnosis",
    ):
        assert words in text


def test_handover_without_a_number_says_why_and_promises_nothing() -> None:
    reason = Reason("no_creatinine", "No usable creatinine result is on the chart.")
    text = page(InsufficientData("p1", NOW, Inputs(0), (reason,)), PatientSnapshot("p1", NOW)).actions.handover
    assert f"no number. {reason.text}" in text
    assert "low" not in text.lower().replace("below", "")
    assert "TO CONSIDER" not in text
