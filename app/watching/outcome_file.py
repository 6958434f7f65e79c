"""Outcomes from a file: creatinine results, deaths and dialysis of patients the model has spoken about.

Values are used to work out the label and are not kept. A line that is not understood is named and left out.
"""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TextIO

from sqlalchemy import Connection, Engine, select, update

from app.storage.encryption import SealedBox
from app.storage.tables import PredictionRow
from app.watching.judging import SAFETY_WINDOW
from app.watching.predictions import settle
from model.analytes import Analyte
from model.errors import QuantityRefused
from model.follow_up import FollowUp, follow_up
from model.snapshot import Measurement
from model.units import to_canonical

KINDS: Final = ("creatinine", "death", "dialysis")


@dataclass(slots=True)
class PatientOutcomes:
    """What the file says of one patient."""

    creatinine: list[Measurement] = field(default_factory=list)
    deaths: list[datetime] = field(default_factory=list)
    dialysis: list[datetime] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line left out. `problem` holds a column's name and a rule, never a value."""

    line: int
    problem: str


@dataclass(frozen=True, slots=True)
class Joined:
    """What will be written: labels by prediction, and deaths and dialysis within 30 days of one."""

    labels: tuple[tuple[str, FollowUp], ...]
    died: tuple[tuple[str, datetime], ...]
    dialysed: tuple[tuple[str, datetime], ...]

    def write(self, connection: Connection, at: datetime) -> None:
        """Into the open transaction."""
        for prediction_id, found in self.labels:
            settle(connection, prediction_id, found, at)
        for column, events in (("died_at", self.died), ("dialysis_at", self.dialysed)):
            for prediction_id, event_at in events:
                ours = PredictionRow.id == prediction_id
                connection.execute(update(PredictionRow).where(ours).values({column: event_at}))


class _Unreadable(ValueError):
    """A cell that is not understood; its text names the column."""


def read_outcomes(file: TextIO, *, as_csv: bool) -> tuple[dict[str, PatientOutcomes], list[BadLine]]:
    """Every patient of the file, and the lines that were left out."""
    patients: dict[str, PatientOutcomes] = {}
    bad: list[BadLine] = []
    for line, entry in enumerate(_csv_rows(file) if as_csv else _json_rows(file), start=2 if as_csv else 1):
        try:
            _take(entry, line, patients)
        except _Unreadable as problem:
            bad.append(BadLine(line, str(problem)))
    return patients, bad


def join(
    engine: Engine, box: SealedBox, site: str, patients: Mapping[str, PatientOutcomes], *, now: datetime
) -> Joined:
    """Meet the stored predictions of these patients. Raises SQLAlchemyError; writes nothing."""
    labels: list[tuple[str, FollowUp]] = []
    died: list[tuple[str, datetime]] = []
    dialysed: list[tuple[str, datetime]] = []
    with engine.connect() as connection:
        for patient_id, found in patients.items():
            for row in _predictions_of(connection, site, box.pseudonyms(f"{site}|{patient_id}")):
                labels += _label(row, found, now)
                died += _soon_after(row, found.deaths)
                dialysed += _soon_after(row, found.dialysis)
    return Joined(tuple(labels), tuple(died), tuple(dialysed))


def _predictions_of(connection: Connection, site: str, refs: Iterable[str]) -> Iterable[Any]:
    asked = select(PredictionRow.id, PredictionRow.head, PredictionRow.predicted_at, PredictionRow.outcome).where(
        PredictionRow.ehr_id == site, PredictionRow.patient_ref.in_(tuple(refs))
    )
    return connection.execute(asked).all()


def _label(row: Any, found: PatientOutcomes, now: datetime) -> list[tuple[str, FollowUp]]:
    if row.outcome not in ("pending", "unknown") or not found.creatinine:
        return []
    label = follow_up(found.creatinine, (), head=row.head, predicted_at=row.predicted_at, now=now)
    return [] if label.status in ("pending", row.outcome) else [(row.id, label)]


def _soon_after(row: Any, events: Iterable[datetime]) -> list[tuple[str, datetime]]:
    soon = sorted(at for at in events if row.predicted_at <= at <= row.predicted_at + SAFETY_WINDOW)
    return [(row.id, soon[0])] if soon else []


def _take(entry: Any, line: int, patients: dict[str, PatientOutcomes]) -> None:
    if not isinstance(entry, dict):
        raise _Unreadable("the line is not an object with names")
    patient_id, kind = str(entry.get("patient_id") or ""), str(entry.get("kind") or "creatinine")
    if not patient_id:
        raise _Unreadable("patient_id: is missing")
    if kind not in KINDS:
        raise _Unreadable(f"kind: must be one of {', '.join(KINDS)}")
    at = _moment(entry, "time")
    patient = patients.setdefault(patient_id, PatientOutcomes())
    match kind:
        case "death":
            patient.deaths.append(at)
        case "dialysis":
            patient.dialysis.append(at)
        case _:
            patient.creatinine.append(_measurement(entry, at, line))


def _measurement(entry: Mapping[str, Any], at: datetime, line: int) -> Measurement:
    available_at = _moment(entry, "available_at") if entry.get("available_at") else at
    try:
        value = float(entry.get("value") or "")
        canonical = to_canonical(Analyte.CREATININE, value, str(entry.get("unit") or ""), ucum=False)
    except QuantityRefused as refusal:
        raise _Unreadable(f"value, unit: {refusal.code}") from None
    except (ValueError, TypeError):
        raise _Unreadable("value: is not a number") from None
    return Measurement(Analyte.CREATININE, canonical, at, max(at, available_at), f"line {line}")


def _moment(entry: Mapping[str, Any], name: str) -> datetime:
    try:
        found = datetime.fromisoformat(str(entry.get(name)))
    except ValueError:
        raise _Unreadable(f"{name}: is not an ISO 8601 time") from None
    if found.tzinfo is None:
        raise _Unreadable(f"{name}: has no offset to UTC")
    return found


def _csv_rows(file: TextIO) -> Iterator[Any]:
    yield from csv.DictReader(file)


def _json_rows(file: TextIO) -> Iterator[Any]:
    for text in file:
        if text.strip():
            try:
                yield json.loads(text)
            except ValueError:
                yield None
