"""Fitting: known sums, unknown values worth nothing, patients never on both sides, the same bytes twice."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from model.artifact import load_model
from model.feature_list import FEATURES
from model.features import Series, Timeline
from model.risk import Categories
from model.snapshot import Sex
from model.training import physionet2019
from model.training.additive import BoostingPlan, fit_additive, sigmoid
from model.training.artifact_writer import runtime_head
from model.training.cohort import CohortStay, CohortUnreadable
from model.training.labels import onset_landmarks
from model.training.landmark_table import LandmarkTable, build_table
from model.training.recipe import (
    Recipe,
    bin_edges,
    codes_of,
    fit_calibrated,
    fold_of,
    linear_calibration,
    out_of_fold,
)
from model.training.thresholds import choose_categories, net_benefit
from model.training.training_run import train
from tests.builders.timelines import COHORT

PLAN = BoostingPlan(rounds=20, pairs=1, pair_rounds=20, ridge=1.0, pair_ridge=1.0)


def fitted(  # type: ignore[no-untyped-def]
    codes: np.ndarray, outcome: np.ndarray, plan: BoostingPlan = PLAN, directions: list[np.ndarray] | None = None
):
    sizes = [int(column.max()) + 1 for column in codes]
    free = [np.zeros(size - 2, dtype=np.int64) for size in sizes]
    return fit_additive(codes, codes, outcome, sizes, sizes, directions or free, plan)


def test_a_feature_that_decides_gets_a_rising_shape_and_noise_stays_flat() -> None:
    random = np.random.default_rng(1)
    codes = random.integers(1, 5, (2, 4000))
    outcome = (random.random(4000) < np.array([0, 0.1, 0.2, 0.5, 0.8])[codes[0]]).astype(float)
    fit = fitted(codes, outcome, BoostingPlan(rounds=80, pairs=0, ridge=1.0))
    assert all(np.diff(fit.shapes[0][1:]) > 0)
    assert np.ptp(fit.shapes[1][1:]) < 0.1 * np.ptp(fit.shapes[0][1:])


def test_a_shape_keeps_its_direction_against_the_data_and_may_not_enter_a_pair() -> None:
    random = np.random.default_rng(7)
    codes = random.integers(1, 5, (2, 4000))
    outcome = (random.random(4000) < np.array([0, 0.6, 0.5, 0.1, 0.4])[codes[0]]).astype(float)
    up, free = np.ones(3, dtype=np.int64), np.zeros(3, dtype=np.int64)
    held = fitted(codes, outcome, directions=[up, free])
    assert np.diff(held.shapes[0][1:]).min() > -1e-12
    assert not held.pairs
    valley = fitted(codes, outcome, directions=[np.array([-1, 0, 1]), free]).shapes[0]
    assert valley[1] >= valley[2] > valley[3] <= valley[4]


def test_being_measured_is_worth_nothing_even_when_it_predicts() -> None:
    """Half the patients are measured, they alone have events, the value itself says nothing."""
    random = np.random.default_rng(2)
    measured = random.random(4000) < 0.5
    codes = np.where(measured, random.integers(1, 4, 4000), 0)[None, :]
    outcome = (measured & (random.random(4000) < 0.6)).astype(float)
    fit = fitted(codes, outcome)
    assert fit.shapes[0][0] == 0.0
    assert np.abs(fit.shapes[0]).max() < 0.2


def test_an_interaction_that_no_shape_can_express_is_found_and_centred() -> None:
    random = np.random.default_rng(3)
    codes = random.integers(1, 3, (3, 4000))
    outcome = (random.random(4000) < np.where(codes[0] == codes[1], 0.8, 0.2)).astype(float)
    fit = fitted(codes, outcome)
    assert fit.pairs == [(0, 1)]
    table = fit.tables[0]
    assert (table[0] == 0).all()
    assert (table[:, 0] == 0).all()
    assert table[1, 1] > 0.5 > -0.5 > table[1, 2]
    assert abs(np.average(table[codes[0], codes[1]])) < 0.05


def test_edges_lie_between_values_that_occur() -> None:
    values = np.array([0.5, 0.6, 0.7, 0.7, 0.8, np.nan, 1.0])[:, None]
    edges = bin_edges(values, 32, np.array([True]))
    assert not set(edges[0]) & set(values[:, 0])
    assert codes_of(values, edges)[0].tolist() == [1, 2, 3, 3, 4, 0, 5]


def test_linear_calibration_recovers_a_known_line() -> None:
    random = np.random.default_rng(4)
    score = random.normal(0, 2, 40_000)
    outcome = (random.random(40_000) < sigmoid(-0.5 + 0.7 * score)).astype(float)
    assert linear_calibration(score, outcome) == pytest.approx((-0.5, 0.7), abs=0.05)


def made_up_table(patients: int = 400) -> LandmarkTable:
    """Two creatinines each and an outcome that depends on the second; nobody real."""
    random = np.random.default_rng(5)

    def stay(number: int) -> CohortStay:
        first = round(float(random.uniform(0.6, 1.4)), 1)
        second = first + round(float(random.choice([0.0, 0.1, 0.2])), 1)
        third = second + (0.3 if random.random() < (second - first) * 3 + 0.1 else 0.0)
        course = Series([0.0, 20.0, 40.0], [first, second, third])
        timeline = Timeline(50.0 + number % 30, Sex.FEMALE if number % 2 else Sex.MALE, {CREATININE: course})
        return CohortStay(f"p{number}", "A" if number % 3 else "B", timeline)

    return build_table((stay(number) for number in range(patients)), onset_landmarks)


CREATININE = next(feature.analyte for feature in FEATURES if feature.id == "creatinine_last")


def test_children_and_stays_without_creatinine_are_no_landmarks() -> None:
    course = Series([0.0, 20.0], [0.9, 1.0])
    stays = [
        CohortStay("child", "A", Timeline(14.0, Sex.MALE, {CREATININE: course})),
        CohortStay("bare", "A", Timeline(60.0, Sex.MALE, {})),
        CohortStay("adult", "A", Timeline(18.0, Sex.MALE, {CREATININE: course})),
    ]
    assert set(build_table(stays, onset_landmarks).patient) == {"A/adult"}


def test_no_patient_is_scored_by_a_fit_that_saw_the_patient() -> None:
    table = made_up_table().evaluable()
    seen: list[set[str]] = []

    def fit(part: LandmarkTable):  # type: ignore[no-untyped-def]
        seen.append(set(part.patient))
        return lambda values: values[:, 0] * 0.0 + len(seen)

    which = out_of_fold(table, fit)
    for patient, number in zip(table.patient, which, strict=True):
        assert patient not in seen[int(number) - 1]


def test_a_patients_fold_does_not_depend_on_the_company() -> None:
    names = np.array([f"A/p{i}" for i in range(50)])
    alone = [int(fold_of(names[i : i + 1])[0]) for i in range(50)]
    assert fold_of(names[::-1]).tolist() == alone[::-1]
    assert set(alone) == {0, 1, 2, 3, 4}


def test_calibrated_scores_have_slope_one_out_of_fold_and_the_head_scores_as_the_runtime_does() -> None:
    table = made_up_table().evaluable()
    recipe = Recipe(plan=BoostingPlan(rounds=5, pairs=2, pair_rounds=5))
    found = fit_calibrated(table, recipe)
    intercept, slope = linear_calibration(found.out_of_fold, table.outcome)
    assert (intercept, slope) == pytest.approx((0.0, 1.0), abs=1e-6)
    head = runtime_head(found.head, head_id="made-up", outcome="made up", categories=Categories(0.1, 0.2, ""))
    columns = [FEATURES.index(shape.feature) for shape in head.shapes]
    by_runtime = []
    for values in table.values[:, columns].tolist():
        alone = sum(shape.at(value) for shape, value in zip(head.shapes, values, strict=True))
        paired = sum(pair.at(values[pair.first], values[pair.second]) for pair in head.pairs)
        by_runtime.append(head.base_log_odds + alone + paired)
    assert by_runtime == pytest.approx(found.head.log_odds(table.values).tolist(), abs=1e-4)


def test_the_high_threshold_keeps_the_false_alert_budget() -> None:
    random = np.random.default_rng(6)
    risk = random.random(5000)
    outcome = (random.random(5000) < risk**3).astype(float)
    categories = choose_categories(risk, outcome)
    assert outcome[risk >= categories.high].mean() >= 1 / 3 - 0.01
    assert categories.moderate < categories.high


def test_categories_are_worth_more_than_flagging_everybody_or_nobody() -> None:
    random = np.random.default_rng(7)
    risk = random.random(5000)
    outcome = (random.random(5000) < risk**3).astype(float)
    categories = choose_categories(risk, outcome)
    for threshold in (categories.moderate, categories.high):
        by_model = net_benefit(threshold, risk >= threshold, outcome)
        assert by_model > max(0.0, net_benefit(threshold, risk >= 0.0, outcome))
        assert f"{1000 * by_model:.1f} (flagging all" in categories.rule


def test_net_benefit_weighs_a_false_flag_by_the_odds_of_the_threshold() -> None:
    flagged, outcome = np.array([True, True, True, False]), np.array([1.0, 0.0, 0.0, 1.0])
    assert net_benefit(0.2, flagged, outcome) == pytest.approx((1 - 2 * 0.25) / 4)


def test_a_budget_that_cannot_be_kept_is_an_error() -> None:
    with pytest.raises(ValueError, match="budget"):
        choose_categories(np.linspace(0, 1, 500), np.zeros(500))


def write_hospital(folder: Path, hospital: str, patients: int) -> None:
    """A made-up hospital in the challenge's columns."""
    random = np.random.default_rng(ord(hospital))
    hours = 60
    columns: dict[str, list[object]] = {
        name: [] for name in (*physionet2019.PERSON_COLUMNS, *physionet2019.COLUMNS)
    }
    for number in range(patients):
        level, age, sex = random.uniform(0.6, 1.5), random.uniform(20, 90), int(random.integers(0, 2))
        for hour in range(1, hours + 1):
            row = dict.fromkeys(physionet2019.COLUMNS, None) | {"HR": float(random.integers(60, 120)), "FiO2": 0.4}
            if hour % 12 == 1:
                level *= random.uniform(0.9, 1.7)
                row |= {"Creatinine": round(level, 1), "BUN": float(random.integers(8, 60))}
            if hour == 5:
                row["Potassium"] = 99.0  # impossible
            person = {"pid": f"m{hospital}{number:04d}", "ICULOS": hour, "Age": age, "Gender": sex}
            for name, value in (row | person | {"Unit1": 1.0, "Unit2": 0.0}).items():
                columns[name].append(value)
    pq.write_table(pa.table(columns), folder / f"hospital_{hospital}.parquet")


