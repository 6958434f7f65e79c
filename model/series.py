"""Staging of a plain table, row by row: `aki stage SERIES.csv`.

Columns: `time` (ISO 8601), `creatinine` (may carry `<` or `>`), `unit`, and optionally `urine_ml`, `weight_kg`,
`rrt`. Every row is staged as of its own time from itself and the rows before it in time. A cell that is not
understood is named in the row's `problem` and never guessed; the other rows go on.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from model.age import ADULT_AGE_YEARS, age_years
from model.analytes import Analyte
from model.assessment import KdigoStaging, NhsAlert, part_to_json
from model.baseline import find_references
from model.creatinine import CreatinineCourse, creatinine_course, without_references
from model.errors import ModelError, QuantityRefused
from model.hospital_stays import hospital_times
from model.kdigo import CreatinineNow, combine, creatinine_points
from model.kdigo_creatinine import StagingRules
from model.kdigo_urine import UrineStage, stage_urine
from model.nhs import NhsPatient, nhs_alert
from model.policy import DEFAULT_POLICY, SitePolicy
from model.rrt import CURRENT_WINDOW, SAME_COURSE_GAP, DialysisCourse
from model.snapshot import Comparator, Measurement, Sex
from model.units import to_canonical

REQUIRED_COLUMNS = ("time", "creatinine", "unit")
OPTIONAL_COLUMNS = ("urine_ml", "weight_kg", "rrt")
_YES = frozenset({"1", "true", "yes", "y"})
_NO = frozenset({"", "0", "false", "no", "n"})


class SeriesRefused(ModelError):
    """The table as a whole cannot be read; `str()` names the column or the rule."""

    code = "series-refused"


@dataclass(frozen=True, slots=True)
class SeriesPatient:
    """What may be known of the patient beside the table. Without a birth date the adult rules are used.

    `child_height_cm` counts only under 18 years, at the end of the table.
    """

    birth_date: date | None = None
    sex: Sex | None = None
    child_height_cm: float | None = None
    baseline_mg_dl: float | None = None


@dataclass(frozen=True, slots=True)
class RowResult:
    """One row's answer. `problem` names the cell that was not understood; the rest of the row is not used then."""

    row: int
    at: datetime | None
    kdigo: KdigoStaging | None = None
    nhs: NhsAlert | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class _Row:
    number: int
    at: datetime
    rrt: bool = False
    creatinine: Measurement | None = None
    urine: Measurement | None = None
    weight: Measurement | None = None


@dataclass(frozen=True, slots=True)
class _Table:
    rows: list[_Row] = field(default_factory=list)
    refused: list[RowResult] = field(default_factory=list)


def stage_table(
    records: Iterable[Mapping[str, str | None]],
    *,
    patient: SeriesPatient = SeriesPatient(),
    policy: SitePolicy = DEFAULT_POLICY,
) -> list[RowResult]:
    """Every row's KDIGO and NHS result, in the order of the table; rows are numbered from 1.

    Times without an offset are read as one and the same zone. Raises SeriesRefused when a required column is
    missing or when times with and without an offset are mixed.
    """
    table = _read(list(records))
    rows = sorted(table.rows, key=lambda row: (row.at, row.number))
    if not rows:
        return sorted(table.refused, key=lambda result: result.row)
    end = rows[-1].at
    course = creatinine_course([row.creatinine for row in rows if row.creatinine], end)
    cleared = [(row.at, row.at + CURRENT_WINDOW) for row in rows if row.rrt]
    points = _creatinine_points(course, cleared, patient, policy, end)
    urine = _urine_stages(rows, end, policy)
    results = [*table.refused]
    for row, dialysis in zip(rows, _dialysis_courses(rows), strict=True):
        results.append(_stage_row(row, course, points, urine, dialysis, patient, policy))
    return sorted(results, key=lambda result: result.row)


def row_to_json(result: RowResult) -> dict[str, Any]:
    """The row's public JSON form, absent rather than null."""
    document: dict[str, Any] = part_to_json(result)
    return document


def _creatinine_points(
    course: CreatinineCourse,
    cleared: Sequence[tuple[datetime, datetime]],
    patient: SeriesPatient,
    policy: SitePolicy,
    end: datetime,
) -> list[CreatinineNow]:
    no_stays = hospital_times((), end)
    compared = without_references(course, cleared)
    references = find_references(compared, no_stays, policy.baseline_methods, patient.baseline_mg_dl)
    born = patient.birth_date
    child = born is not None and age_years(born, end) < ADULT_AGE_YEARS
    rules = StagingRules(patient.child_height_cm if child else None)
    return list(creatinine_points(course, references, rules, None))


