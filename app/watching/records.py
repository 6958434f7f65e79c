"""The stored predictions as `aki monitor` reads them: opened, and grouped by site, month, head and model."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec
from sqlalchemy import Engine, select

from app.storage.encryption import SealedBox, Undecipherable
from app.storage.tables import PredictionRow
from app.watching.inputs import InputSummary
from app.watching.predictions import sealed_context
from app.watching.statistics import Judged


@dataclass(frozen=True, slots=True)
class Record:
    """One prediction with what came of it. `inputs` is None where nothing was kept or the key is lost."""

    patient: str
    predicted_at: datetime
    probability: float
    flagged: bool
    outcome: str
    event_at: datetime | None
    died_at: datetime | None
    dialysis_at: datetime | None
    refused_units: int
    inputs: InputSummary | None

    @property
    def judged(self) -> Judged | None:
        """For the statistics, when the outcome is known."""
        if self.outcome not in ("event", "no-event"):
            return None
        return Judged(self.patient, self.probability, self.flagged, self.outcome == "event")


@dataclass(frozen=True, slots=True, order=True)
class MonthKey:
    """What is judged together. `month` is "2026-08", in UTC; `model` the digest, with the site's recalibration."""

    site: str
    month: str
    head: str
    model_sha256: str
    recalibration: str


Months = Mapping[MonthKey, list[Record]]


def read_records(
    engine: Engine, box: SealedBox, *, site: str | None = None, since: datetime | None = None
) -> Months:
    """Every stored prediction of a site (or all), from a moment on (or ever). Raises SQLAlchemyError."""
    found: dict[MonthKey, list[Record]] = defaultdict(list)
    for row in _rows(engine, site, since):
        month = f"{row.predicted_at:%Y-%m}"
        key = MonthKey(row.ehr_id, month, row.head, row.model_sha256, row.recalibration or "")
        found[key].append(_record(row, box))
    return dict(sorted(found.items()))


def _rows(engine: Engine, site: str | None, since: datetime | None) -> Iterator[PredictionRow]:
    asked = select(PredictionRow.__table__).order_by(PredictionRow.predicted_at)
    if site is not None:
        asked = asked.where(PredictionRow.ehr_id == site)
    if since is not None:
        asked = asked.where(PredictionRow.predicted_at >= since)
    with engine.connect() as connection:
        yield from connection.execution_options(yield_per=1000).execute(asked)  # type: ignore[misc]


def _record(row: PredictionRow, box: SealedBox) -> Record:
    return Record(
        patient=row.patient_ref,
        predicted_at=row.predicted_at,
        probability=row.probability,
        flagged=row.category == "high",
        outcome=row.outcome,
        event_at=row.event_at,
        died_at=row.died_at,
        dialysis_at=row.dialysis_at,
        refused_units=row.refused_units,
        inputs=_inputs(row, box),
    )


def _inputs(row: PredictionRow, box: SealedBox) -> InputSummary | None:
    if row.sealed is None:
        return None
    try:
        return msgspec.json.decode(box.open(row.sealed, context=sealed_context(row.id)), type=InputSummary)
    except (Undecipherable, msgspec.MsgspecError):
        return None