@pytest.fixture(scope="module")
def hospitals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cohort")
    for hospital in physionet2019.HOSPITALS:
        write_hospital(folder, hospital, 120)
    return folder


def test_hourly_rows_become_a_timeline_in_canonical_units(hospitals: Path) -> None:
    stay = next(physionet2019.read_stays(hospitals, "A"))
    assert stay.unit_type == "medical"
    series = {analyte.value: found for analyte, found in stay.timeline.series.items()}
    assert series["heart_rate"].hours == [float(h) for h in range(1, 61)]
    assert set(series["fio2"].values) == {40.0}
    assert "potassium" not in series


def test_a_folder_without_the_cohort_is_named(tmp_path: Path) -> None:
    with pytest.raises(CohortUnreadable, match="hospital_A"):
        train(tmp_path, tmp_path / "out", created="2031-01-01")


def test_training_twice_writes_the_same_bytes_and_they_load(hospitals: Path, tmp_path: Path) -> None:
    first = train(hospitals, tmp_path / "one", created="2031-01-01")
    assert first == train(hospitals, tmp_path / "two", created="2031-01-01")
    model = load_model(tmp_path / "one")
    assert model.onset_head.categories.high > model.onset_head.categories.moderate


@pytest.mark.skipif(not COHORT.is_dir(), reason="the challenge data are not beside the repository")
def test_the_batch_reads_the_real_cohort_as_described() -> None:
    stay = next(physionet2019.read_stays(COHORT, "B"))
    assert stay.timeline.age_years is not None
    assert physionet2019.source_of(COHORT, "B").stays == 15_938
