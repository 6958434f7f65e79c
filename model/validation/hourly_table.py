"""Anybody's patients as one hourly table, CSV or Parquet: `docs/model-limits.md` lists the columns.

`patient_id`, `hour` (hours from any zero, when the result was known), `age` (years), `sex` (female or male);
optional `hospital`, `unit_type` (medical or surgical); and one column per analyte in its canonical unit, named as
`model.analytes` names it (`creatinine` in mg/dL, `mean_bp` in mm[Hg] ...). An empty cell is not measured.
"""

import hashlib
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from model.analytes import Analyte
from model.charting_artefacts import believable
from model.feature_list import USED_ANALYTES
from model.features import Series, Timeline
from model.snapshot import Sex
from model.training.cohort import CohortStay, CohortUnreadable
from model.unit_tables import PLAUSIBLE

NEEDED = ("patient_id", "hour", "age", "sex", "creatinine")
WORDS = ("hospital", "unit_type")


def read_hourly_table(path: Path, site: str) -> Iterator[CohortStay]:
    """Every patient of the file. Raises CohortUnreadable naming the column and never a value."""
    table = _table(path)
    missing = [name for name in NEEDED if name not in table.column_names]
    if missing:
        raise CohortUnreadable(f"{path.name} lacks the column(s) {', '.join(missing)}")
    table = table.sort_by([("patient_id", "ascending"), ("hour", "ascending")])
    analytes = [analyte for analyte in USED_ANALYTES if analyte.value in table.column_names]
    columns = {name: table.column(name).to_pylist() for name in (*NEEDED, *WORDS) if name in table.column_names}
    values = {analyte: table.column(analyte.value).to_pylist() for analyte in analytes}
    ids, start = columns["patient_id"], 0
    for end in range(1, len(ids) + 1):
        if end == len(ids) or ids[end] != ids[start]:
            yield _stay(columns, values, slice(start, end), site)
            start = end


def digest(path: Path) -> str:
    """The file's SHA-256."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _table(path: Path) -> Any:
    try:
        return pq.read_table(path) if path.suffix == ".parquet" else pa_csv.read_csv(path)
    except (pa.ArrowInvalid, OSError) as problem:
        raise CohortUnreadable(f"{path.name} is neither a CSV nor a Parquet table") from problem


def _stay(
    columns: Mapping[str, list[Any]], values: Mapping[Analyte, list[Any]], rows: slice, site: str
) -> CohortStay:
    hours = [_number(hour, "hour") for hour in columns["hour"][rows]]
    series = {}
    for analyte, column in values.items():
        points = [
            (h, _number(v, analyte.value)) for h, v in zip(hours, column[rows], strict=True) if v is not None
        ]
        kept = {h: v for h, v in points if _usable(analyte, v)}
        if kept:
            series[analyte] = Series(list(kept), list(kept.values()))
    age = columns["age"][rows][0]
    return CohortStay(
        patient_id=str(columns["patient_id"][rows.start]),
        hospital=str(columns.get("hospital", [site] * rows.stop)[rows.start]),
        timeline=Timeline(None if age is None else _number(age, "age"), _sex(columns["sex"][rows.start]), series),
        unit_type=columns.get("unit_type", [None] * rows.stop)[rows.start],
    )


def _number(value: Any, column: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise CohortUnreadable(f"the column {column} holds something that is no number")
    return float(value)


def _usable(analyte: Analyte, value: float) -> bool:
    window = PLAUSIBLE[analyte]
    return math.isfinite(value) and window.low <= value <= window.high and believable(analyte, value)


def _sex(given: Any) -> Sex | None:
    try:
        return Sex(str(given).lower())
    except ValueError:
        return None
