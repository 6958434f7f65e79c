"""Launch sessions at their end: a launch goes with every patient opened from it and all its worklist held."""

from datetime import datetime, timedelta

from sqlalchemy import CursorResult, Delete, delete, select
from sqlalchemy.orm import Session, aliased

from app.storage.tables import LaunchSessionRow, OpenedPatientRow, PatientSearchRow


def destroy_launch(db: Session, launch_id: str) -> None:
    """End one launch. Ending one that is gone is no error."""
    db.execute(
        delete(LaunchSessionRow).where(
            (LaunchSessionRow.id == launch_id) | (LaunchSessionRow.parent_id == launch_id)
        )
    )
    db.execute(
        delete(OpenedPatientRow).where(
            (OpenedPatientRow.launch_id == launch_id) | (OpenedPatientRow.parent_id == launch_id)
        )
    )
    db.execute(delete(PatientSearchRow).where(PatientSearchRow.launch_id == launch_id))


def destroy_expired(db: Session, now: datetime, *, idle: timedelta) -> int:
    """End what is too old or was idle too long; how many sessions went.

    A patient opened from another launch has no time of its own: it ends when that launch does.
    """
    row, living = LaunchSessionRow, aliased(LaunchSessionRow)
    over = (row.expires_at <= now) | (row.seen_at <= now - idle)
    ended = _count(db, delete(row).where(row.parent_id.is_(None) & over))
    still_there = select(living.id)
    ended += _count(db, delete(row).where(row.parent_id.is_not(None) & row.parent_id.not_in(still_there)))
    _count(db, delete(OpenedPatientRow).where(OpenedPatientRow.launch_id.not_in(still_there)))
    _count(db, delete(PatientSearchRow).where(PatientSearchRow.launch_id.not_in(still_there)))
    return ended


def _count(db: Session, statement: Delete) -> int:
    done = db.execute(statement.execution_options(synchronize_session=False))
    return done.rowcount if isinstance(done, CursorResult) else 0
