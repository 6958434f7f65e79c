"""A data set in MEDS form as cohort stays: one per hospital stay, the emergency room before it included.

Each row has one time, so a result counts as known when it was taken: kinder to a model than a ward, where an hour
passes. Dialysis replaces the kidneys: a stay ends at its first session, and none begins in the week after.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from model.age import age_years
from model.analytes import Analyte
from model.features import Series, Timeline
from model.hospital_stays import hospital_times
from model.snapshot import Sex, Stay
from model.training.cohort import Calendar, CohortStay, CohortUnreadable, Source, digest, on_grid, series_of
from model.training.meds_codes import CODES, LoincMeaning, Reading, canonical, data_files, readings_of

COLUMNS = ("subject_id", "time", "code", "numeric_value")
BORN = "MEDS_BIRTH"
SEXES = {"GENDER//F": Sex.FEMALE, "GENDER//M": Sex.MALE}
ARRIVALS, DEPARTURES = ("HOSPITAL_ADMISSION", "ED_REGISTRATION"), ("HOSPITAL_DISCHARGE", "ED_OUT")
WARD = "ward"
UNITS = {"ICU_ADMISSION//Medical Intensive": "medical", "ICU_ADMISSION//Surgical": "surgical",
         "ICU_ADMISSION//Trauma": "surgical", "ICU_ADMISSION//Cardiac Vascular": "cardiac surgery",
         "ICU_ADMISSION//Coronary": "coronary", "ICU_ADMISSION//": "other intensive care"}  # fmt: skip
DIALYSIS = (
    *(f"PROCEDURE//START//{item}" for item in ("225441", "225802", "225803", "225805", "225809")),
    "PROCEDURE//ICD//9//3995",
    "PROCEDURE//ICD//10//5A1D",
)
AFTER_DIALYSIS = timedelta(days=7)  # until then creatinine tells of the machine


def is_meds(folder: Path) -> bool:
    """Whether a folder is laid out as MEDS."""
    return (folder / CODES).is_file() and any(folder.glob("data/**/*.parquet"))


def sources_of(folder: Path) -> list[Source]:
    """Each data file's name, hash and number of subjects."""
    return [
        Source(
            f"{folder.name}/{path.relative_to(folder).as_posix()}",
            digest(path),
            len(pq.read_table(path, columns=["subject_id"]).column(0).unique()),
        )
        for path in data_files(folder)
    ]


def read_stays(
    folder: Path, site: str, tests: Mapping[str, LoincMeaning], *, zone: tzinfo = UTC
) -> Iterator[CohortStay]:
    """Every hospital stay, by subject and time. `tests` says what LOINC codes mean; times are clocks of `zone`.

    Raises CohortUnreadable naming the file, column or code.
    """
    readings = readings_of(folder, tests)
    events: dict[int, list[tuple[datetime, str, float | None]]] = defaultdict(list)
    for path in data_files(folder):
        for row in _rows(path, readings):
            if row["time"] is not None:
                events[row["subject_id"]].append(
                    (row["time"].replace(tzinfo=zone), row["code"], row["numeric_value"])
                )
            elif row["code"] in SEXES:
                events[row["subject_id"]].append((datetime.min.replace(tzinfo=UTC), row["code"], None))
    for subject in sorted(events):
        yield from _stays(str(subject), site, sorted(events[subject], key=_in_time), readings)


def _in_time(event: tuple[datetime, str, float | None]) -> tuple[datetime, float]:
    """By time; of one time the higher value last, which then counts, as in staging."""
    return event[0], -1.0 if event[2] is None else event[2]


def _rows(path: Path, readings: Mapping[str, Reading]) -> list[dict[str, Any]]:
    names = pq.read_schema(path).names
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        raise CohortUnreadable(f"{path.name} lacks the column(s) {', '.join(missing)}")
    table = pq.read_table(path, columns=list(COLUMNS))
    told = (BORN, *SEXES, *ARRIVALS, *DEPARTURES, *DIALYSIS, *UNITS)
    wanted = [c for c in table["code"].unique().to_pylist() if c in readings or c.startswith(told)]
    rows: list[dict[str, Any]] = table.filter(
        pc.is_in(table["code"], value_set=pa.array(wanted, table["code"].type))
    ).to_pylist()
    return rows


Event = tuple[datetime, str, float | None]


def _stays(
    subject: str, site: str, events: Sequence[Event], readings: Mapping[str, Reading]
) -> Iterator[CohortStay]:
    """One CohortStay per hospital stay, with the patient's whole course to look back on."""
    born = next((at.date() for at, code, _ in events if code == BORN), None)
    dated = [event for event in events if event[0].year > 1]
    spans = hospital_times(_spans(dated), dated[-1][0]) if dated else None
    if born is None or spans is None or not spans.starts:
        return
    zero = datetime.fromtimestamp(spans.starts[0], UTC)
    timeline = Timeline(None, _sex(events), _courses(dated, readings, zero))
    dialysed = [at for at, code, _ in dated if code.startswith(DIALYSIS)]
    for start, end in zip(spans.starts, spans.ends, strict=True):
        begin, close = (datetime.fromtimestamp(second, UTC) for second in (start, end))
        if any(begin - AFTER_DIALYSIS <= at <= begin for at in dialysed):
            continue
        close = min([close, *(at for at in dialysed if begin < at)])
        age = age_years(born, begin)
        yield CohortStay(
            subject,
            site,
            Timeline(age, timeline.sex, timeline.series),
            _unit(dated, begin, close),
            begins=_hours(begin, zero),
            ends=_hours(close, zero),
            calendar=Calendar(zero, born),
        )


def _hours(at: datetime, zero: datetime) -> float:
    return on_grid((at - zero).total_seconds() / 3600.0)


def _sex(events: Sequence[Event]) -> Sex | None:
    return next((SEXES[code] for _, code, _ in events if code in SEXES), None)


def _spans(events: Sequence[Event]) -> Iterator[Stay]:
    """Each arrival with the next departure of its kind; one without is left out, for its end is not known."""
    for arrival, departure in zip(ARRIVALS, DEPARTURES, strict=True):
        ends = [at for at, code, _ in events if code.startswith(departure)]
        for at, code, _ in events:
            end = next((e for e in ends if e > at), None)
            if code.startswith(arrival) and end is not None:
                yield Stay("IMP", code, at, end)


def _courses(events: Sequence[Event], readings: Mapping[str, Reading], zero: datetime) -> dict[Analyte, Series]:
    points: dict[Analyte, list[tuple[float, float]]] = defaultdict(list)
    for at, code, value in events:
        reading = readings.get(code)
        if reading is not None and value is not None and value == value:
            found = canonical(reading, value)
            if found is not None:
                points[reading.analyte].append((_hours(at, zero), found))
    courses = {analyte: series_of(found, analyte) for analyte, found in points.items()}
    return {analyte: course for analyte, course in courses.items() if course is not None}


def _unit(events: Sequence[Event], begin: datetime, end: datetime) -> str:
    """The first intensive care unit of the stay, else the ward."""
    codes = (code for at, code, _ in events if begin <= at <= end and code.startswith("ICU_ADMISSION//"))
    first = next(codes, None)
    return WARD if first is None else next(unit for start, unit in UNITS.items() if first.startswith(start))
