"""Keeps what the model predicted, to be met later by what happened.

One row for the first look after each new creatinine, whoever looked. It holds a keyed hash in the patient's place
and no clinical value. What a chart now tells of earlier predictions is settled on the same occasion. All of it is
read and worked out beforehand; only the writing happens inside the transaction of the audit line.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import Connection, Engine, bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from app.storage.encryption import SealedBox
from app.storage.tables import PredictionRow
from app.watching.inputs import summary_of, training_tenths
from app.watching.switches import Mode
from model.analytes import Analyte
from model.assessment import Assessment, ModelIdentity, Outcome, Prediction
from model.follow_up import FollowUp, Head, follow_up
from model.snapshot import PatientSnapshot

Channel = Literal["page", "hook"]
WriteBeside = Callable[[Connection], None]
_ID_DIGITS: Final = 32
# Built once: it is asked at every look. The pseudonym is of EHR and patient, so no other site's are found; naming
# the site as well made SQLite search all of its predictions.
_KNOWN: Final = select(
    PredictionRow.id, PredictionRow.head, PredictionRow.predicted_at, PredictionRow.outcome
).where(
    (PredictionRow.patient_ref.in_(bindparam("refs", expanding=True)) & (PredictionRow.outcome == "pending"))
    | (PredictionRow.id == bindparam("this"))
)
#: Judged in one look: predictions wait three days, so a creatinine every three hours. More wait for the next.
_MOST_SETTLED: Final = 24
_UNIT_REFUSAL: Final = "unit-"  # how the codes of results refused for their unit begin


@dataclass(frozen=True, slots=True)
class Look:
    """One assessment as it was made, before the site's switch took anything out of it."""

    ehr_id: str
    snapshot: PatientSnapshot
    made: Outcome
    mode: Mode
    channel: Channel


class Predictions:
    """The stored predictions, seen from the page and the hooks."""

    def __init__(self, engine: Engine, box: SealedBox) -> None:
        self._engine = engine
        self._box = box

    def prepare(self, look: Look) -> WriteBeside:
        """What must be written of a look, beside its audit line.

        A database that cannot be read here fails the audit line too, and with it the look itself.
        """
        refs = self._box.pseudonyms(f"{look.ehr_id}|{look.snapshot.patient_id}")
        row = self._row(look, refs[0])
        try:
            known = self._known(refs, row["id"] if row else "")
        except SQLAlchemyError:
            return lambda _: None
        settled = _settled(known, look)
        if row is not None and row["id"] in {one.id for one in known}:
            row = None
        if row is not None:
            row["sealed"] = self._summary(look, row)
        return lambda connection: _write(connection, row, settled)

    def _known(self, refs: Sequence[str], this: str) -> Sequence[Any]:
        """This patient's predictions that still wait for their outcome, and this very one if it is there."""
        with self._engine.connect() as connection:
            return connection.execute(_KNOWN, {"refs": refs, "this": this}).all()

    def _row(self, look: Look, patient_ref: str) -> dict[str, Any] | None:
        found = _predicted(look.made)
        landmark_at = _newest_creatinine_at(look.snapshot, look.made.assessed_at)
        if found is None or landmark_at is None:
            return None
        head, prediction, identity = found
        interval = prediction.interval
        overlay = identity.recalibration
        recalibration = overlay.sha256 if overlay else None
        named = "|".join(
            (patient_ref, head, landmark_at.isoformat(), identity.sha256, recalibration or "as trained")
        )
        return {
            "id": hashlib.sha256(named.encode()).hexdigest()[:_ID_DIGITS],
            "ehr_id": look.ehr_id,
            "patient_ref": patient_ref,
            "predicted_at": look.made.assessed_at,
            "landmark_at": landmark_at,
            "head": head,
            "probability": prediction.probability,
            "low": interval.low if interval else None,
            "high": interval.high if interval else None,
            "category": prediction.category,
            "model_sha256": identity.sha256,
            "recalibration": recalibration,
            "mode": look.mode,
            "channel": look.channel,
            "refused_units": sum(one.code.startswith(_UNIT_REFUSAL) for one in look.snapshot.rejected),
            "outcome": "pending",
        }

    def _summary(self, look: Look, row: dict[str, Any]) -> bytes | None:
        summary = summary_of(look.snapshot, training_tenths(row["head"]), now=look.made.assessed_at)
        if summary is None:
            return None
        return self._box.seal(msgspec.json.encode(summary), context=sealed_context(row["id"]))


def sealed_context(prediction_id: str) -> str:
    """What a prediction's input summary is bound to."""
    return f"prediction/{prediction_id}"


def settle(connection: Connection, prediction_id: str, found: FollowUp, at: datetime) -> None:
    """Write down what came of a prediction that still waited, or of which nothing was known."""
    waiting = (PredictionRow.id == prediction_id) & PredictionRow.outcome.in_(("pending", "unknown"))
    values = {"outcome": found.status, "event_at": found.event_at, "settled_at": at}
    connection.execute(update(PredictionRow).where(waiting).values(values))


def _predicted(made: Outcome) -> tuple[Head, Prediction, ModelIdentity] | None:
    if not isinstance(made, Assessment) or made.model is None:
        return None
    if made.risk is not None:
        return "onset", made.risk, made.model
    return ("progression", made.progression, made.model) if made.progression is not None else None


def _newest_creatinine_at(snapshot: PatientSnapshot, now: datetime) -> datetime | None:
    known = [one.at for one in snapshot.measurements(Analyte.CREATININE) if max(one.at, one.available_at) <= now]
    return max(known, default=None)


def _settled(known: Sequence[Any], look: Look) -> list[tuple[str, FollowUp, datetime]]:
    """What this chart tells of earlier predictions; nothing, where its creatinine was not read whole."""
    snapshot, now = look.snapshot, look.made.assessed_at
    if any(gap.part == Analyte.CREATININE.value for gap in snapshot.incomplete):
        return []
    creatinine = snapshot.measurements(Analyte.CREATININE)
    waiting = [one for one in known if one.outcome == "pending" and one.predicted_at < now]
    newest = sorted(waiting, key=lambda one: one.predicted_at, reverse=True)[:_MOST_SETTLED]
    found = [
        (
            one.id,
            follow_up(creatinine, snapshot.stays, head=one.head, predicted_at=one.predicted_at, now=now),
            now,
        )
        for one in newest
    ]
    return [each for each in found if each[1].status != "pending"]


def _write(
    connection: Connection, row: dict[str, Any] | None, settled: Sequence[tuple[str, FollowUp, datetime]]
) -> None:
    for prediction_id, found, at in settled:
        settle(connection, prediction_id, found, at)
    if row is not None:
        is_postgresql = connection.dialect.name == "postgresql"
        insert = (postgresql if is_postgresql else sqlite).insert(PredictionRow)
        connection.execute(insert.on_conflict_do_nothing(index_elements=["id"]), row)
