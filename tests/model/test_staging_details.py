"""What is printed beside a stage: every number, time and note, and what each reference limit decides."""

from datetime import date, datetime, timedelta

import pytest

from model.analytes import Analyte
from model.assess import assess
from model.assessment import AkiEpisode, Assessment, Baseline, BaselineMethod, EpisodeState, NhsAlert
from model.creatinine import creatinine_course
from model.errors import ModelError
from model.kdigo import combine
from model.kdigo_creatinine import direction
from model.kdigo_urine import UrineStage, stage_urine
from model.nhs import NhsPatient, nhs_alert
from model.policy import SitePolicy
from model.rrt import DialysisCourse, current_course, has_undated_session, latest_course
from model.snapshot import Comparator, Concept, Measurement, ProcedureDone, Sex
from model.units import conversion_for
from tests.builders.charts import NOW, chart, days, hours, result

UMOL = 88.42
LIMITS = SitePolicy(nhs_paediatric_upper_limits_umol_l=((10.0, 50.0, 60.0), (18.0, 80.0, 90.0)))
NO_PREVIOUS = "No earlier creatinine of the past 365 days to compare with."


def assessed(*measurements: Measurement) -> Assessment:
    outcome = assess(chart(*measurements), now=NOW, model=ModelError("none"))
    assert isinstance(outcome, Assessment)
    return outcome


def warned(
    *values: tuple[timedelta, float], years: float = 60, sex: Sex | None = None, policy: SitePolicy = LIMITS
) -> NhsAlert:
    """The warning for the last of these (before now, umol/L) in a patient of this age."""
    course = creatinine_course([result(umol / UMOL, before) for before, umol in values], NOW)
    return nhs_alert(course, len(course) - 1, NhsPatient(born(years), sex), policy)


def born(years: float) -> date:
    return date(NOW.year - int(years), NOW.month, NOW.day)


# --- KDIGO ---------------------------------------------------------------------------------------------------


def test_a_stage_comes_with_its_value_time_ratio_rise_and_baseline() -> None:
    kdigo = assessed(result(1.0, days(60)), result(1.6, hours(30)), result(2.0)).kdigo
    assert kdigo is not None
    assert (kdigo.creatinine_mg_dl, kdigo.creatinine_at) == (2.0, NOW)
    assert (kdigo.ratio, kdigo.rise_48_h_mg_dl) == (2.0, pytest.approx(0.4))
    assert kdigo.baseline == Baseline(1.0, BaselineMethod.OUTPATIENT_MEDIAN_8_365_D, 1, NOW - days(60))


def test_a_baseline_of_the_last_week_is_dated_and_nothing_in_48_h_is_no_rise() -> None:
    kdigo = assessed(result(1.0, days(3)), result(1.2)).kdigo
    assert kdigo is not None
    assert kdigo.baseline == Baseline(1.0, BaselineMethod.LOWEST_7_D, 1, NOW - days(3))
    assert kdigo.rise_48_h_mg_dl is None


def test_of_equal_references_the_long_term_one_is_named() -> None:
    kdigo = assessed(result(1.0, days(60)), result(1.0, days(3)), result(1.6)).kdigo
    assert kdigo is not None
    assert kdigo.baseline is not None
    assert kdigo.baseline.method is BaselineMethod.OUTPATIENT_MEDIAN_8_365_D


def test_an_episode_tells_its_peak_its_reference_and_its_end() -> None:
    kdigo = assessed(result(1.0, hours(90)), result(2.1, hours(72)), result(2.6, hours(60)), result(1.2)).kdigo
    assert kdigo is not None
    assert kdigo.episode == AkiEpisode(
        onset_at=NOW - hours(72),
        state=EpisodeState.RECOVERED,
        phase="aki",
        peak_stage=2,
        peak_at=NOW - hours(60),
        peak_creatinine_mg_dl=2.6,
        reference_creatinine_mg_dl=1.0,
        latest_ratio=1.2,
        recovered_at=NOW,
    )


