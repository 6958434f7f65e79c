"""MEDS as cohort stays: codes by their LOINC parents, units by their names, stays by arrivals and departures."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from model.analytes import Analyte
from model.snapshot import Sex
from model.training import meds
from model.training.cohort import CohortUnreadable
from model.training.labels import onset_landmarks
from model.training.landmark_table import build_table
from model.training.meds_codes import readings_of
from patient_context.codes import TESTS

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
DAY = datetime(2150, 3, 1)  # noqa: DTZ001 - MEDS times carry no zone
PARENTS = {
    "LAB//1//mg/dL": ["LOINC/2160-0"],
    "LAB//2//furlong": ["LOINC/2823-3"],
    "LAB//3//umol/L": ["LOINC/14682-9"],
}
Row = tuple[float | None, str, float | None]


def write(folder: Path, *rows: Row) -> Path:
    hours, codes, values = zip(*rows, strict=True)
    (folder / "data" / "train").mkdir(parents=True)
    (folder / "metadata").mkdir()
    times = [None if hour is None else DAY + timedelta(hours=hour) for hour in hours]
    events = {"subject_id": [7] * len(rows), "time": times, "code": codes, "numeric_value": values}
    schema = pa.table({**events, "numeric_value": pa.array(values, pa.float32())})
    pq.write_table(schema, folder / "data" / "train" / "0.parquet")
    table = pa.table({"code": list(PARENTS), "parent_codes": list(PARENTS.values())})
    pq.write_table(table, folder / "metadata" / "codes.parquet")
    return folder


BORN: tuple[Row, Row] = ((-60 * 8766.0, "MEDS_BIRTH", None), (None, "GENDER//F", None))


def test_a_stay_runs_from_the_emergency_room_to_discharge_and_sees_what_came_before(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        *BORN,
        (-50.0, "LAB//1//mg/dL", 0.7),
        (0.0, "ED_REGISTRATION", None),
        (1.0, "LAB//1//mg/dL", 0.8),
        (5.0, "ED_OUT", None),
        (4.0, "HOSPITAL_ADMISSION//URGENT", None),
        (6.0, "ICU_ADMISSION//Medical Intensive Care Unit (MICU)", None),
        (30.0, "LAB//1//mg/dL", 1.4),
        (90.0, "HOSPITAL_DISCHARGE//HOME", None),
        (99.0, "LAB//1//mg/dL", 2.4),
    )
    (stay,) = meds.read_stays(folder, "Ours", TESTS)
    assert (stay.patient_id, stay.hospital, stay.timeline.sex, stay.unit_type) == (
        "7",
        "Ours",
        Sex.FEMALE,
        "medical",
    )
    assert (stay.begins, stay.ends) == (0.0, 90.0)
    assert stay.timeline.series[Analyte.CREATININE].values == [0.7, 0.8, 1.4, 2.4]
    table = build_table([stay], onset_landmarks)
    assert (table.hour.tolist(), table.outcome.tolist()) == ([1.0], [1.0])
    assert table.column("creatinine_low_7d").tolist() == [0.7]
    assert table.column("age").tolist() == pytest.approx([60.0], abs=0.1)


def test_dialysis_ends_a_stay_and_none_begins_in_the_week_after_it(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        *BORN,
        (0.0, "HOSPITAL_ADMISSION//URGENT", None),
        (1.0, "LAB//1//mg/dL", 1.0),
        (20.0, "PROCEDURE//START//225802", None),
        (30.0, "HOSPITAL_DISCHARGE//HOME", None),
        (100.0, "HOSPITAL_ADMISSION//URGENT", None),
        (101.0, "LAB//1//mg/dL", 1.0),
        (130.0, "HOSPITAL_DISCHARGE//HOME", None),
    )
    assert [(stay.begins, stay.ends) for stay in meds.read_stays(folder, "Ours", TESTS)] == [(0.0, 20.0)]


def test_units_are_read_from_the_codes_and_an_unknown_one_is_left_out(tmp_path: Path) -> None:
    folder = write(tmp_path, *BORN, (1.0, "LAB//3//umol/L", 88.42), (1.0, "LAB//2//furlong", 4.0))
    readings = readings_of(folder, TESTS)
    assert set(readings) == {"LAB//3//umol/L"}
    assert readings["LAB//3//umol/L"].scale.to_canonical(88.42) == pytest.approx(1.0)


def test_data_without_a_blood_creatinine_or_without_the_layout_are_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "bare", *BORN, (1.0, "LAB//2//furlong", 4.0))
    with pytest.raises(CohortUnreadable, match="LOINC/2160-0"):
        list(meds.read_stays(folder, "Ours", TESTS))
    assert not meds.is_meds(tmp_path)
    with pytest.raises(CohortUnreadable, match="MEDS"):
        list(meds.read_stays(tmp_path, "Ours", TESTS))


@pytest.mark.skipif(not (SHARED / "mimic-iv-demo-meds").is_dir(), reason="the MIMIC demo is not here")
def test_the_real_demo_has_its_patients_stays_and_plausible_outcomes() -> None:
    folder = SHARED / "mimic-iv-demo-meds"
    assert meds.is_meds(folder)
    stays = list(meds.read_stays(folder, "MIMIC", TESTS))
    assert (
        len({stay.patient_id for stay in stays}) == sum(source.stays for source in meds.sources_of(folder)) == 100
    )
    assert all(stay.begins < stay.ends for stay in stays)
    assert all(s.calendar is not None and s.calendar.zero_at.tzinfo is UTC for s in stays)
    known = build_table(stays, onset_landmarks).evaluable()
    assert 100 < known.outcome.sum() < 0.2 * len(known)
