from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.presentation import PageSetting, PatientPage, patient_page
from app.presentation.wording import english, in_hundred
from model.assessment import (
    Contribution,
    Inputs,
    InsufficientData,
    Interval,
    KdigoStaging,
    NotApplicable,
    Outcome,
    Reason,
)
from model.snapshot import Comparator, Incomplete, PatientSnapshot, Rejected
from tests.builders.assessed import BASELINE, MODEL, NOW, creatinine, in_aki, no_aki, prediction, snapshot

ZONE = ZoneInfo("America/New_York")
SAY = english(ZONE)
SERIES = (creatinine(70, 0.9), creatinine(22, 1.3), creatinine(3, 1.45))
NO_MODEL = Reason("model_unavailable", "No risk is given: the model is not available.")
NO_BASELINE = Reason("no_baseline", "There is no earlier creatinine to compare with.")
NO_CREATININE = Reason("no_creatinine", "No usable creatinine result is on the chart.")
DIALYSIS = Reason("maintenance_dialysis", "This patient is on maintenance dialysis.")


def page(outcome: Outcome, chart: PatientSnapshot | None = None, **setting: Any) -> PatientPage:
    return patient_page(outcome, chart or snapshot(*SERIES), PageSetting("Riverside EHR", SAY, **setting))


@pytest.mark.parametrize(
    ("outcome", "headline", "tone", "number", "category_words"),
    [
        (no_aki(risk=prediction(0.043, "low")), "No AKI", "none", "4%", "Low risk of new AKI"),
        (no_aki(risk=prediction(0.41, "high")), "No AKI", "none", "41%", "High risk of new AKI"),
        (in_aki(1), "AKI stage 1", "stage-1", "37%", "High risk of a higher AKI stage"),
        (in_aki(2), "AKI stage 2", "stage-2", "37%", "High risk of a higher AKI stage"),
        (in_aki(3, progression=None, reasons=(NO_MODEL,)), "AKI stage 3", "stage-3", "", "No number"),
        (
            no_aki(kdigo=KdigoStaging(None), reasons=(NO_BASELINE,)),
            "Cannot be staged",
            "unknown",
            "14%",
            "Moderate risk of new AKI",
        ),
        (InsufficientData("p1", NOW, Inputs(2), (NO_CREATININE,)), "Cannot be staged", "unknown", "", "No number"),
        (NotApplicable("p1", NOW, Inputs(2), (DIALYSIS,)), "Not applicable", "unknown", "", "No number"),
    ],
    ids=["low", "high", "stage 1", "stage 2", "stage 3", "no baseline", "too little data", "dialysis"],
)
def test_each_state_has_its_words(
    outcome: Outcome, headline: str, tone: str, number: str, category_words: str
) -> None:
    shown = page(outcome)
    assert (shown.now.headline, shown.now.tone) == (headline, tone)
    assert (shown.forecast.percent, shown.forecast.category_words) == (number, category_words)


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (no_aki(kdigo=KdigoStaging(None), risk=None, reasons=(NO_BASELINE, NO_MODEL)), NO_BASELINE),
        (InsufficientData("p1", NOW, Inputs(2), (NO_CREATININE,)), NO_CREATININE),
        (NotApplicable("p1", NOW, Inputs(2), (DIALYSIS,)), DIALYSIS),
    ],
    ids=["no baseline", "too little data", "dialysis"],
)
def test_missing_stage_always_says_why(outcome: Outcome, reason: Reason) -> None:
    assert page(outcome).now.reasons == (reason.text,)


def test_stage_0_is_not_called_no_aki_where_creatinine_was_high_from_the_first() -> None:
    """A patient brought in with 5.1 mg/dL after 5.0 the day before."""
    remark = Reason(
        "high_from_the_first_result", "Creatinine is high, and all results before it are of these days."
    )
    shown = page(no_aki(reasons=(remark,))).now
    assert (shown.headline, shown.tone, shown.stage) == ("AKI cannot be excluded", "unknown", 0)
    assert shown.reasons == (remark.text,)


def test_remark_on_a_stage_stands_beside_it_and_a_reason_for_no_number_does_not() -> None:
    remark = Reason("aki_not_recovered", "The last AKI has not recovered.")
    shown = page(no_aki(risk=None, reasons=(remark, NO_MODEL)))
    assert shown.now.reasons == (remark.text,)
    assert shown.forecast.reasons == (NO_MODEL.text,)


def test_interval_and_cautions_stand_beside_the_number_when_there_are_any() -> None:
    caution = Reason("few_inputs", "The chart holds little.")
    doubt = prediction(interval=Interval(0.104, 0.182, 0.8, "40 refits"), cautions=(caution,))
    forecast = page(no_aki(risk=doubt)).forecast
    assert forecast.interval == "80% interval: 10% to 18%."
    assert forecast.cautions == (caution.text,)
    plain = page(no_aki()).forecast
    assert (plain.interval, plain.cautions) == ("", ())


