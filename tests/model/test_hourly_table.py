"""One's own patients as an hourly table: units in the columns' names, and refusals that name cause and cure."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from model.analytes import Analyte
from model.snapshot import Sex
from model.training.cohort import CohortStay, CohortUnreadable
from model.training.hourly_table import ignored_columns, read_hourly_table

ROWS: dict[str, list[Any]] = {
    "patient_id": ["b", "a", "a"],
    "hour": [0.0, 12.0, 0.0],
    "age_years": [50.0, 61.0, 61.0],
    "sex": ["male", "female", "female"],
    "creatinine_mg_dl": [1.0, 1.3, 0.9],
    "mean_bp_mmhg": [70.0, 23.0, 66.0],
    "unit_type": ["medical", None, None],
}


def written(folder: Path, rows: dict[str, list[Any]], suffix: str = ".csv") -> Path:
    path = folder / f"own{suffix}"
    (pa_csv.write_csv if suffix == ".csv" else pq.write_table)(pa.table(rows), path)
    return path


def stays(folder: Path, rows: dict[str, list[Any]]) -> list[CohortStay]:
    return list(read_hourly_table(written(folder, rows), "Ours"))


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_an_hourly_table_becomes_stays_in_order_without_artefacts(tmp_path: Path, suffix: str) -> None:
    first, second = read_hourly_table(written(tmp_path, ROWS, suffix), "Ours")
    assert (first.patient_id, first.hospital, first.timeline.sex) == ("a", "Ours", Sex.FEMALE)
    assert first.timeline.series[Analyte.CREATININE].values == [0.9, 1.3]
    assert first.timeline.series[Analyte.MEAN_BP].values == [66.0]
    assert (second.unit_type, first.unit_type) == ("medical", None)


@pytest.mark.parametrize(
    ("column", "values", "analyte", "expected"),
    [
        ("creatinine_umol_l", [88.42, None, None], Analyte.CREATININE, 1.0),
        ("urea_mmol_l", [10.0, None, None], Analyte.UREA_NITROGEN, 28.0134),
        ("urea_mg_dl", [60.056, None, None], Analyte.UREA_NITROGEN, 28.0134),
        ("temperature_degf", [98.6, None, None], Analyte.TEMPERATURE, 37.0),
        ("fio2_fraction", [0.4, None, None], Analyte.FIO2, 40.0),
    ],
)
def test_the_unit_in_the_name_is_converted(
    tmp_path: Path, column: str, values: list[float | None], analyte: Analyte, expected: float
) -> None:
    rows = {**ROWS, "creatinine_mg_dl": [None, 1.3, 0.9], column: values}
    assert stays(tmp_path, rows)[1].timeline.series[analyte].values == [pytest.approx(expected)]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"creatinine": [1.0, 1.0, 1.0]}, "column creatinine .* creatinine_mg_dl, .*creatinine_umol_l"),
        ({"creatinine_mgdl": [1.0, 1.0, 1.0]}, "creatinine_mgdl"),
        ({"urea": [40.0, 40.0, 40.0]}, "urea_mg_dl"),
        ({"hour": ["x", "y", "z"]}, "column hour holds something that is no number"),
        ({"hour": [0.0, None, 1.0]}, "hour has empty cells"),
        ({"age_years": None}, "age_years"),
        ({"creatinine_mg_dl": None}, "no creatinine column"),
    ],
)
def test_a_table_that_could_be_misread_is_refused_by_its_columns_name(
    tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    rows = {name: values for name, values in {**ROWS, **change}.items() if values is not None}
    with pytest.raises(CohortUnreadable, match=said):
        stays(tmp_path, rows)


@pytest.mark.parametrize(("column", "value"), [("creatinine_mg_dl", 92.0), ("creatinine_umol_l", 1.1)])
def test_a_unit_that_does_not_fit_its_values_is_refused_rather_than_dropped(
    tmp_path: Path, column: str, value: float
) -> None:
    count = 20
    rows = {
        "patient_id": list(range(count)),
        "hour": [0] * count,
        "age_years": [60] * count,
        "sex": ["male"] * count,
        column: [value] * count,
    }
    with pytest.raises(CohortUnreadable, match=f"{column}, 20 are such as no patient has"):
        stays(tmp_path, rows)


def test_a_result_known_later_waits_until_then(tmp_path: Path) -> None:
    first, _ = stays(tmp_path, {**ROWS, "known_hour": [None, 15.0, 1.0]})
    creatinine = [first.timeline_at(hour).series.get(Analyte.CREATININE) for hour in (0.5, 1.0, 14.0, 15.0)]
    assert [None if course is None else list(course.values) for course in creatinine] == [
        None,
        [0.9],
        [0.9],
        [0.9, 1.3],
    ]


def test_stays_of_one_patient_are_kept_apart_by_stay_id(tmp_path: Path) -> None:
    found = stays(tmp_path, {**ROWS, "stay_id": [1, 2, 3], "period": [2024, 2025, 2025]})
    assert [(stay.patient_id, stay.period) for stay in found] == [("a", "2025"), ("a", "2025"), ("b", "2024")]


def test_columns_that_mean_nothing_here_are_named_as_not_read(tmp_path: Path) -> None:
    assert ignored_columns(written(tmp_path, {**ROWS, "ward_name": ["x", "y", "z"]})) == ["ward_name"]
    (tmp_path / "bad.parquet").write_bytes(b"no table")
    with pytest.raises(CohortUnreadable, match="neither"):
        list(read_hourly_table(tmp_path / "bad.parquet", "Ours"))