def test_of_equal_peaks_the_first_is_the_peak() -> None:
    kdigo = assessed(result(1.0, hours(40)), result(2.5, hours(30)), result(2.5, hours(20)), result(2.2)).kdigo
    assert kdigo is not None
    assert kdigo.episode is not None
    assert kdigo.episode.peak_at == NOW - hours(30)


def test_an_episode_opened_by_ratio_ends_below_1_5_times_even_when_0_3_above() -> None:
    kdigo = assessed(result(1.0, days(6)), result(1.6, hours(60)), result(1.35, hours(1)), result(1.35)).kdigo
    assert kdigo is not None
    assert kdigo.episode is not None
    assert kdigo.episode.state is EpisodeState.RECOVERED


def test_an_episode_measured_again_after_exactly_90_days_goes_on() -> None:
    low, onset = result(1.0, days(91)), result(2.0, days(90))
    assert assessed(low, onset, result(1.9)).kdigo.episode is not None  # type: ignore[union-attr]
    later = result(1.9, -timedelta(minutes=1))
    outcome = assess(chart(low, onset, later), now=NOW + hours(1), model=ModelError("none"))
    assert isinstance(outcome, Assessment)
    assert outcome.kdigo is not None
    assert outcome.kdigo.episode is None


@pytest.mark.parametrize(
    ("earlier", "value", "expected"),
    [
        ([(40, 1.0), (30, 1.0), (20, 1.0)], 1.0, "stable"),
        ([(40, 1.0), (20, 1.05)], 1.1, "rising"),  # the value before is too near; the one before it is not
        ([(40, 2.0), (20, 2.15)], 2.2, "rising"),
        ([(48, 2.0)], 1.8, "falling"),
        ([(49, 2.0)], 1.0, None),
        ([(49, 3.0), (20, 1.0)], 1.0, "stable"),
        ([(20, 0.5)], 0.59, "stable"),  # 18 %, but less than 0.1
        ([(20, 2.0)], 2.19, "stable"),  # 0.19, but less than 10 %
        ([(20, 1.1)], 1.2, "stable"),
        ([(20, 1.0)], 1.1, "rising"),
    ],
)
def test_the_course_is_told_by_the_last_value_that_differs(
    earlier: list[tuple[int, float]], value: float, expected: str | None
) -> None:
    course = creatinine_course([*(result(v, hours(h)) for h, v in earlier), result(value)], NOW)
    assert direction(course, len(course) - 1) == expected


@pytest.mark.parametrize("doubtful", [{"comparator": Comparator.GREATER_THAN}, {"day_only": True}])
def test_the_course_skips_bounds_and_days_and_looks_further_back(doubtful: dict[str, object]) -> None:
    values = [result(1.0, hours(40)), result(9.0, hours(20), **doubtful), result(1.5)]  # type: ignore[arg-type]
    assert direction(creatinine_course(values, NOW), 2) == "rising"


def test_of_one_instant_a_timed_exact_result_goes_before_a_day_and_a_bound() -> None:
    for worse in (result(3.0, day_only=True), result(3.0, comparator=Comparator.GREATER_THAN)):
        for order in ([worse, result(1.0)], [result(1.0), worse]):
            assert creatinine_course(order, NOW).mg_dl == (1.0,)


# --- steadiness ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("earlier", "value", "steady"),
    [
        ([result(1.0, days(7))], 1.0, True),
        ([result(1.0, days(3)), result(1.29, days(2))], 1.0, True),
        ([result(2.0, days(60)), result(1.0, days(8))], 1.0, False),  # the median of 1.5 disagrees
        ([result(5.0, days(3), comparator=Comparator.GREATER_THAN), result(1.0, days(2))], 1.0, True),
        ([result(1.35, days(3)), result(1.0, days(2))], 1.0, False),
        ([result(1.0, days(60)), result(1.3, days(3))], 1.3, True),  # the last week is asked first
        ([result(1.0, days(60)), result(1.0, days(3))], 1.27, False),
    ],
)
def test_a_creatinine_is_steady_when_the_last_week_or_the_baseline_agrees(
    earlier: list[Measurement], value: float, steady: bool
) -> None:
    egfr = assessed(*earlier, result(value)).egfr
    assert egfr is not None
    assert egfr.steady_state is steady