@pytest.mark.parametrize("code", ["recalibration_refused", "recalibration_expired"])
def test_a_refused_recalibration_is_the_reason_for_no_number(code: str) -> None:
    why = Reason(code, "This site's recalibration must not be used.")
    assert page(no_aki(risk=None, reasons=(NO_BASELINE, why))).forecast.reasons == (why.text,)


@pytest.mark.parametrize("reasons", [(NO_MODEL,), (Reason("from_a_later_version", "Because of this."),), ()])
def test_missing_number_always_says_why(reasons: tuple[Reason, ...]) -> None:
    forecast = page(no_aki(risk=None, reasons=reasons)).forecast
    assert forecast.dots is None
    assert forecast.reasons
    assert all(forecast.reasons)


def test_baseline_is_printed_with_value_method_and_date() -> None:
    facts = {fact.term: fact for fact in page(in_aki(2)).now.facts}
    assert facts["Baseline"].value == "0.85 mg/dL"
    assert "75 µmol/L" in facts["Baseline"].note
    assert "median of outpatient values" in facts["Baseline"].note
    assert "24 Jul 2026" in facts["Baseline"].note
    assert facts["Ratio"].value == "1.71 ×"


def test_assumed_baseline_is_called_assumed() -> None:
    staging = KdigoStaging(
        1, baseline=replace(BASELINE, method=BASELINE.method.ESTIMATED_EGFR_75_MDRD, n=0, at=None)
    )
    facts = {fact.term: fact for fact in page(in_aki(1, kdigo=staging)).now.facts}
    assert "assumed" in facts["Baseline"].note


def test_egfr_of_a_moving_creatinine_warns_against_dosing_by_it() -> None:
    egfr = next(fact for fact in page(in_aki(2)).now.facts if fact.term == "eGFR")
    assert "not steady" in egfr.note


def test_times_are_in_the_time_zone_of_the_ehr() -> None:
    shown = page(in_aki(2))
    assert shown.banner.read_clock == "09:05"
    assert shown.banner.time_zone == "America/New_York"
    assert "20 Nov 2026, 11:05" in shown.now.detail


def test_banner_always_names_patient_and_birth_date_but_can_be_compact() -> None:
    banner = page(no_aki(), need_patient_banner=False).banner
    assert banner.compact
    assert (banner.name, banner.birth_line) == ("Almeida, Rosalind", "2 Mar 1948 (78 y)")


def test_birthday_later_this_year_does_not_count_yet() -> None:
    chart = snapshot(*SERIES, birth_date=NOW.date().replace(year=1950, month=12))
    assert page(no_aki(), chart).banner.birth_line.endswith("(75 y)")


def test_every_input_of_the_model_is_listed_with_its_source() -> None:
    drivers = page(no_aki()).drivers
    assert drivers is not None
    assert [row.label for row in drivers.rows] == ["Creatinine, latest", "Haemoglobin", "Age"]
    assert [row.source for row in drivers.rows] == ["Observation/cr-3", "Observation/hb-3", ""]
    assert [row.direction for row in drivers.rows] == ["raises", "lowers", "raises"]
    assert drivers.rows[0].factor == "×1.86"


def test_value_of_a_group_names_itself_first_and_the_group_after() -> None:
    minerals = Contribution("minerals", "Calcium, magnesium, phosphate: calcium", 0.5, "6.5", "mg/dL")
    drivers = page(no_aki(risk=replace(prediction(), contributions=(minerals,)))).drivers
    assert drivers is not None
    assert (drivers.rows[0].label, drivers.rows[0].group) == ("Calcium", "calcium, magnesium, phosphate")


def test_age_is_the_same_in_the_banner_and_among_the_reasons() -> None:
    age = Contribution("age", "Age", 0.2, "79", "a")
    drivers = page(no_aki(risk=replace(prediction(), contributions=(age,)))).drivers
    assert drivers is not None
    assert drivers.rows[0].value == "78 y"


@pytest.mark.parametrize(
    ("value", "words"), [(0.3, "0.3"), (1.0, "1.0"), (0.85, "0.85"), (10.4, "10.4"), (88 / 88.42, "1.0")]
)
def test_creatinine_is_written_with_the_decimals_it_has(value: float, words: str) -> None:
    assert SAY.creatinine(value) == words


def test_bars_end_inside_their_half() -> None:
    drivers = page(no_aki()).drivers
    assert drivers is not None
    for row in drivers.rows:
        if row.direction == "raises":
            assert (row.bar_x, row.bar_x + row.bar_width <= 100) == (50, True)
        else:
            assert row.bar_x >= 0
            assert row.bar_x + row.bar_width == pytest.approx(50)


def test_results_reported_after_the_assessment_are_not_shown() -> None:
    late = replace(creatinine(2, 9.9), available_at=NOW + timedelta(minutes=5))
    shown = page(no_aki(), snapshot(*SERIES, late))
    assert "9.9" not in {row.value for row in shown.course.rows}
    assert shown.now.facts[0].value == "1.45 mg/dL"


