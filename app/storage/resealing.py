"""Seals everything at rest anew with the first master key, so that an older one can be taken out of use."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Engine, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.storage.encryption import SealedBox, Undecipherable
from app.storage.tables import (
    CdsFeedbackRow,
    LaunchSessionRow,
    PendingLaunchRow,
    PredictionRow,
    SigningKeyRow,
    WriteDraftRow,
)

# table, its key, and how its rows are bound (the context they are sealed with)
SEALED: Final[tuple[tuple[Any, InstrumentedAttribute[str], str], ...]] = (
    (SigningKeyRow, SigningKeyRow.kid, "signing_key"),
    (LaunchSessionRow, LaunchSessionRow.id, "launch_session"),
    (PendingLaunchRow, PendingLaunchRow.state_hash, "pending_launch"),
    (WriteDraftRow, WriteDraftRow.id, "write_draft"),
    (CdsFeedbackRow, CdsFeedbackRow.id, "cds_feedback"),
    (PredictionRow, PredictionRow.id, "prediction"),
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


def _results(engine: Engine, box: SealedBox) -> Iterator[str]:
    for table, key, name in SEALED:
        with Session(engine) as db:
            rows = db.execute(select(key, table.sealed).where(table.sealed.is_not(None))).all()
        for identity, sealed in rows:
            yield _reseal_one(engine, box, (table, key), identity, sealed, f"{name}/{identity}")


def _reseal_one(engine: Engine, box: SealedBox, place: Any, identity: str, sealed: bytes, context: str) -> str:
    table, key = place
    try:
        if box.is_newest(sealed, context=context):
            return "already"
        anew = box.seal(box.open(sealed, context=context), context=context)
    except Undecipherable:
        return "unreadable"
    with Session(engine) as db, db.begin():  # only over the value just read: a renewal in between has its own
        db.execute(update(table).where(key == identity, table.sealed == sealed).values(sealed=anew))
    return "anew"
