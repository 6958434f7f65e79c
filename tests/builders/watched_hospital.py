"""A simulated hospital: real charts (the embedded EHR's), scored by the real model, month after month.

Each admission is a random patient at a random moment at which a creatinine had become known, moved into the month.
A `laboratory` may change what is measured from a month on.
"""

import gzip
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from app.auditing.trail import AuditEvent, AuditTrail
from app.storage.encryption import SealedBox
from app.watching.outcome_file import PatientOutcomes, join
from app.watching.predictions import Look, Predictions
from model.analytes import Analyte
from model.artifact import load_bundled_model
from model.assess import assess
from model.assessment import Assessment
from model.follow_up import follow_up
from model.snapshot import Measurement, PatientSnapshot, Stay
from patient_context.mapping import snapshot_from_resources

PATIENTS = Path(__file__).resolve().parents[2] / "sandbox" / "patients"
SITE = "general"
MONTHS = ("2026-05", "2026-06", "2026-07", "2026-08")
_CHARTS = 60
_CREATININE_BACK = timedelta(days=9)
_OTHERS_BACK = timedelta(days=2)
_AHEAD = timedelta(hours=49)

Laboratory = Callable[[Measurement], Measurement]


@dataclass(frozen=True)
class Admission:
    """A chart, the moment of the look, and whether an AKI followed."""

    chart: PatientSnapshot
    at: datetime
    event: bool


@cache
def admissions() -> tuple[Admission, ...]:
    """Every moment of the bundled patients the onset model speaks about and whose outcome is known."""
    model, found = load_model(), []
    for chart in _charts():
        for one in chart.measurements(Analyte.CREATININE):
            now = max(one.at, one.available_at) + timedelta(minutes=1)
            near = _cut(chart, now)
            label = follow_up(
                near.measurements(Analyte.CREATININE),
                near.stays,
                head="onset",
                predicted_at=now,
                now=now + timedelta(days=4),
            )
            if label.status not in ("event", "no-event"):
                continue
            made = assess(near, now=now, model=model)
            if isinstance(made, Assessment) and made.risk is not None:
                found.append(Admission(near, now, label.status == "event"))
    return tuple(found)


def run_hospital(
    engine: Engine,
    box: SealedBox,
    *,
    per_month: int,
    laboratory_since: Mapping[str, Laboratory] | None = None,
) -> None:
    """Store the predictions of every month and then their outcomes, as page, audit trail and result file do."""
    generator, patients = random.Random(48), {}  # noqa: S311
    laboratory: Laboratory = lambda one: one  # noqa: E731
    for month in MONTHS:
        laboratory = (laboratory_since or {}).get(month, laboratory)
        for number in range(per_month):
            admission, patient_id = generator.choice(admissions()), f"{month}/{number}"
            chart, at = _moved(admission, month, number, patient_id, laboratory)
            _look(engine, box, chart, at)
            patients[patient_id] = PatientOutcomes(list(chart.measurements(Analyte.CREATININE)))
    now = datetime(2026, 11, 1, tzinfo=UTC)
    with engine.begin() as connection:
        join(engine, box, SITE, patients, now=now).write(connection, now)


def _look(engine: Engine, box: SealedBox, chart: PatientSnapshot, at: datetime) -> None:
    made = assess(chart, now=at, model=load_model())
    kept = Predictions(engine, box).prepare(Look(SITE, chart, made, "live", "page"))
    AuditTrail(engine, lambda: at).record(AuditEvent("chart-viewed", "Assessment", SITE), beside=kept)


load_model = cache(load_bundled_model)


def _moved(
    admission: Admission, month: str, number: int, patient_id: str, laboratory: Laboratory
) -> tuple[PatientSnapshot, datetime]:
    """The admission in a month, as that month's laboratory measured it."""
    at = datetime.fromisoformat(f"{month}-01T00:00:00+00:00") + timedelta(hours=(number * 7) % 640)
    by = at - admission.at
    series = {
        analyte: tuple(
            laboratory(replace(one, at=one.at + by, available_at=one.available_at + by)) for one in measurements
        )
        for analyte, measurements in admission.chart.series.items()
    }
    birth = admission.chart.birth_date
    return (
        replace(
            admission.chart,
            patient_id=patient_id,
            read_at=at,
            series=series,
            stays=tuple(_stay_moved(stay, by) for stay in admission.chart.stays),
            problems=(),
            procedures=(),
            birth_date=None if birth is None else birth + timedelta(days=round(by.total_seconds() / 86400)),
        ),
        at,
    )


def _stay_moved(stay: Stay, by: timedelta) -> Stay:
    return replace(
        stay,
        start_at=None if stay.start_at is None else stay.start_at + by,
        end_at=None if stay.end_at is None else stay.end_at + by,
    )


def _cut(chart: PatientSnapshot, now: datetime) -> PatientSnapshot:
    """What a prediction at `now` rests on, and the creatinine of the two days after it."""
    series: dict[Analyte, tuple[Measurement, ...]] = {}
    for analyte, measurements in chart.series.items():
        is_creatinine = analyte is Analyte.CREATININE
        begin, end = (now - _CREATININE_BACK, now + _AHEAD) if is_creatinine else (now - _OTHERS_BACK, now)
        kept = tuple(one for one in measurements if begin <= one.at <= end)
        if kept:
            series[analyte] = kept
    return replace(chart, series=series, rejected=(), incomplete=())


def _charts() -> list[PatientSnapshot]:
    index: dict[str, Any] = json.loads((PATIENTS / "index.json").read_text(encoding="utf-8"))
    content = (PATIENTS / index["data"]).read_bytes()
    read_at = datetime.fromisoformat(index["anchor"])
    return [
        snapshot_from_resources(
            [json.loads(line) for line in _lines(content, row)], patient_id=row["id"], read_at=read_at
        )
        for row in [row for row in index["patients"] if row["source"] == "MIMIC-IV demo"][:_CHARTS]
    ]


def _lines(content: bytes, row: Mapping[str, Any]) -> list[bytes]:
    return gzip.decompress(content[row["offset"] : row["offset"] + row["length"]]).splitlines()
