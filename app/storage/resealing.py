"""Seals everything at rest anew with the first master key, so that an older one can be taken out of use."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Engine, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.storage.encryption import SealedBox, Undecipherable
from app.storage.tables import (
    CdsFeedbackRow,
    LaunchSessionRow,
    OpenedPatientRow,
    PatientSearchRow,
    PendingLaunchRow,
    PredictionRow,
    SigningKeyRow,
    WriteDraftRow,
)

# table, its key, and how its rows are bound (the context they are sealed with)
Place = tuple[Any, InstrumentedAttribute[str], str]
SEALED: Final[tuple[Place, ...]] = (
    (SigningKeyRow, SigningKeyRow.kid, "signing_key"),
    (LaunchSessionRow, LaunchSessionRow.id, "launch_session"),
    (PendingLaunchRow, PendingLaunchRow.state_hash, "pending_launch"),
    (WriteDraftRow, WriteDraftRow.id, "write_draft"),
    (CdsFeedbackRow, CdsFeedbackRow.id, "cds_feedback"),
    (PredictionRow, PredictionRow.id, "prediction"),
    (OpenedPatientRow, OpenedPatientRow.launch_id, "opened_patient"),
    (PatientSearchRow, PatientSearchRow.launch_id, "patient_search"),
)


@dataclass(frozen=True, slots=True)
class Resealed:
    """How many values were sealed anew, were so already, and do not open with any key given."""

    anew: int = 0
    already: int = 0
    unreadable: int = 0


def reseal(engine: Engine, box: SealedBox) -> Resealed:
    """Seal every stored value with the box's first key. Safe while the app runs, and to repeat."""
    done = list(_results(engine, box))
    return Resealed(done.count("anew"), done.count("already"), done.count("unreadable"))


def unreadable(engine: Engine, box: SealedBox) -> dict[str, int]:
    """How many sealed values of each table open with none of the keys; tables without one are left out."""
    found: Counter[str] = Counter()
    for (_, _, name), identity, sealed in _sealed_values(engine):
        try:
            box.open(sealed, context=f"{name}/{identity}")
        except Undecipherable:
            found[name] += 1
    return dict(found)


def _results(engine: Engine, box: SealedBox) -> Iterator[str]:
    for place, identity, sealed in _sealed_values(engine):
        yield _reseal_one(engine, box, place, identity, sealed)


def _sealed_values(engine: Engine) -> Iterator[tuple[Place, str, bytes]]:
    """One by one: a busy hospital has too many to hold at once."""
    for place in SEALED:
        table, key, _ = place
        with Session(engine) as db:
            rows = db.execute(select(key, table.sealed).where(table.sealed.is_not(None)))
            for identity, sealed in rows.yield_per(1000):
                yield place, identity, sealed


def _reseal_one(engine: Engine, box: SealedBox, place: Place, identity: str, sealed: bytes) -> str:
    table, key, name = place
    context = f"{name}/{identity}"
    try:
        if box.is_newest(sealed, context=context):
            return "already"
        anew = box.seal(box.open(sealed, context=context), context=context)
    except Undecipherable:
        return "unreadable"
    with Session(engine) as db, db.begin():  # only over the value just read: a renewal in between has its own
        db.execute(update(table).where(key == identity, table.sealed == sealed).values(sealed=anew))
    return "anew"
