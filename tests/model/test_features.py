"""The feature function: the same from chart and table, blind to the future and to being measured."""

import math
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.analytes import Analyte
from model.feature_list import CONCEPTS, FEATURES, USED_ANALYTES
from model.features import Series, Timeline, View, chart_from_snapshot, feature_values, slope
from model.snapshot import Comparator, PatientSnapshot
from tests.builders.timelines import COHORT, NOW, SEPTIC, chart, measurement, timeline

HOURS = st.integers(-200, 0).map(float)
VALUES = st.floats(0.2, 20.0).map(lambda value: round(value, 2))
POINTS = st.lists(st.tuples(HOURS, VALUES), max_size=6, unique_by=lambda point: point[0])
CHARTS = st.dictionaries(st.sampled_from(USED_ANALYTES), POINTS, max_size=8)


def online(snapshot: PatientSnapshot, now: datetime = NOW) -> list[float]:
    return feature_values(FEATURES, chart_from_snapshot(snapshot, USED_ANALYTES, now=now).timeline, 0.0)


def same(first: list[float], second: list[float]) -> bool:
    return all(a == b or (a != a and b != b) for a, b in zip(first, second, strict=True))


def by_id(values: list[float]) -> dict[str, float]:
    return dict(zip((feature.id for feature in FEATURES), values, strict=True))


@settings(deadline=None)
@given(CHARTS)
def test_a_chart_and_a_cohort_table_give_the_same_features(
    series: dict[Analyte, list[tuple[float, float]]],
) -> None:
    table = timeline(series, zero=300.0)
    assert same(online(chart(series)), feature_values(FEATURES, table, 300.0))


@pytest.mark.skipif(not COHORT.is_dir(), reason="the challenge data are not beside the repository")
def test_real_patients_have_the_same_features_online_and_in_the_batch() -> None:
    physionet2019 = pytest.importorskip("model.training.physionet2019")
    compared = 0
    for stay in islice(physionet2019.read_stays(COHORT, "A"), 40):
        for landmark in stay.timeline.series.get(Analyte.CREATININE, Series((), ())).hours:
            snapshot = replace(
                chart(
                    {
                        analyte: [(hour - landmark, value) for hour, value in zip(s.hours, s.values, strict=True)]
                        for analyte, s in stay.timeline.series.items()
                    },
                    sex=stay.timeline.sex,
                )
            )
            batch = Timeline(60.0, stay.timeline.sex, stay.timeline.series)
            assert same(online(snapshot), feature_values(FEATURES, batch, landmark))
            compared += 1
    assert compared > 40


@settings(deadline=None)
@given(CHARTS, st.sampled_from(USED_ANALYTES), st.integers(1, 100), VALUES)
def test_what_is_measured_later_changes_nothing(
    series: dict[Analyte, list[tuple[float, float]]], analyte: Analyte, hours: int, value: float
) -> None:
    later = {**series, analyte: [*series.get(analyte, []), (float(hours), value)]}
    assert same(online(chart(series)), online(chart(later)))


def test_a_result_not_yet_known_at_the_time_changes_nothing() -> None:
    snapshot = chart(SEPTIC)
    pending = replace(measurement(Analyte.POTASSIUM, -2.0, 6.1), available_at=NOW + timedelta(minutes=1))
    waiting = replace(snapshot, series={**snapshot.series, Analyte.POTASSIUM: (pending,)})
    assert same(online(snapshot), online(waiting))
    assert not same(online(snapshot), online(waiting, NOW + timedelta(minutes=1)))


@pytest.mark.parametrize(
    "change",
    [{"comparator": Comparator.LESS_THAN}, {"preliminary": True}, {"day_only": True}],
    ids=["comparator", "preliminary", "day_only"],
)
def test_a_result_that_is_not_an_exact_final_timed_value_is_no_value(change: dict[str, object]) -> None:
    snapshot = chart(SEPTIC)
    odd = replace(measurement(Analyte.CREATININE, -1.0, 9.9), **change)  # type: ignore[arg-type]
    series = {**snapshot.series, Analyte.CREATININE: (*snapshot.series[Analyte.CREATININE], odd)}
    assert same(online(snapshot), online(replace(snapshot, series=series)))