# --- urine and dialysis --------------------------------------------------------------------------------------


def urine_of(volumes: list[float], kg: float = 80.0) -> list[UrineStage]:
    """Hourly volumes up to now, each named by itself."""
    charted = [
        result(mL, hours(len(volumes) - 1 - n), analyte=Analyte.URINE_OUTPUT, source=f"Observation/u{n}")
        for n, mL in enumerate(volumes)
    ]
    weight = [result(kg, days(1), analyte=Analyte.WEIGHT)]
    return stage_urine(charted, weight, NOW, max_interval_hours=2.0)


def test_an_oliguria_keeps_its_start_and_its_peak() -> None:
    stages = urine_of([10.0] * 14 + [200.0])
    assert stages[6] == UrineStage(NOW - hours(8), 1, NOW - hours(8), 1)
    assert stages[12] == UrineStage(NOW - hours(2), 2, NOW - hours(8), 2)
    assert urine_of([10.0] * 13 + [200.0] * 2)[-1].peak is None
    assert urine_of([10.0] * 13 + [90.0])[-1] == UrineStage(NOW, 2, NOW - hours(7), 2)


def test_a_better_stage_within_an_oliguria_keeps_its_start_and_its_peak() -> None:
    """From stage 2 to stage 1: the mean of 12 h mends while that of 6 h does not."""
    stages = urine_of([0.0, 5.0, *[57.0] * 5, *[30.0] * 7])
    assert [stage.stage for stage in stages[10:]] == [1, 1, 2, 1]
    assert [stage.peak for stage in stages[10:]] == [1, 1, 2, 2]
    assert stages[13].since == stages[12].since


@pytest.mark.parametrize(("straddling", "stage"), [(380.0, 0), (378.0, 1)])
def test_half_of_a_volume_straddling_the_start_of_6_h_counts(straddling: float, stage: int) -> None:
    """190 mL and five times 10 mL are exactly 0.5 mL/kg/h of 80 kg."""
    charted = [(9, 0.0), (7, 200.0), (5, straddling), (4, 10.0), (3, 10.0), (2, 10.0), (1, 10.0), (0, 10.0)]
    urine = [result(mL, hours(h), analyte=Analyte.URINE_OUTPUT, source=f"Observation/u{h}") for h, mL in charted]
    weight = [result(80.0, days(1), analyte=Analyte.WEIGHT)]
    assert stage_urine(urine, weight, NOW, max_interval_hours=2.0)[-1].stage == stage


def test_twelve_hours_at_exactly_half_a_millilitre_are_no_stage() -> None:
    assert urine_of([40.0] * 13)[-1].stage == 0
    assert urine_of([60.0] * 7 + [39.0] * 6)[-1].stage == 1


def test_urine_of_exactly_6_h_ago_still_speaks_of_now() -> None:
    urine = UrineStage(NOW - hours(6), 2, NOW - hours(9), 3)
    staging = combine(None, urine, None, NOW)
    assert (staging.stage, staging.peak_stage, staging.since) == (2, 3, NOW - hours(9))
    gone = combine(None, urine, None, NOW + timedelta(seconds=1))
    assert (gone.stage, gone.peak_stage) == (None, None)


def session(
    start: datetime | None, end: datetime | None, concept: Concept = Concept.DIALYSIS_PROCEDURE
) -> ProcedureDone:
    return ProcedureDone("", frozenset({concept}), "Procedure/1", start, end)


def test_a_session_known_by_one_of_its_times_is_dated() -> None:
    assert latest_course([session(None, NOW - days(2))], NOW) == DialysisCourse(NOW - days(2), NOW - days(2))
    assert latest_course([session(NOW - days(2), None)], NOW) == DialysisCourse(NOW - days(2), NOW)
    assert latest_course([session(NOW - days(9), NOW - days(3))], NOW) == DialysisCourse(
        NOW - days(9), NOW - days(3)
    )
    assert latest_course([session(NOW, None)], NOW) == DialysisCourse(NOW, NOW)


