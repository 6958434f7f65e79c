"""The last search of a launch without a patient: what it brought stays on the server, and is chosen by row.

What was typed is not kept. A row has an id of its own, so a form never carries a patient's id: only who was found
with this user's right can be opened, and a list that a newer search has replaced opens nobody.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import msgspec
from sqlalchemy import Connection, Engine, delete, insert
from sqlalchemy.orm import Session

from app.storage.encryption import SealedBox
from app.storage.tables import PatientSearchRow
from app.watching.predictions import WriteBeside
from patient_context.patient_search import FoundPatient, FoundPatients

Kind = Literal["identifier", "name"]
Problem = Literal["too-many", "none", "refused", "no-post", "unavailable", "incomplete"]


class FoundPatientMissing(Exception):
    """The row is of no search, or of one that a newer has replaced."""

    code = "found-patient-missing"


@dataclass(frozen=True, slots=True)
class FoundRow:
    """One match under an id that means nothing elsewhere."""

    id: str
    patient: FoundPatient


@dataclass(frozen=True, slots=True)
class LastSearch:
    """What the last search brought; `problem` says why there is nobody to choose."""

    at: datetime
    kind: Kind
    rows: tuple[FoundRow, ...] = ()
    left_out: int = 0
    problem: Problem | None = None


def search_of(found: FoundPatients, kind: Kind, at: datetime) -> LastSearch:
    """The matches with ids of their own."""
    rows = tuple(FoundRow(secrets.token_urlsafe(16), patient) for patient in found.patients)
    problem: Problem | None = "too-many" if found.too_many else None if rows else "none"
    return LastSearch(at, kind, rows, found.left_out, problem)


class PatientSearches:
    """The last search of each launch."""

    def __init__(self, engine: Engine, box: SealedBox) -> None:
        self._engine = engine
        self._box = box

    def keep(self, launch_id: str, search: LastSearch) -> WriteBeside:
        """What to write beside the search's audit line: it takes the place of the one before."""
        sealed = self._box.seal(msgspec.json.encode(search), context=f"patient_search/{launch_id}")

        def write(connection: Connection) -> None:
            connection.execute(delete(PatientSearchRow).where(PatientSearchRow.launch_id == launch_id))
            connection.execute(
                insert(PatientSearchRow), {"launch_id": launch_id, "at": search.at, "sealed": sealed}
            )

        return write

    def last(self, launch_id: str) -> LastSearch | None:
        """The last search of a launch, if there was one."""
        with Session(self._engine) as db:
            row = db.get(PatientSearchRow, launch_id)
            if row is None:
                return None
            plain = self._box.open(row.sealed, context=f"patient_search/{launch_id}")
        return msgspec.json.decode(plain, type=LastSearch)

    def chosen(self, launch_id: str, row_id: str) -> FoundPatient:
        """The patient of a row of the last search. Raises FoundPatientMissing."""
        search = self.last(launch_id)
        for row in search.rows if search else ():
            if secrets.compare_digest(row.id.encode(), row_id.encode()):
                return row.patient
        raise FoundPatientMissing
