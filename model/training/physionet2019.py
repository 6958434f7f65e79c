"""PhysioNet/CinC Challenge 2019 as timelines: hourly rows, two hospitals, A (Boston) and B (Atlanta).

A row's hour is both the time of its measurements and the time they were known. Values are stored as 32-bit
floats, so they are rounded to four decimals first. What the product would not use is dropped here as it would be
there: values outside the border's plausibility window (`model.units`) and charting artefacts.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from model.analytes import Analyte
from model.charting_artefacts import BELIEVABLE
from model.features import Series, Timeline
from model.snapshot import Sex
from model.training.cohort import CohortStay, CohortUnreadable, Source
from model.unit_tables import PLAUSIBLE

HOSPITALS = ("A", "B")
COLUMNS: dict[str, Analyte] = {
    "HR": Analyte.HEART_RATE,
    "O2Sat": Analyte.SPO2,
    "Temp": Analyte.TEMPERATURE,
    "SBP": Analyte.SYSTOLIC_BP,
    "MAP": Analyte.MEAN_BP,
    "DBP": Analyte.DIASTOLIC_BP,
    "Resp": Analyte.RESPIRATORY_RATE,
    "FiO2": Analyte.FIO2,
    "PaCO2": Analyte.PACO2,
    "AST": Analyte.ASPARTATE_AMINOTRANSFERASE,
    "BUN": Analyte.UREA_NITROGEN,
    "Alkalinephos": Analyte.ALKALINE_PHOSPHATASE,
    "Calcium": Analyte.CALCIUM,
    "Creatinine": Analyte.CREATININE,
    "Glucose": Analyte.GLUCOSE,
    "Lactate": Analyte.LACTATE,
    "Magnesium": Analyte.MAGNESIUM,
    "Phosphate": Analyte.PHOSPHATE,
    "Potassium": Analyte.POTASSIUM,
    "Bilirubin_total": Analyte.BILIRUBIN_TOTAL,
    "Hgb": Analyte.HAEMOGLOBIN,
    "PTT": Analyte.PARTIAL_THROMBOPLASTIN_TIME,
    "WBC": Analyte.WHITE_CELLS,
    "Platelets": Analyte.PLATELETS,
}
SCALE = {Analyte.FIO2: 100.0}  # a fraction here, per cent in a chart
PERSON_COLUMNS = ("pid", "ICULOS", "Age", "Gender", "Unit1", "Unit2")
DECIMALS = 4


def hospital_file(folder: Path, hospital: str) -> Path:
    """The file of one hospital; raises CohortUnreadable when it is not there."""
    path = folder / f"hospital_{hospital}.parquet"
    if not path.is_file():
        raise CohortUnreadable(
            f"{path.name} is not in {folder}; see the data folder's README for where it comes from"
        )
    return path


def source_of(folder: Path, hospital: str) -> Source:
    """The file's name, hash and number of stays."""
    path = hospital_file(folder, hospital)
    ids = pq.read_table(path, columns=["pid"]).column("pid")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Source(f"physionet2019/{path.name}", digest, len(ids.unique()))


def read_stays(folder: Path, hospital: str) -> Iterator[CohortStay]:
    """Every stay of a hospital, in the order of patient ids."""
    table = pq.read_table(hospital_file(folder, hospital), columns=[*PERSON_COLUMNS, *COLUMNS])
    table = table.sort_by([("pid", "ascending"), ("ICULOS", "ascending")])
    patients = np.asarray(table.column("pid").to_pylist())
    person = {name: _floats(table, name) for name in PERSON_COLUMNS[1:]}
    columns = {analyte: _canonical(_floats(table, name), analyte) for name, analyte in COLUMNS.items()}
    starts = np.flatnonzero(np.r_[True, patients[1:] != patients[:-1]])
    for start, end in zip(starts, np.r_[starts[1:], len(patients)], strict=True):
        yield CohortStay(
            patient_id=str(patients[start]),
            hospital=hospital,
            timeline=_timeline(person, columns, slice(start, end)),
            unit_type=_unit_type(person["Unit1"][start], person["Unit2"][start]),
        )


def _floats(table: object, name: str) -> NDArray[np.float64]:
    column = table.column(name).to_numpy()  # type: ignore[attr-defined]
    return np.asarray(column, dtype=np.float64)


def _canonical(values: NDArray[np.float64], analyte: Analyte) -> NDArray[np.float64]:
    values = np.round(np.round(values, DECIMALS) * SCALE.get(analyte, 1.0), DECIMALS)
    plausible = PLAUSIBLE[analyte]
    narrow = BELIEVABLE.get(analyte, plausible)
    low, high = max(plausible.low, narrow.low), min(plausible.high, narrow.high)
    return np.where((values >= low) & (values <= high), values, np.nan)


def _timeline(
    person: dict[str, NDArray[np.float64]], columns: dict[Analyte, NDArray[np.float64]], rows: slice
) -> Timeline:
    hours, series = person["ICULOS"][rows], {}
    for analyte, column in columns.items():
        values = column[rows]
        known = ~np.isnan(values)
        if known.any():
            series[analyte] = Series(hours[known].tolist(), values[known].tolist())
    sex = Sex.MALE if person["Gender"][rows][0] == 1 else Sex.FEMALE
    return Timeline(round(float(person["Age"][rows][0]), 2), sex, series)


def _unit_type(medical: float, surgical: float) -> str | None:
    if medical == 1:
        return "medical"
    return "surgical" if surgical == 1 else None
