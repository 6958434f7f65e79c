"""Creatinine and urine courses of the public data sets, with exact decimal values."""

import csv
import gzip
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

from model.analytes import Analyte
from model.errors import QuantityRefused
from model.snapshot import Measurement, Stay
from model.units import to_canonical

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY_MINUTES = 24 * 60
Number = int | Fraction  # whole numbers stay integers: exact, and quicker
Entry = tuple[Number, Number]  # (minute, value)
AKIFLAGGER_FILES = (
    "akiflagger_00test.csv",
    "akiflagger_01test.csv",
    "akiflagger_02test.csv",
    "akiflagger_toy.csv.gz",
)


@dataclass(frozen=True)
class CreatinineSeries:
    """One patient: (minute, mg/dL) strictly ascending, and (start, end) of hospital stays in minutes."""

    name: str
    points: tuple[Entry, ...]
    stays: tuple[Entry, ...] = ()

    def measurements(self) -> list[Measurement]:
        return [_measured(Analyte.CREATININE, minute, value, n) for n, (minute, value) in enumerate(self.points)]

    def hospital(self) -> list[Stay]:
        return [Stay("IMP", f"Encounter/{n}", at(start), at(end)) for n, (start, end) in enumerate(self.stays)]


@dataclass(frozen=True)
class UrineSeries:
    """One stay: (minute, mL) strictly ascending, and (minute, kg) of weights, at least one."""

    name: str
    points: tuple[Entry, ...]
    weights: tuple[Entry, ...]

    def measurements(self) -> list[Measurement]:
        return [_measured(Analyte.URINE_OUTPUT, minute, value, n) for n, (minute, value) in enumerate(self.points)]

    def weighings(self) -> list[Measurement]:
        return [_measured(Analyte.WEIGHT, minute, value, n) for n, (minute, value) in enumerate(self.weights)]

    def weight_at(self, minute: Number) -> Number:
        """The last weight known then, else the first."""
        return [kg for when, kg in self.weights if when <= minute or when == self.weights[0][0]][-1]


def exact(value: float | str) -> Number:
    """A decimal as it is written, not as binary arithmetic holds it."""
    number = Fraction(str(value))
    return number.numerator if number.denominator == 1 else number


def at(minute: Number) -> datetime:
    """A minute of a course as a time."""
    return START + timedelta(seconds=round(minute * 60))


def _measured(analyte: Analyte, minute: Number, value: Number, number: int) -> Measurement:
    when = at(minute)
    return Measurement(analyte, float(value), when, when, f"Observation/{number}")


# --- akiFlagger's example files -------------------------------------------------------------------------------


def akiflagger_files(data: Path) -> dict[str, list[CreatinineSeries]]:
    """Every patient of akiFlagger's example files."""
    folder = data / "aki-test-vectors"
    return {name: list(_akiflagger_file(folder / name)) for name in AKIFLAGGER_FILES}


def _akiflagger_file(path: Path) -> Iterator[CreatinineSeries]:
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode()
    by_patient: dict[str, dict[Number, Number]] = defaultdict(dict)
    for record in csv.DictReader(text.splitlines()):
        when = datetime.fromisoformat(record["time"])
        when = when if when.tzinfo else when.replace(tzinfo=UTC)
        minute = Fraction(round((when - datetime(2010, 1, 1, tzinfo=UTC)).total_seconds()), 60)
        patient, value = record.get("patient_id") or record["mrn"], record.get("creatinine") or record["creat"]
        _keep_higher(by_patient[patient], minute, exact(value))
    for patient, values in by_patient.items():
        yield CreatinineSeries(patient, tuple(sorted(values.items())))


def _keep_higher(values: dict[Number, Number], minute: Number, value: Number) -> None:
    values[minute] = max(value, values.get(minute, value))


# --- MIMIC-IV demo --------------------------------------------------------------------------------------------

MIMIC_CREATININE = "LAB//50912//mg/dL"
_ARRIVALS = ("HOSPITAL_ADMISSION", "ED_REGISTRATION")
_DEPARTURES = ("HOSPITAL_DISCHARGE", "ED_OUT")


def mimic_demo(data: Path) -> list[CreatinineSeries]:
    """Every creatinine of the 100 patients of the MIMIC-IV demo, with their stays."""
    import pandas as pd

    columns = ["subject_id", "time", "code", "numeric_value"]
    files = sorted((data / "mimic-iv-demo-meds" / "data").glob("*/*.parquet"))
    events = pd.concat([pd.read_parquet(path, columns=columns) for path in files])
    events = events[events.time.notna()].sort_values(["subject_id", "time"])
    return [_mimic_patient(str(subject), rows) for subject, rows in events.groupby("subject_id")]


