"""How fast a chart is staged. Run by `make bench`; nothing here asserts a time."""

from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from model.analytes import Analyte
from model.assess import assess
from model.errors import ModelError
from model.snapshot import Measurement, PatientSnapshot, Stay
from model.vectorised_staging import stage_population
from tests.builders.charts import NOW, ChartBuilder, hours

pytestmark = pytest.mark.bench
VITALS = (Analyte.HEART_RATE, Analyte.SYSTOLIC_BP, Analyte.RESPIRATORY_RATE, Analyte.SPO2)


def icu_chart(creatinines: int, others: int) -> PatientSnapshot:
    """A stay with a creatinine every 6 h and vital signs between."""
    builder = ChartBuilder()
    for index in range(creatinines):
        at = NOW - hours(6 * index)
        value = 0.8 + (index * 7 % 23) / 20
        builder.measurements.append(Measurement(Analyte.CREATININE, value, at, at, f"Observation/c{index}"))
    for index in range(others):
        at = NOW - timedelta(minutes=10 * index)
        builder.measurements.append(Measurement(VITALS[index % 4], 80.0, at, at, f"Observation/v{index}"))
    builder.stays.append(Stay("IMP", "Encounter/1", NOW - hours(6 * min(creatinines, 100))))
    return builder.build()


@pytest.mark.parametrize(("creatinines", "others"), [(20, 158), (100, 900), (1000, 0)])
def test_bench_staging_one_chart(benchmark: Any, creatinines: int, others: int) -> None:
    snapshot, no_model = icu_chart(creatinines, others), ModelError("none")
    outcome = benchmark(lambda: assess(snapshot, now=NOW, model=no_model))
    assert outcome.inputs.used == creatinines + others


def test_bench_staging_a_million_values_in_one_pass(benchmark: Any) -> None:
    """40,000 patients with 25 values each over about four months; the rate is printed."""
    rows, each = 1_000_000, 25
    random = np.random.default_rng(7)
    group = np.arange(rows) // each
    hours_apart = np.where(
        random.random(rows) < 0.9, random.integers(4, 48, rows), random.integers(48, 1200, rows)
    )
    seconds = np.cumsum(hours_apart) * 3600.0
    mg_dl = np.round(random.lognormal(0.1, 0.5, rows), 2).clip(0.2, 20)
    stages = benchmark.pedantic(lambda: stage_population(group, seconds, mg_dl), rounds=3, iterations=1)
    rate = rows / benchmark.stats.stats.min
    benchmark.extra_info["creatinine_values_per_second"] = round(rate)
    print(f"\n{rate:,.0f} creatinine values staged a second")
    assert set(np.unique(stages)) == {-1, 0, 1, 2, 3}