def test_only_a_dialysis_session_without_any_time_is_undated() -> None:
    assert has_undated_session([session(None, None)])
    assert not has_undated_session([session(NOW, None)])
    assert not has_undated_session([session(None, NOW)])
    assert not has_undated_session([session(None, None, Concept.KIDNEY_TRANSPLANT)])


def test_sessions_exactly_30_days_apart_are_one_course() -> None:
    found = [session(NOW - days(31), NOW - days(31)), session(NOW - days(1), NOW - days(1))]
    assert current_course(found, NOW) == DialysisCourse(NOW - days(31), NOW - days(1))


# --- units ---------------------------------------------------------------------------------------------------


def test_a_bare_1_is_a_unit_in_ucum_only() -> None:
    """As free text "1" says nothing: a count, a fraction, or a unit left out."""
    assert conversion_for(Analyte.INR, "1", ucum=True) is not None
    assert [analyte for analyte in Analyte if conversion_for(analyte, "1", ucum=False)] == []


# --- NHS -----------------------------------------------------------------------------------------------------


def test_a_warning_comes_with_everything_it_rests_on() -> None:
    assert warned((days(3), 80), (hours(20), 90), (days(0), 160)) == NhsAlert(
        "AKI 2", 2.0, 160, 80.0, "lowest_0_7_d", 70, None
    )


def test_advice_to_repeat_needs_more_than_26_within_7_days() -> None:
    advice = "Risen by more than 26 umol/L within 7 days, but not within 48 h: consider a repeat."
    assert warned((days(3), 100), (days(0), 126)).note is None
    assert warned((days(3), 100), (days(0), 127)).note == advice


def test_a_bound_is_cannot_say_with_the_bound_in_words() -> None:
    course = creatinine_course([result(1.0, hours(20)), result(2.5, comparator=Comparator.LESS_THAN)], NOW)
    assert nhs_alert(course, 1, NhsPatient(), LIMITS) == NhsAlert(
        "cannot say", creatinine_umol_l=221, note="The result is only known as <221 umol/L."
    )


def test_a_low_flag_of_a_lower_bound_cannot_be_said_and_of_an_upper_bound_can() -> None:
    alone = [
        creatinine_course([result(40 / UMOL, comparator=comparator)], NOW)
        for comparator in (Comparator.LESS_THAN, Comparator.GREATER_THAN)
    ]
    patient = NhsPatient(born(60), Sex.MALE)
    assert [nhs_alert(course, 0, patient, LIMITS).alert for course in alone] == ["L", "cannot say"]


@pytest.mark.parametrize(
    ("years", "sex", "umol", "word"),
    [
        (9, Sex.FEMALE, 50, "none"),
        (9, Sex.FEMALE, 51, "H"),
        (9, Sex.MALE, 60, "none"),
        (9, Sex.MALE, 61, "H"),
        (9, None, 60, "none"),  # unknown sex: the higher limit
        (9, None, 61, "H"),
        (10, Sex.FEMALE, 80, "none"),  # at 10 the next band begins
        (17, Sex.FEMALE, 81, "H"),
        (17, Sex.MALE, 81, "none"),
        (18, Sex.FEMALE, 90, "none"),  # at 18 the adult interval
        (18, Sex.FEMALE, 91, "H"),
        (18, Sex.FEMALE, 49, "none"),
        (18, Sex.FEMALE, 48, "L"),
    ],
)
def test_a_lone_value_is_flagged_by_the_limit_for_age_and_sex(
    years: int, sex: Sex | None, umol: float, word: str
) -> None:
    note = NO_PREVIOUS + (" AKI or chronic kidney disease? Consider a repeat." if word == "H" else "")
    assert warned((days(0), umol), years=years, sex=sex) == NhsAlert(word, None, umol, note=note)


