"""How fast a chart is staged. Run by `make bench`; nothing here asserts a time."""

from datetime import timedelta
from typing import Any

import pytest

from model.analytes import Analyte
from model.assess import assess
from model.errors import ModelError
from model.snapshot import Measurement, PatientSnapshot, Stay
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
