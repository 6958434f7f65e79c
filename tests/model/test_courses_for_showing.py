"""eGFR and urine as the page draws them over time."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.analytes import Analyte
from model.egfr import ckd_epi_2021
from model.egfr_course import egfr_course
from model.policy import DEFAULT_POLICY
from model.snapshot import Comparator, Concept, Measurement, PatientSnapshot, ProcedureDone, Sex
from model.staging import stage
from model.urine_course import LONGEST_INTERVAL_HOURS, urine_course
from tests.builders.charts import NOW, chart, days, hours, result


def creatinines(snapshot: PatientSnapshot) -> tuple[Measurement, ...]:
    return snapshot.measurements(Analyte.CREATININE)


def volume(ml: float, before: float, source: str = "") -> Measurement:
    return result(ml, hours(before), analyte=Analyte.URINE_OUTPUT, source=source or f"Observation/u{before}")


def weight(kg: float, before: float = 100) -> Measurement:
    return result(kg, hours(before), analyte=Analyte.WEIGHT)


def test_last_egfr_of_the_course_is_the_one_shown_beside_the_stage() -> None:
    snapshot = chart(result(1.0, days(20)), result(1.1, days(3)), result(1.9, hours(4)))
    assert egfr_course(snapshot, creatinines(snapshot))[-1] == stage(snapshot, NOW, DEFAULT_POLICY).egfr


def test_each_creatinine_gets_the_egfr_of_the_age_it_was_taken_at() -> None:
    snapshot = chart(result(1.0, days(300)), result(1.0, hours(4)))
    first, last = egfr_course(snapshot, creatinines(snapshot))
    assert first is not None
    assert last is not None
    assert last.ml_min_1_73m2 < first.ml_min_1_73m2 < ckd_epi_2021(1.0, 59, Sex.MALE)


def test_a_moving_creatinine_is_marked_and_a_steady_one_is_not() -> None:
    snapshot = chart(result(1.0, days(6)), result(1.0, days(4)), result(1.9, hours(4)))
    assert [one.steady_state for one in egfr_course(snapshot, creatinines(snapshot)) if one] == [
        False,
        True,
        False,
    ]


@pytest.mark.parametrize(
    "last",
    [
        result(0.2, hours(4), comparator=Comparator.LESS_THAN),
        result(1.0, hours(4), preliminary=True),
    ],
    ids=["below a limit", "preliminary"],
)
def test_value_that_is_not_exact_and_final_has_no_egfr(last: Measurement) -> None:
    snapshot = chart(result(1.0, days(4)), last)
    assert egfr_course(snapshot, creatinines(snapshot))[-1] is None


def test_two_values_of_one_moment_have_none_for_nobody_knows_which() -> None:
    snapshot = chart(result(1.0, hours(4), source="Observation/a"), result(1.4, hours(4), source="Observation/b"))
    assert egfr_course(snapshot, creatinines(snapshot)) == (None, None)


def test_while_dialysis_clears_creatinine_there_is_no_egfr() -> None:
    session = ProcedureDone(
        "Dialysis", frozenset({Concept.DIALYSIS_PROCEDURE}), "Procedure/1", NOW - days(2), NOW - days(1)
    )
    snapshot = replace(chart(result(4.0, days(3)), result(1.5, hours(4))), procedures=(session,))
    before, after = egfr_course(snapshot, creatinines(snapshot))
    assert before is not None
    assert after is None


def test_without_age_or_sex_there_is_none() -> None:
    snapshot = replace(chart(result(1.0, hours(4))), sex=None)
    assert egfr_course(snapshot, creatinines(snapshot)) == (None,)


def test_a_volume_is_what_was_passed_since_the_entry_before() -> None:
    first, second = urine_course([volume(100, 6), volume(210, 3)], [weight(70)], NOW)
    assert (first.start_at, first.ml_per_hour) == (None, None)
    assert (second.start_at, second.ml_per_hour, second.ml_per_kg_hour) == (NOW - hours(6), 70.0, 1.0)


def test_without_a_weight_the_rate_is_not_by_weight() -> None:
    assert urine_course([volume(100, 6), volume(210, 3)], [], NOW)[-1].ml_per_kg_hour is None


def test_entries_too_far_apart_give_a_volume_and_no_rate() -> None:
    last = urine_course([volume(100, LONGEST_INTERVAL_HOURS + 2), volume(210, 1)], [weight(70)], NOW)[-1]
    assert (last.volume_ml, last.start_at, last.ml_per_hour) == (210, None, None)


def test_nothing_charted_is_nothing() -> None:
    assert urine_course([], [weight(70)], NOW) == ()


@given(st.lists(st.tuples(st.floats(0.05, 300), st.floats(0, 2000)), max_size=30, unique_by=lambda pair: pair[0]))
def test_rates_times_their_hours_are_the_volumes(entries: list[tuple[float, float]]) -> None:
    found = urine_course([volume(ml, before) for before, ml in entries], [], NOW)
    assert sum(one.volume_ml for one in found) == pytest.approx(sum(ml for _, ml in entries))
    for one in found:
        if one.start_at is not None and one.ml_per_hour is not None:
            spent = (one.end_at - one.start_at).total_seconds() / 3600
            assert one.ml_per_hour * spent == pytest.approx(one.volume_ml)


def test_what_is_known_only_later_is_not_drawn() -> None:
    later = Measurement(
        Analyte.URINE_OUTPUT, 50, NOW - hours(1), datetime(2027, 1, 1, tzinfo=UTC), "Observation/1"
    )
    assert urine_course([later], [], NOW) == ()
