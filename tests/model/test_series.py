"""A plain table is staged row by row, and a cell that is not understood is named."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.analytes import Analyte
from model.assess import assess
from model.assessment import Assessment
from model.errors import ModelError
from model.policy import SitePolicy
from model.series import RowResult, SeriesPatient, SeriesRefused, row_to_json, stage_table
from model.snapshot import Measurement, Sex
from tests.builders.charts import chart


def table(*rows: tuple[str, str], unit: str = "mg/dL", **patient: Any) -> list[RowResult]:
    records = [{"time": time, "creatinine": value, "unit": unit} for time, value in rows]
    return stage_table(records, patient=SeriesPatient(**patient))


def stages(results: list[RowResult]) -> list[int | None]:
    return [result.kdigo.stage if result.kdigo else None for result in results]


def test_each_row_is_staged_from_itself_and_the_rows_before_it() -> None:
    results = table(("2026-01-01T08:00Z", "1.0"), ("2026-01-02T08:00Z", "1.5"), ("2026-01-03T08:00Z", "3.0"))
    assert stages(results) == [None, 1, 3]
    assert [result.nhs and result.nhs.alert for result in results] == ["none", "AKI 1", "AKI 3"]


def test_rows_keep_the_order_of_the_table_whatever_their_times() -> None:
    results = table(("2026-01-03T08:00Z", "3.0"), ("2026-01-01T08:00Z", "1.0"), ("2026-01-02T08:00Z", "1.5"))
    assert [result.row for result in results] == [1, 2, 3]
    assert stages(results) == [3, None, 1]


def test_units_may_differ_from_row_to_row() -> None:
    records = [
        {"time": "2026-01-01T08:00Z", "creatinine": "1.0", "unit": "mg/dL"},
        {"time": "2026-01-02T08:00Z", "creatinine": "133", "unit": "µmol/L"},
        {"time": "2026-01-02T09:00Z", "creatinine": "0.18", "unit": "mmol/L"},
    ]
    assert stages(stage_table(records)) == [None, 1, 2]


@pytest.mark.parametrize(
    ("cells", "column"),
    [
        ({"unit": ""}, "creatinine"),
        ({"unit": "furlongs"}, "creatinine"),
        ({"creatinine": "1,3"}, "creatinine"),
        ({"creatinine": "nan"}, "creatinine"),
        ({"creatinine": "900"}, "creatinine"),
        ({"time": "yesterday"}, "time"),
        ({"time": ""}, "time"),
        ({"rrt": "maybe"}, "rrt"),
        ({"urine_ml": "a lot"}, "urine_ml"),
        ({"weight_kg": "8000"}, "weight_kg"),
    ],
)
def test_a_cell_not_understood_is_named_and_its_row_is_not_used(cells: dict[str, str], column: str) -> None:
    good = [
        {"time": "2026-01-01T08:00Z", "creatinine": "1.0", "unit": "mg/dL"},
        {"time": "2026-01-03T08:00Z", "creatinine": "1.1", "unit": "mg/dL"},
    ]
    bad = {"time": "2026-01-02T08:00Z", "creatinine": "3.0", "unit": "mg/dL", **cells}
    results = stage_table([good[0], bad, good[1]])
    assert (results[1].problem or "").startswith(f"{column}:")
    assert (results[1].kdigo, results[1].nhs) == (None, None)
    assert results[2].kdigo is not None
    assert results[2].kdigo.peak_stage == 0, "the refused row must leave no trace"


def test_an_empty_creatinine_cell_is_no_result_and_no_problem() -> None:
    results = table(("2026-01-01T08:00Z", "1.0"), ("2026-01-02T08:00Z", ""))
    assert (results[1].problem, results[1].nhs) == (None, None)
    assert stages(results) == [None, None]


def test_a_comparator_is_understood_and_never_a_reference() -> None:
    results = table(("2026-01-01T08:00Z", "<0.3"), ("2026-01-02T08:00Z", "1.0"), ("2026-01-03T08:00Z", ">2.0"))
    assert stages(results) == [None, None, 2]


def test_times_without_an_offset_are_read_as_one_zone() -> None:
    assert stages(table(("2026-01-01T08:00", "1.0"), ("2026-01-03T08:00", "1.3"))) == [None, 1]


def test_times_with_and_without_an_offset_cannot_be_ordered() -> None:
    with pytest.raises(SeriesRefused, match="offset"):
        table(("2026-01-01T08:00", "1.0"), ("2026-01-03T08:00Z", "1.3"))


def test_a_date_without_a_time_is_a_day_and_serves_no_hour_window() -> None:
    assert stages(table(("2026-01-01", "1.0"), ("2026-01-02T08:00", "1.5"))) == [None, None]
    assert stages(table(("2026-01-01", "1.0"), ("2026-02-02T08:00", "1.5"))) == [None, 1]


@pytest.mark.parametrize("missing", ["time", "creatinine", "unit"])
def test_a_missing_column_is_named(missing: str) -> None:
    record = {"time": "2026-01-01T08:00Z", "creatinine": "1.0", "unit": "mg/dL"}
    del record[missing]
    with pytest.raises(SeriesRefused, match=missing):
        stage_table([record])


def test_an_empty_table_has_no_results() -> None:
    assert stage_table([]) == []


def test_dialysis_makes_stage_3_from_its_row_on_for_7_days() -> None:
    def row(day: int, rrt: str = "") -> dict[str, str]:
        return {"time": f"2026-01-{day:02d}T08:00Z", "creatinine": "1.0", "unit": "mg/dL", "rrt": rrt}

    results = stage_table([row(1), row(2, "1"), row(9), row(10)])
    assert stages(results) == [None, 3, 3, 0]
    assert results[2].kdigo is not None
    assert results[2].kdigo.since == datetime(2026, 1, 2, 8, tzinfo=UTC)


def test_urine_is_staged_where_the_table_brings_it_with_a_weight() -> None:
    records = [
        {"time": f"2026-01-01T{hour:02d}:00Z", "creatinine": "1.0" if hour == 0 else "", "unit": "mg/dL",
         "urine_ml": "20", "weight_kg": "80" if hour == 0 else ""}
        for hour in range(13)
    ]  # fmt: skip
    results = stage_table(records)
    assert [r.kdigo.urine_output_stage for r in results if r.kdigo] == [None] * 6 + [1] * 6 + [2]


def test_a_supplied_baseline_is_used_and_named() -> None:
    (result,) = table(("2026-01-01T08:00Z", "2.5"), baseline_mg_dl=1.0)
    assert result.kdigo is not None
    assert result.kdigo.baseline is not None
    assert (result.kdigo.stage, result.kdigo.baseline.method) == (2, "supplied")


def test_age_sex_and_height_serve_the_rules_that_need_them() -> None:
    rows = (("2026-01-01T08:00Z", "0.9"), ("2026-01-02T08:00Z", "1.5"))
    child = table(*rows, birth_date=date(2016, 1, 1), sex=Sex.FEMALE, child_height_cm=120.0)
    assert stages(child) == [None, 3]
    grown = table(*rows, birth_date=date(1986, 1, 1), sex=Sex.FEMALE, child_height_cm=120.0)
    assert stages(grown) == [None, 1]


def test_a_row_as_json_has_no_nulls() -> None:
    document = row_to_json(table(("2026-01-01T08:00Z", "1.0"), ("2026-01-02T08:00Z", "1.5"))[1])
    assert document["row"] == 2
    assert document["kdigo"]["stage"] == 1
    assert document["nhs"]["alert"] == "AKI 1"
    assert "problem" not in document


START = datetime(2026, 1, 1, tzinfo=UTC)


@given(st.dictionaries(st.integers(0, 30 * 24), st.integers(30, 500), min_size=1, max_size=10))
@settings(deadline=None)
def test_the_last_row_agrees_with_assessing_the_same_results(found: dict[int, int]) -> None:
    """One engine, two doors: the table and the chart."""
    times = {START + timedelta(hours=hour): value / 100 for hour, value in sorted(found.items())}
    records = [{"time": at.isoformat(), "creatinine": str(v), "unit": "mg/dL"} for at, v in times.items()]
    last = stage_table(records)[-1]
    end = max(times)
    measured = [Measurement(Analyte.CREATININE, value, at, at, "x") for at, value in times.items()]
    outcome = assess(chart(*measured), now=end, model=ModelError("none"), policy=SitePolicy())
    assert isinstance(outcome, Assessment)
    assert last.kdigo == outcome.kdigo


@pytest.mark.parametrize(("rrt", "stage"), [("", 2), ("yes", 0)])
def test_a_value_that_dialysis_lowered_is_no_baseline(rrt: str, stage: int) -> None:
    values = ((1, "1.0", rrt), (12, "2.0", ""), (13, "2.0", ""))
    records = [
        {"time": f"2026-01-{day:02d}T08:00Z", "creatinine": value, "unit": "mg/dL", "rrt": dialysed}
        for day, value, dialysed in values
    ]
    assert stages(stage_table(records))[-1] == stage
