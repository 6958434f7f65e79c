"""What the codes of a MEDS data set measure, and in which unit.

The meaning comes from a code's LOINC parents in `metadata/codes.parquet`, by the code table charts are read with;
for the bedside items of MIMIC-IV, which have no parents, from the table here. The unit is the last part of the
code (`LAB//50912//mg/dL`). One that the analyte's table does not list is left out, never guessed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pyarrow.parquet as pq

from model.analytes import Analyte
from model.errors import QuantityRefused
from model.training.cohort import CohortUnreadable
from model.units import QuantityKind, ReportedAs, Scale, scale_for

CODES = "metadata/codes.parquet"
ITEMS: dict[str, Analyte] = {
    "LAB//220045": Analyte.HEART_RATE,
    "LAB//220210": Analyte.RESPIRATORY_RATE,
    "LAB//220277": Analyte.SPO2,
    "LAB//223761": Analyte.TEMPERATURE,
    "LAB//223762": Analyte.TEMPERATURE,
    "LAB//220179": Analyte.SYSTOLIC_BP,
    "LAB//220050": Analyte.SYSTOLIC_BP,
    "LAB//220180": Analyte.DIASTOLIC_BP,
    "LAB//220051": Analyte.DIASTOLIC_BP,
    "LAB//220181": Analyte.MEAN_BP,
    "LAB//220052": Analyte.MEAN_BP,
    "LAB//50816": Analyte.FIO2,  # its LOINC parent is mistyped
    "LAB//224639": Analyte.WEIGHT,
    "LAB//226512": Analyte.WEIGHT,
    **{
        f"SUBJECT_FLUID_OUTPUT//{item}": Analyte.URINE_OUTPUT
        for item in ("226559", "226560", "226561", "226567", "226627", "226631")
    },
}


class LoincMeaning(Protocol):
    """What a LOINC code promises about a value."""

    @property
    def analyte(self) -> Analyte: ...
    @property
    def kind(self) -> QuantityKind | None: ...
    @property
    def reported_as(self) -> ReportedAs: ...


@dataclass(frozen=True, slots=True)
class Reading:
    """How the numbers of one code are read."""

    analyte: Analyte
    scale: Scale


def data_files(folder: Path) -> list[Path]:
    """The event files. Raises CohortUnreadable when the folder is not laid out as MEDS."""
    files = sorted(folder.glob("data/**/*.parquet"))
    if not files or not (folder / CODES).is_file():
        raise CohortUnreadable(f"{folder.name} is not laid out as MEDS: data/**/*.parquet and {CODES} are needed")
    return files


def readings_of(folder: Path, tests: Mapping[str, LoincMeaning]) -> dict[str, Reading]:
    """What each code of the data measures. Raises CohortUnreadable when no code is a blood creatinine."""
    files = data_files(folder)
    listed = pq.read_table(folder / CODES, columns=["code", "parent_codes"]).to_pydict()
    parents = dict(zip(listed["code"], listed["parent_codes"], strict=True))
    columns = [pq.read_table(file, columns=["code"])["code"] for file in files]
    used = {code for column in columns for code in column.unique().to_pylist()}
    readings = {c: r for c in sorted(used) if (r := _reading(c, parents.get(c) or (), tests)) is not None}
    if all(reading.analyte is not Analyte.CREATININE for reading in readings.values()):
        raise CohortUnreadable(
            f"no code of {folder.name} is a blood creatinine in a unit that is understood; {CODES} must give it a "
            "LOINC parent such as LOINC/2160-0 and the code must end in its unit, such as //mg/dL"
        )
    return readings


def _reading(code: str, parents: Sequence[str | None], tests: Mapping[str, LoincMeaning]) -> Reading | None:
    item, _, unit = code.rpartition("//")
    known = next((t for p in parents if p and (t := tests.get(p.removeprefix("LOINC/"))) is not None), None)
    analyte = ITEMS.get(item) if known is None else known.analyte
    if analyte is None:
        return None
    reported_as = ReportedAs.ITSELF if known is None else known.reported_as
    kind = None if known is None else known.kind
    try:
        scale = scale_for(analyte, unit, ucum=False, reported_as=reported_as, expected_kind=kind)
    except QuantityRefused:
        return None
    return Reading(analyte, scale)


def canonical(reading: Reading, value: float) -> float | None:
    """The value, stored as a 32-bit float, to the six digits it has; None when no patient has it."""
    try:
        return reading.scale.to_canonical(float(f"{value:.6g}"))
    except QuantityRefused:
        return None