def test_comparator_and_unknown_time_reach_the_table() -> None:
    chart = snapshot(
        creatinine(60, 0.2, comparator=Comparator.LESS_THAN),
        creatinine(30, 0.9, day_only=True),
        creatinine(2, 1.0),
    )
    rows = page(no_aki(), chart, window="7d").course.rows
    assert [(row.value, row.note) for row in rows] == [
        ("1.0", ""),
        ("0.9", "time unknown"),
        ("<0.2", "below the limit given"),
    ]


@pytest.mark.parametrize(
    ("hours", "window", "chosen"),
    [
        ((70, 3), None, "7d"),
        ((40, 20, 3), None, "48h"),
        ((24 * 20, 20, 3), None, "7d"),
        ((24 * 40, 3), None, "90d"),
        ((24 * 300, 3), None, "all"),
        ((3,), None, "7d"),
        ((), None, "7d"),
        ((70, 3), "48h", "48h"),
        ((70, 3), "'><script>", "7d"),
    ],
)
def test_window_is_the_chosen_one_or_the_shortest_that_shows_a_course(
    hours: tuple[float, ...], window: str | None, chosen: str
) -> None:
    shown = page(no_aki(), snapshot(*(creatinine(h, 1.0) for h in hours)), window=window)
    assert [link.key for link in shown.course.windows if link.current] == [chosen]


def test_window_without_values_names_the_latest_one() -> None:
    course = page(no_aki(), snapshot(creatinine(24 * 40, 0.8)), window="48h").course
    assert course.course is None
    assert "0.8 mg/dL" in course.empty_words


def test_incomplete_and_old_charts_warn_before_anything_else() -> None:
    chart = snapshot(creatinine(40, 1.0), incomplete=(Incomplete("medications", "denied", "access was refused"),))
    warnings = page(no_aki(), chart).inputs.warnings
    assert "medications" in warnings[0]
    assert "1 d 16 h old" in warnings[1]


def test_refused_entries_are_counted_and_listed_with_reasons() -> None:
    refused = tuple(Rejected(f"Observation/{n}", "unit_unknown", "creatinine without a unit") for n in range(60))
    inputs = page(no_aki(inputs=Inputs(10, refused))).inputs
    assert (inputs.used, inputs.refused) == (10, 60)
    assert inputs.refused_summary == (("creatinine without a unit", 60),)
    assert len(inputs.refused_rows) == 50


def test_page_of_a_patient_without_any_data_still_says_who_and_why() -> None:
    chart = PatientSnapshot("p1", NOW)
    shown = page(InsufficientData("p1", NOW, Inputs(0), (NO_CREATININE,), MODEL), chart)
    assert shown.banner.name == "Name not in the chart"
    assert shown.banner.birth_line == "not in the chart"
    assert shown.now.facts[0].value == "none in the chart"
    assert shown.drivers is None


@given(st.floats(0, 1))
def test_no_probability_is_ever_written_as_certain(probability: float) -> None:
    assert SAY.percent(probability) not in ("0%", "100%")
    assert 1 <= in_hundred(probability) <= 99
    assert "about 0 " not in SAY.natural_frequency(probability)


@given(st.floats(0.01, 0.99))
def test_number_words_and_dots_agree(probability: float) -> None:
    assert SAY.percent(probability) == f"{in_hundred(probability)}%"
    assert SAY.natural_frequency(probability) == f"about {in_hundred(probability)} in 100"


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (0, "0 min"),
        (59, "59 min"),
        (60, "1 h"),
        (190, "3 h 10 min"),
        (1440, "1 d"),
        (3060, "2 d 3 h"),
        (200_000, "138 d"),
    ],
)
def test_durations_have_two_parts_at_most(minutes: int, words: str) -> None:
    assert SAY.duration(timedelta(minutes=minutes)) == words


def test_result_that_could_not_be_read_as_a_number_is_warned_of_before_anything_else() -> None:
    refused = (Rejected("Observation/9", "unit-unknown", "The unit is not understood."),)
    assert "may be newer than what is shown" in page(no_aki(inputs=Inputs(9, refused))).inputs.warnings[0]
    given = (Rejected("MedicationRequest/9", "medication-not-given", "The drug was not given."),)
    assert page(no_aki(inputs=Inputs(9, given))).inputs.warnings == ()


def test_gap_in_the_chart_is_said_above_the_panels_and_not_beside_the_stage() -> None:
    gap = Reason("recent_medications_incomplete", "The EHR could not answer.")
    chart = snapshot(*SERIES, incomplete=(Incomplete("recent_medications", "unavailable", gap.text),))
    shown = page(no_aki(reasons=(gap,)), chart)
    assert shown.now.reasons == ()
    assert shown.inputs.reasons == ()
    assert "recent medications" in shown.inputs.warnings[0]


def test_what_is_read_with_a_stage_that_was_given_is_not_called_unanswered() -> None:
    remark = Reason("low_baseline", "The baseline is unusually low for an adult.")
    staged = page(in_aki(2, reasons=(remark, NO_MODEL)))
    assert remark.text in staged.now.reasons
    assert staged.inputs.reasons == (NO_MODEL.text,)
    unstaged = page(replace(no_aki(reasons=(NO_BASELINE,)), kdigo=None))
    assert unstaged.inputs.reasons == (NO_BASELINE.text,)