def test_each_sex_has_its_own_limit_whichever_is_higher() -> None:
    policy = SitePolicy(nhs_paediatric_upper_limits_umol_l=((18.0, 95.0, 90.0),))
    words = [warned((days(0), 93), years=15, sex=sex, policy=policy).alert for sex in (Sex.FEMALE, Sex.MALE, None)]
    assert words == ["none", "H", "none"]


def test_what_a_lone_value_cannot_say_is_told() -> None:
    child = warned((days(0), 91), years=9, policy=SitePolicy())
    assert child == NhsAlert(
        "cannot say", None, 91, note=f"{NO_PREVIOUS} No reference limit for this age is configured."
    )
    adult = warned((days(0), 100))
    assert adult == NhsAlert("cannot say", None, 100, note=f"{NO_PREVIOUS} The reference interval depends on sex.")


@pytest.mark.parametrize(
    ("years", "sex", "umol", "word"),
    [
        (9, Sex.FEMALE, 151, "AKI 3"),
        (9, Sex.MALE, 151, "AKI 1"),
        (9, Sex.MALE, 181, "AKI 3"),
        (9, None, 151, "AKI 1"),
        (9, None, 181, "AKI 3"),
        (18, Sex.MALE, 290, "AKI 1"),
        (17, Sex.MALE, 290, "AKI 3"),
    ],
)
def test_a_childs_aki_3_begins_above_three_times_the_limit_for_age_and_sex(
    years: int, sex: Sex | None, umol: float, word: str
) -> None:
    assert warned((days(3), umol / 1.6), (days(0), umol), years=years, sex=sex).alert == word


def test_without_configured_limits_a_childs_certain_bound_depends_on_sex() -> None:
    note = "No upper reference limit for this age is configured: the stage may be higher."
    bare = SitePolicy()
    girl = warned((days(3), 180), (days(0), 290), years=9, sex=Sex.FEMALE, policy=bare)
    boy = warned((days(3), 180), (days(0), 290), years=9, sex=Sex.MALE, policy=bare)
    assert (girl.alert, girl.note) == ("AKI 3", None)
    assert (boy.alert, boy.note) == ("AKI 1", note)


@pytest.mark.parametrize(("whole_days", "word"), [(9, "AKI 2"), (8.99, "H"), (9.5, "AKI 2")])
def test_a_day_serves_rv2_once_all_of_it_is_day_8_or_more(whole_days: float, word: str) -> None:
    values = [result(60 / UMOL, days(whole_days), day_only=True), result(120 / UMOL)]
    course = creatinine_course(values, NOW)
    assert nhs_alert(course, 1, NhsPatient(born(60), Sex.MALE), LIMITS).alert == word


def test_a_current_value_of_a_day_is_compared_with_the_median_alone() -> None:
    values = [result(60 / UMOL, days(60)), result(100 / UMOL, days(3)), result(130 / UMOL, day_only=True)]
    alert = nhs_alert(creatinine_course(values, NOW), 2, NhsPatient(born(60), Sex.MALE), LIMITS)
    assert (alert.alert, alert.reference_umol_l, alert.reference_method) == ("AKI 2", 60.0, "median_8_365_d")
    assert alert.rise_48_h_umol_l is None


def test_bounds_and_days_are_in_no_window() -> None:
    bound = {"comparator": Comparator.LESS_THAN}
    for doubtful in (bound, {"day_only": True}):
        values = [result(100 / UMOL, days(3)), result(20 / UMOL, hours(20), **doubtful), result(120 / UMOL)]  # type: ignore[arg-type]
        alert = nhs_alert(creatinine_course(values, NOW), 2, NhsPatient(), LIMITS)
        assert (alert.alert, alert.reference_umol_l, alert.rise_48_h_umol_l) == ("none", 100.0, None)
    values = [result(20 / UMOL, days(60), **bound), result(120 / UMOL)]  # type: ignore[arg-type]
    assert nhs_alert(creatinine_course(values, NOW), 1, NhsPatient(born(60), Sex.MALE), LIMITS).alert == "H"
