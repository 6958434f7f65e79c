"""PhysioNet/CinC Challenge 2012, sets a and b, as timelines: 8,000 intensive care stays of 48 h, Boston.

Long rows (set, RecordID, minute, Parameter, Value); -1 is unknown. Invasive and cuff pressures are one analyte; at
one minute the invasive one counts. The set's description gives magnesium in mmol/L; its median of 2.0 can only be
mg/dL, the unit that laboratory reports in (MIMIC-IV, item 50960), and is read so. Not taken over: ventilation, and
results the product has no analyte for (PaO2, ALT, cholesterol, troponin T).
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from model.analytes import Analyte
from model.features import Timeline
from model.snapshot import Sex
from model.training.cohort import CohortStay, CohortUnreadable, Source, digest, series_of

FILE = "timeseries.parquet"
HOSPITAL = "2012"
COLUMNS = ("RecordID", "minute", "Parameter", "Value")
# Later rows of one analyte and minute win: cuff pressures first.
PARAMETERS: dict[str, Analyte] = {
    "NISysABP": Analyte.SYSTOLIC_BP,
    "NIDiasABP": Analyte.DIASTOLIC_BP,
    "NIMAP": Analyte.MEAN_BP,
    "SysABP": Analyte.SYSTOLIC_BP,
    "DiasABP": Analyte.DIASTOLIC_BP,
    "MAP": Analyte.MEAN_BP,
    "HR": Analyte.HEART_RATE,
    "RespRate": Analyte.RESPIRATORY_RATE,
    "Temp": Analyte.TEMPERATURE,
    "GCS": Analyte.GLASGOW_COMA_SCORE,
    "Urine": Analyte.URINE_OUTPUT,
    "Weight": Analyte.WEIGHT,
    "Height": Analyte.HEIGHT,
    "Creatinine": Analyte.CREATININE,
    "BUN": Analyte.UREA_NITROGEN,
    "Na": Analyte.SODIUM,
    "K": Analyte.POTASSIUM,
    "HCO3": Analyte.BICARBONATE,
    "Mg": Analyte.MAGNESIUM,
    "Glucose": Analyte.GLUCOSE,
    "Lactate": Analyte.LACTATE,
    "Albumin": Analyte.ALBUMIN,
    "Bilirubin": Analyte.BILIRUBIN_TOTAL,
    "AST": Analyte.ASPARTATE_AMINOTRANSFERASE,
    "ALP": Analyte.ALKALINE_PHOSPHATASE,
    "TroponinI": Analyte.TROPONIN_I,
    "HCT": Analyte.HAEMATOCRIT,
    "WBC": Analyte.WHITE_CELLS,
    "Platelets": Analyte.PLATELETS,
    "pH": Analyte.PH,
    "PaCO2": Analyte.PACO2,
    "SaO2": Analyte.SAO2,
    "FiO2": Analyte.FIO2,
}
SCALE = {"FiO2": 100.0}  # a fraction here, per cent in a chart
UNITS = {1: "coronary", 2: "cardiac surgery", 3: "medical", 4: "surgical"}
_PERSON = ("Age", "Gender", "ICUType")


def source_of(folder: Path) -> Source:
    """The file's name, hash and number of stays."""
    path = _file(folder)
    ids = pq.read_table(path, columns=["RecordID"]).column("RecordID")
    return Source(f"physionet2012/{FILE}", digest(path), len(ids.unique()))


def read_stays(folder: Path) -> Iterator[CohortStay]:
    """Every stay, in the order of record ids. Raises CohortUnreadable."""
    path = _file(folder)
    names = pq.read_schema(path).names
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        raise CohortUnreadable(f"{path.name} lacks the column(s) {', '.join(missing)}")
    table = pq.read_table(path, columns=list(COLUMNS))
    parameter = table.column("Parameter").cast("string")
    rank = {name: i for i, name in enumerate((*_PERSON, *PARAMETERS))}
    table = table.set_column(2, "rank", pc.index_in(parameter, value_set=pa.array(list(rank))))
    table = table.filter(pc.is_valid(table.column("rank")))
    table = table.sort_by([("RecordID", "ascending"), ("rank", "ascending"), ("minute", "ascending")])
    records, minutes, ranks, values = (table.column(i).to_numpy() for i in range(4))
    edges = np.flatnonzero(np.r_[True, records[1:] != records[:-1], True]).tolist()
    order = list(rank)
    for start, end in pairwise(edges):
        rows = zip(minutes[start:end].tolist(), ranks[start:end].tolist(), values[start:end].tolist(), strict=True)
        yield _stay(str(records[start]), [(order[r], m, v) for m, r, v in rows])


def _file(folder: Path) -> Path:
    path = folder / FILE
    if not path.is_file():
        raise CohortUnreadable(
            f"{FILE} is not in {folder.name}; see the data folder's README for where it comes from"
        )
    return path


def _stay(record: str, rows: list[tuple[str, int, float]]) -> CohortStay:
    person: dict[str, float] = {}
    points: dict[Analyte, list[tuple[float, float]]] = defaultdict(list)
    for name, minute, value in rows:
        if name in _PERSON:
            person[name] = value
        elif name in PARAMETERS:
            points[PARAMETERS[name]].append((minute / 60.0, round(value * SCALE.get(name, 1.0), 4)))
    return CohortStay(record, HOSPITAL, _timeline(person, points), UNITS.get(int(person.get("ICUType", -1))))


def _timeline(person: Mapping[str, float], points: Mapping[Analyte, list[tuple[float, float]]]) -> Timeline:
    courses = {analyte: series_of(found, analyte) for analyte, found in points.items()}
    age = person.get("Age", -1.0)
    sex = {0: Sex.FEMALE, 1: Sex.MALE}.get(int(person.get("Gender", -1.0)))
    known = {analyte: course for analyte, course in courses.items() if course is not None}
    return Timeline(age if age >= 0 else None, sex, known)