def test_the_order_of_analytes_and_results_changes_nothing() -> None:
    snapshot = chart(SEPTIC)
    mixed = list(snapshot.series.items())
    random.Random(3).shuffle(mixed)  # noqa: S311
    turned = {analyte: tuple(reversed(found)) for analyte, found in mixed}
    assert same(online(snapshot), online(replace(snapshot, series=turned)))


def test_a_correction_of_the_same_instant_replaces_the_value() -> None:
    snapshot = chart(SEPTIC)
    first = snapshot.series[Analyte.CREATININE][-2]
    corrected = replace(
        first, value=1.6, available_at=first.at + timedelta(hours=1), source="Observation/corrected"
    )
    series = {**snapshot.series, Analyte.CREATININE: (*snapshot.series[Analyte.CREATININE], corrected)}
    found = by_id(online(replace(snapshot, series=series)))
    assert found["creatinine_step"] == pytest.approx(1.3 - 1.6)


@pytest.mark.parametrize("zone", ["Europe/Paris", "America/New_York", "Asia/Kolkata"])
def test_the_time_zone_of_the_chart_changes_nothing_even_across_a_clock_change(zone: str) -> None:
    now = datetime(2026, 3, 30, 6, 0, tzinfo=UTC)  # clocks went forward the night before in Europe
    snapshot = chart(SEPTIC, now=now)
    there = ZoneInfo(zone)
    local = {
        analyte: tuple(
            replace(m, at=m.at.astimezone(there), available_at=m.available_at.astimezone(there)) for m in found
        )
        for analyte, found in snapshot.series.items()
    }
    moved = replace(snapshot, series=local)
    assert same(online(snapshot, now), online(moved, now.astimezone(there)))


def test_the_creatinine_course_is_what_a_nephrologist_would_compute() -> None:
    found = by_id(online(chart({Analyte.CREATININE: [(-160.0, 1.4), (-60.0, 0.8), (-47.0, 1.0), (0.0, 1.1)]})))
    assert found["creatinine_last"] == 1.1
    assert found["creatinine_low_48h"] == 1.0
    assert found["creatinine_low_7d"] == 0.8
    assert found["creatinine_ratio_low_7d"] == pytest.approx(1.375)
    assert found["creatinine_above_low_48h"] == pytest.approx(0.1)
    assert found["creatinine_below_high_7d"] == pytest.approx(0.3)
    assert found["creatinine_headroom"] == pytest.approx(min(1.3, 1.2) - 1.1)
    assert found["creatinine_slope_48h"] == pytest.approx(0.1 / 47)


def test_a_laboratory_value_older_than_48_h_is_unknown() -> None:
    series = {Analyte.CREATININE: [(0.0, 1.0)], Analyte.LACTATE: [(-48.0, 3.0)]}
    assert by_id(online(chart(series)))["lactate_last"] == 3.0
    series[Analyte.LACTATE] = [(-48.01, 3.0)]
    assert math.isnan(by_id(online(chart(series)))["lactate_last"])


def test_a_single_value_has_no_slope_and_no_change() -> None:
    view = View(timeline({Analyte.CREATININE: [(-1.0, 1.0)]}), 0.0)
    assert math.isnan(slope(view, Analyte.CREATININE, 48.0))


def test_no_feature_tells_how_often_or_when_something_was_measured() -> None:
    """Repeating every value at more times, unchanged, must leave every level of the patient as it was."""
    words = ("count", "gap", "since", "missing", "measured", "number_of", "hours_ago")
    assert not [feature.id for feature in FEATURES for word in words if word in feature.id]
    sparse = {a: [(-40.0, 41.0), (-5.0, 41.0)] for a in USED_ANALYTES}
    dense = {a: [(-40.0 + h * 0.5, 41.0) for h in range(71)] for a in USED_ANALYTES}
    first, second = by_id(online(chart(sparse))), by_id(online(chart(dense)))
    differing = [name for name in first if not math.isclose(first[name], second[name], abs_tol=1e-12)]
    assert differing == []


def test_every_feature_has_a_unique_id_a_concept_and_clinical_words() -> None:
    assert len({feature.id for feature in FEATURES}) == len(FEATURES)
    assert {feature.concept for feature in FEATURES} == set(CONCEPTS)
    assert all(f.label[0].isupper() or f.label.startswith("eGFR") for f in FEATURES)
