"""Anybody's patients as one hourly table, CSV or Parquet: docs/validation.md lists the columns.

`patient_id`, `hour` (hours from any zero, when the sample was taken), `age_years`, `sex` (female or male);
optional `known_hour` (when the row's results could be known), `stay_id`, `hospital`, `unit_type`, `period` (say,
the year); one column per analyte and unit (`model.training.hourly_columns`). An empty cell is not measured.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from model.analytes import Analyte
from model.features import Timeline
from model.snapshot import Sex
from model.training.cohort import CohortStay, CohortUnreadable, known_series_of
from model.training.hourly_columns import ignored, scales_of
from model.units import Scale

Floats = NDArray[np.float64]
MOST_IMPOSSIBLE = 0.1  # a column with a larger share of impossible values has the wrong unit in its name
LEAST_JUDGED = 10


@dataclass(frozen=True, slots=True)
class _Rows:
    """The table by column: words by name, numbers by name, values in canonical units by analyte."""

    words: Mapping[str, list[Any]]
    hours: Floats
    known: Floats
    ages: Floats
    values: tuple[tuple[Analyte, Floats], ...]


def read_hourly_table(path: Path, site: str) -> Iterator[CohortStay]:
    """Every stay of the file. Raises CohortUnreadable naming the column and never a value."""
    rows = _rows(path)
    keys = list(zip(rows.words["patient_id"], rows.words.get("stay_id", rows.words["patient_id"]), strict=True))
    start = 0
    for end in range(1, len(keys) + 1):
        if end == len(keys) or keys[end] != keys[start]:
            yield _stay(rows, slice(start, end), site)
            start = end


def ignored_columns(path: Path) -> list[str]:
    """The columns that are not read."""
    return ignored(_table(path).column_names)


def _table(path: Path) -> pa.Table:
    try:
        return pq.read_table(path) if path.suffix == ".parquet" else pa_csv.read_csv(path)
    except (pa.ArrowInvalid, OSError) as problem:
        raise CohortUnreadable(f"{path.name} is neither a CSV nor a Parquet table") from problem


def _rows(path: Path) -> _Rows:
    table = _table(path)
    try:
        scales = scales_of(table.column_names)
    except CohortUnreadable as problem:
        raise CohortUnreadable(f"{path.name}: {problem}") from problem
    order = [(name, "ascending") for name in ("patient_id", "stay_id", "hour") if name in table.column_names]
    table = table.sort_by(order)
    words = ("patient_id", "stay_id", "sex", "hospital", "unit_type", "period")
    hours = _numbers(table, "hour")
    if np.isnan(hours).any():
        raise CohortUnreadable("the column hour has empty cells")
    known = _numbers(table, "known_hour") if "known_hour" in table.column_names else hours
    return _Rows(
        {name: table.column(name).to_pylist() for name in words if name in table.column_names},
        hours,
        known if known is hours else np.fmax(known, hours),
        _numbers(table, "age_years"),
        tuple((scale.analyte, _canonical(_numbers(table, name), scale, name)) for name, scale in scales.items()),
    )


def _numbers(table: pa.Table, name: str) -> Floats:
    column = table.column(name)
    if not (
        pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_null(column.type)
    ):
        raise CohortUnreadable(f"the column {name} holds something that is no number")
    filled = pc.fill_null(column.cast(pa.float64()), math.nan)
    return np.asarray(filled.to_numpy(), dtype=np.float64)


def _canonical(values: Floats, scale: Scale, name: str) -> Floats:
    """Canonical values, NaN where no patient has them. Raises CohortUnreadable when that is often."""
    with np.errstate(invalid="ignore"):
        found = values * scale.multiplier / scale.divisor + scale.offset
        possible = (found >= scale.low) & (found <= scale.high)
    given = int((~np.isnan(values)).sum())
    impossible = given - int(possible.sum())
    if given >= LEAST_JUDGED and impossible > MOST_IMPOSSIBLE * given:
        raise CohortUnreadable(
            f"of the {given} values of {name}, {impossible} are such as no patient has in that unit: the unit in "
            "the name is probably not the one of the values. Check it against the laboratory's"
        )
    return np.where(possible, found, math.nan)


def _stay(rows: _Rows, part: slice, site: str) -> CohortStay:
    hours, known = rows.hours[part].tolist(), rows.known[part].tolist()
    points: dict[Analyte, list[tuple[float, float, float]]] = {}
    for analyte, column in rows.values:
        given = zip(hours, column[part].tolist(), known, strict=True)
        points.setdefault(analyte, []).extend(point for point in given if not math.isnan(point[1]))
    courses = {analyte: known_series_of(found, analyte) for analyte, found in points.items()}
    kept = {analyte: course for analyte, course in courses.items() if course is not None}
    age = float(rows.ages[part][0])
    return CohortStay(
        patient_id=str(rows.words["patient_id"][part.start]),
        hospital=_word(rows, "hospital", part.start) or site,
        timeline=Timeline(
            None if math.isnan(age) else age,
            _sex(rows.words["sex"][part.start]),
            {a: c[0] for a, c in kept.items()},
        ),
        unit_type=_word(rows, "unit_type", part.start),
        known_hours=None if rows.known is rows.hours else {a: c[1] for a, c in kept.items()},
        period=_word(rows, "period", part.start),
    )


def _word(rows: _Rows, column: str, at: int) -> str | None:
    given = rows.words.get(column)
    return None if given is None or given[at] in (None, "") else str(given[at])


def _sex(given: Any) -> Sex | None:
    try:
        return Sex(str(given).lower())
    except ValueError:
        return None