def _urine_stages(rows: Sequence[_Row], end: datetime, policy: SitePolicy) -> list[UrineStage]:
    """A table that brings urine output and weights asks for them to be staged."""
    urine = [row.urine for row in rows if row.urine]
    weights = [row.weight for row in rows if row.weight]
    return stage_urine(urine, weights, end, max_interval_hours=policy.urine_max_interval_hours)


def _dialysis_courses(rows: Sequence[_Row]) -> Iterator[DialysisCourse | None]:
    """The course of renal replacement current at each row, rows being in time order."""
    course: DialysisCourse | None = None
    for row in rows:
        if row.rrt and course is not None and row.at - course.last_at <= SAME_COURSE_GAP:
            course = DialysisCourse(course.first_at, row.at)
        elif row.rrt:
            course = DialysisCourse(row.at, row.at)
        yield course if course is not None and row.at - course.last_at <= CURRENT_WINDOW else None


def _stage_row(
    row: _Row,
    course: CreatinineCourse,
    points: Sequence[CreatinineNow],
    urine: Sequence[UrineStage],
    dialysis: DialysisCourse | None,
    patient: SeriesPatient,
    policy: SitePolicy,
) -> RowResult:
    index = bisect_right(course.seconds, row.at.timestamp()) - 1
    oldest = row.at - timedelta(days=policy.current_creatinine_max_age_days)
    point = points[index] if index >= 0 and points[index].at >= oldest else None
    charted = bisect_right(urine, row.at, key=lambda stage: stage.at)
    kdigo = combine(point, urine[charted - 1] if charted else None, dialysis, row.at)
    nhs = None
    if row.creatinine is not None and policy.nhs_algorithm:
        nhs = nhs_alert(course, index, NhsPatient(patient.birth_date, patient.sex), policy)
    return RowResult(row.number, row.at, kdigo, nhs)


def _read(records: Sequence[Mapping[str, str | None]]) -> _Table:
    table = _Table()
    if records:
        missing = [name for name in REQUIRED_COLUMNS if name not in records[0]]
        if missing:
            raise SeriesRefused(f"The table has no column {', '.join(missing)}.")
    offsets: set[bool] = set()
    for number, record in enumerate(records, start=1):
        cells = {name: (record.get(name) or "").strip() for name in (*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS)}
        try:
            at, has_offset, day_only = _time(cells["time"])
            table.rows.append(_row(number, cells, at, day_only))
        except _CellNotUnderstood as problem:
            table.refused.append(RowResult(number, None, problem=str(problem)))
            continue
        offsets.add(has_offset)
    if len(offsets) > 1:
        raise SeriesRefused("Some times carry an offset and some do not: they cannot be put in order.")
    return table


class _CellNotUnderstood(Exception):
    """A cell that cannot be used, in words for the reader."""


def _row(number: int, cells: Mapping[str, str], at: datetime, day_only: bool) -> _Row:
    source = f"row/{number}"
    rrt = cells["rrt"].lower()
    if rrt not in _YES | _NO:
        raise _CellNotUnderstood("rrt: neither yes nor no")

    def measured(analyte: Analyte, text: str, unit: str, column: str) -> Measurement | None:
        if not text:
            return None
        comparator, number_text = _comparator(text)
        value = _canonical(analyte, number_text, unit, column)
        return Measurement(analyte, value, at, at, source, comparator, day_only=day_only)

    return _Row(
        number=number,
        at=at,
        rrt=rrt in _YES,
        creatinine=measured(Analyte.CREATININE, cells["creatinine"], cells["unit"], "creatinine"),
        urine=measured(Analyte.URINE_OUTPUT, cells["urine_ml"], "mL", "urine_ml"),
        weight=measured(Analyte.WEIGHT, cells["weight_kg"], "kg", "weight_kg"),
    )


def _time(text: str) -> tuple[datetime, bool, bool]:
    """The time, whether it came with an offset, and whether it is known to the day only."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise _CellNotUnderstood("time: not an ISO 8601 date and time") from None
    day_only = len(text) <= len("2026-01-31")
    return (at if at.tzinfo else at.replace(tzinfo=UTC)), at.tzinfo is not None, day_only


def _comparator(text: str) -> tuple[Comparator | None, str]:
    for comparator in (
        Comparator.LESS_OR_EQUAL,
        Comparator.GREATER_OR_EQUAL,
        Comparator.LESS_THAN,
        Comparator.GREATER_THAN,
    ):
        if text.startswith(comparator.value):
            return comparator, text[len(comparator.value) :].strip()
    return None, text


def _canonical(analyte: Analyte, text: str, unit: str, column: str) -> float:
    try:
        return to_canonical(analyte, float(text), unit, ucum=False)
    except ValueError:
        raise _CellNotUnderstood(f"{column}: not a number (use a point for decimals)") from None
    except QuantityRefused as refused:
        raise _CellNotUnderstood(f"{column}: {refused}") from None