def _mimic_patient(name: str, rows: Any) -> CreatinineSeries:
    zero = rows.time.iloc[0]
    minutes = [Fraction(round((when - zero).total_seconds()), 60) for when in rows.time]
    kinds = [code.split("//")[0] for code in rows.code]
    found: dict[Number, Number] = {}
    for minute, code, value in zip(minutes, rows.code, rows.numeric_value, strict=True):
        if code == MIMIC_CREATININE and value == value:
            _keep_higher(found, minute, exact(round(float(value), 3)))
    arrivals = [m for m, kind in zip(minutes, kinds, strict=True) if kind in _ARRIVALS]
    departures = [m for m, kind in zip(minutes, kinds, strict=True) if kind in _DEPARTURES]
    return CreatinineSeries(name, tuple(sorted(found.items())), tuple(_stays(arrivals, departures)))


def _stays(arrivals: Sequence[Number], departures: Sequence[Number]) -> Iterator[Entry]:
    """Each arrival with the first departure after it; stays up to a day apart are one."""
    current: Entry | None = None
    for arrival in sorted(arrivals):
        end = next((d for d in sorted(departures) if d >= arrival), arrival)
        if current is not None and arrival <= current[1] + DAY_MINUTES:
            current = (current[0], max(current[1], end))
            continue
        if current is not None:
            yield current
        current = (arrival, end)
    if current is not None:
        yield current


# --- PhysioNet 2012 and 2019 ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Physionet2012:
    """The 8,000 stays of sets a and b; `refused` counts values outside the plausible range."""

    creatinine: list[CreatinineSeries]
    urine: list[UrineSeries]
    refused: int


def physionet_2012(data: Path) -> Physionet2012:
    """Creatinine, urine output and weight of every stay of PhysioNet/CinC 2012."""
    import pandas as pd

    rows = pd.read_parquet(data / "physionet2012" / "timeseries.parquet")
    rows = rows[rows.Parameter.isin(["Creatinine", "Urine", "Weight"]) & (rows.Value != -1)]
    names = {"Creatinine": Analyte.CREATININE, "Urine": Analyte.URINE_OUTPUT, "Weight": Analyte.WEIGHT}
    found: dict[str, dict[Analyte, dict[Number, Number]]] = defaultdict(lambda: defaultdict(dict))
    refused = 0
    columns = zip(rows["set"], rows.RecordID, rows.minute, rows.Parameter, rows.Value, strict=True)
    for group, record, minute, parameter, value in columns:
        analyte = names[parameter]
        if not _plausible(analyte, value):
            refused += 1
            continue
        values, when = found[f"{group}{record}"][analyte], int(minute)
        if analyte is Analyte.URINE_OUTPUT:  # several outputs at one time add up
            values[when] = values.get(when, 0) + exact(value)
        else:
            _keep_higher(values, when, exact(value))
    creatinine = [
        CreatinineSeries(name, tuple(sorted(by[Analyte.CREATININE].items())))
        for name, by in found.items()
        if by[Analyte.CREATININE]
    ]
    return Physionet2012(creatinine, list(_urine(found)), refused)


def _urine(found: Mapping[str, Mapping[Analyte, Mapping[Number, Number]]]) -> Iterator[UrineSeries]:
    for name, by in found.items():
        if by[Analyte.URINE_OUTPUT] and by[Analyte.WEIGHT]:
            urine, weights = sorted(by[Analyte.URINE_OUTPUT].items()), sorted(by[Analyte.WEIGHT].items())
            yield UrineSeries(name, tuple(urine), tuple(weights))


def _plausible(analyte: Analyte, value: float) -> bool:
    unit = {Analyte.CREATININE: "mg/dL", Analyte.URINE_OUTPUT: "mL", Analyte.WEIGHT: "kg"}[analyte]
    try:
        to_canonical(analyte, value, unit, ucum=True)
    except QuantityRefused:
        return False
    return True


def physionet_2019(data: Path) -> list[CreatinineSeries]:
    """Hourly creatinine of both hospitals of PhysioNet/CinC 2019, plausible values only."""
    import pandas as pd

    series = []
    for hospital in ("A", "B"):
        path = data / "physionet2019" / f"hospital_{hospital}.parquet"
        rows = pd.read_parquet(path, columns=["pid", "ICULOS", "Creatinine"]).dropna()
        for pid, part in rows.groupby("pid"):
            values: dict[Number, Number] = {}
            for hour, value in zip(part.ICULOS, part.Creatinine, strict=True):
                if _plausible(Analyte.CREATININE, value):
                    _keep_higher(values, int(hour) * 60, exact(round(float(value), 3)))
            if values:
                series.append(CreatinineSeries(f"{hospital}{pid}", tuple(sorted(values.items()))))
    return series
