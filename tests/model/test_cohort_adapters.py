"""Cohort adapters: every source becomes the same timelines, in canonical units, and says what it cannot read."""

from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from model.analytes import Analyte
from model.features import Series, Timeline
from model.snapshot import Sex
from model.training import physionet2012
from model.training.cohort import Calendar, CohortStay, CohortUnreadable, on_grid, series_of
from model.training.landmark_table import course_of

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


def rows_2012(*rows: tuple[int, int, str, float]) -> pa.Table:
    record, minute, name, value = zip(*rows, strict=True)
    return pa.table(
        {"set": ["a"] * len(rows), "RecordID": record, "minute": minute, "Parameter": name, "Value": value}
    )


def write_2012(folder: Path, *rows: tuple[int, int, str, float]) -> None:
    pq.write_table(rows_2012(*rows), folder / physionet2012.FILE)


def test_the_2012_rows_become_stays_in_canonical_units_with_unknowns_left_out(tmp_path: Path) -> None:
    write_2012(
        tmp_path,
        (2, 0, "Age", 71.0),
        (2, 0, "Gender", -1.0),
        (2, 0, "Weight", -1.0),
        (1, 0, "Age", 54.0),
        (1, 0, "Gender", 0.0),
        (1, 0, "ICUType", 3.0),
        (1, 90, "Creatinine", 1.1),
        (1, 30, "Creatinine", 0.9),
        (1, 30, "FiO2", 0.4),
        (1, 30, "pH", 735.0),
        (1, 30, "MechVent", 1.0),
    )
    first, second = physionet2012.read_stays(tmp_path)
    assert (first.patient_id, first.timeline.age_years, first.timeline.sex) == ("1", 54.0, Sex.FEMALE)
    assert first.unit_type == "medical"
    creatinine = first.timeline.series[Analyte.CREATININE]
    assert (creatinine.hours, creatinine.values) == ([0.5, 1.5], [0.9, 1.1])
    assert first.timeline.series[Analyte.FIO2].values == [40.0]
    assert set(first.timeline.series) == {Analyte.CREATININE, Analyte.FIO2}
    assert (second.timeline.sex, second.timeline.series, second.unit_type) == (None, {}, None)
    assert physionet2012.source_of(tmp_path).stays == 2


def test_an_invasive_pressure_counts_before_a_cuffs_unless_no_patient_could_have_it(tmp_path: Path) -> None:
    write_2012(
        tmp_path,
        (1, 60, "SysABP", 118.0),
        (1, 60, "NISysABP", 131.0),
        (1, 120, "SysABP", 0.0),
        (1, 120, "NISysABP", 125.0),
    )
    (stay,) = physionet2012.read_stays(tmp_path)
    assert stay.timeline.series[Analyte.SYSTOLIC_BP].values == [118.0, 125.0]


def test_a_2012_folder_without_the_file_or_a_column_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(CohortUnreadable, match=physionet2012.FILE):
        list(physionet2012.read_stays(tmp_path))
    pq.write_table(rows_2012((1, 0, "HR", 80.0)).drop_columns("minute"), tmp_path / physionet2012.FILE)
    with pytest.raises(CohortUnreadable, match="minute"):
        list(physionet2012.read_stays(tmp_path))


@pytest.mark.skipif(not (SHARED / "physionet2012").is_dir(), reason="the challenge data are not here")
def test_the_real_2012_set_has_the_units_this_adapter_says() -> None:
    assert physionet2012.source_of(SHARED / "physionet2012").stays == 8000
    stays = list(islice(physionet2012.read_stays(SHARED / "physionet2012"), 400))
    assert sum(course_of(stay) is not None for stay in stays) > 380

    def median(analyte: Analyte) -> float:
        values = [v for s in stays for v in s.timeline.series.get(analyte, Series((), ())).values]
        return sorted(values)[len(values) // 2]

    assert 1.7 < median(Analyte.MAGNESIUM) < 2.3  # mg/dL: read as mmol/L, half of the patients were poisoned
    assert 40 <= median(Analyte.FIO2) <= 60
    assert 36.5 < median(Analyte.TEMPERATURE) < 37.5


def test_two_readings_two_days_apart_differ_by_exactly_48_hours() -> None:
    for minute in range(0, 1440, 7):
        assert on_grid(minute / 60 + 48) - on_grid(minute / 60) == 48.0
    course = series_of([(3.1, 1.2), (1.2, 0.9), (3.1, 1.4), (2.0, 999.0)], Analyte.CREATININE)
    assert course is not None
    assert course.values == [0.9, 1.4]


def test_a_stay_with_a_calendar_has_the_age_of_the_day_and_one_without_keeps_its_own() -> None:
    timeline = Timeline(59.9, Sex.MALE, {})
    dated = CohortStay("p", "A", timeline, calendar=Calendar(datetime(2020, 5, 1, tzinfo=UTC), date(1960, 5, 2)))
    assert dated.timeline_at(0.0).age_years == pytest.approx(60.0, abs=0.01)
    assert dated.timeline_at(24.0).age_years == 60.0
    assert CohortStay("p", "A", timeline).timeline_at(24.0) is timeline
