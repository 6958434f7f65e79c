"""A whole population in one pass says exactly what the engine says chart by chart."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.analytes import Analyte
from model.baseline import find_references
from model.creatinine import creatinine_course
from model.hospital_stays import hospital_times
from model.kdigo_creatinine import stage_course
from model.policy import MEASURED_BASELINES
from model.snapshot import Measurement
from model.vectorised_staging import UNKNOWN, stage_population
from tests.builders.charts import NOW
from tests.differential import courses

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
EDGES = [48 * 60, 7 * 1440, 365 * 1440]
minutes = st.one_of(
    st.integers(0, 400 * 1440),
    st.integers(0, 9 * 1440),
    st.builds(lambda edge, off: edge + off, st.sampled_from(EDGES), st.integers(-2, 2)),
)
patients = st.lists(st.dictionaries(minutes, st.integers(20, 600), min_size=1, max_size=12), max_size=5)
Rows = list[tuple[float, float]]  # (seconds, mg/dL)


def by_the_engine(rows: Rows) -> list[int]:
    start = NOW - timedelta(days=4000)
    found = [
        Measurement(Analyte.CREATININE, value, at, at, "Observation/1")
        for second, value in rows
        for at in [start + timedelta(seconds=second)]
    ]
    course = creatinine_course(found, NOW + timedelta(days=100_000))
    stages = stage_course(course, find_references(course, hospital_times((), NOW), MEASURED_BASELINES))
    return [UNKNOWN if stage is None else stage for stage in stages]


def in_one_pass(population: list[Rows]) -> list[int]:
    group = np.array([n for n, rows in enumerate(population) for _ in rows], np.int64)
    seconds = np.array([second for rows in population for second, _ in rows], np.float64)
    mg_dl = np.array([value for rows in population for _, value in rows], np.float64)
    return stage_population(group, seconds, mg_dl).tolist()


@given(patients)
@settings(max_examples=300, deadline=None)
def test_one_pass_agrees_with_the_engine_chart_by_chart(found: list[dict[int, int]]) -> None:
    population = [[(minute * 60.0, value / 100) for minute, value in sorted(one.items())] for one in found]
    assert in_one_pass(population) == [stage for rows in population for stage in by_the_engine(rows)]


@pytest.mark.skipif(not DATA.exists(), reason="the shared data are not beside this repository")
def test_one_pass_agrees_with_the_engine_on_real_series() -> None:
    series = [*courses.mimic_demo(DATA), *courses.akiflagger_files(DATA)["akiflagger_toy.csv.gz"]]
    population = [[(float(minute * 60), float(value)) for minute, value in one.points] for one in series]
    population = [[(second - rows[0][0], value) for second, value in rows] for rows in population if rows]
    stages = in_one_pass(population)
    assert stages == [stage for rows in population for stage in by_the_engine(rows)]
    assert set(stages) == {UNKNOWN, 0, 1, 2, 3}


def test_patients_never_see_each_others_values() -> None:
    assert in_one_pass([[(0.0, 1.0)], [(1.0, 3.0)]]) == [UNKNOWN, UNKNOWN]


@pytest.mark.parametrize(
    ("group", "seconds", "mg_dl"),
    [
        ([0], [0.0], [1.0, 2.0]),
        ([0, 0], [1.0, 0.0], [1.0, 1.0]),
        ([0, 0], [1.0, 1.0], [1.0, 1.0]),
        ([1, 0], [0.0, 1.0], [1.0, 1.0]),
        ([0], [0.0], [0.0]),
        ([0], [0.0], [float("nan")]),
        ([0], [float("inf")], [1.0]),
    ],
)
def test_columns_that_cannot_be_staged_are_refused(
    group: list[int], seconds: list[float], mg_dl: list[float]
) -> None:
    with pytest.raises(ValueError, match="must be"):
        stage_population(np.array(group), np.array(seconds), np.array(mg_dl))
