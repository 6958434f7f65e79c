"""Patients opened from a launch without one: each a launch of its own, bound to exactly that patient (ADR 0018).

A child's id is a keyed digest of its patient, so a double click and a second search end on the same page; it says
nothing to who does not hold the parent's secret, and opens nothing without the parent's cookie.
"""

import hashlib
import secrets
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy import Connection, Engine, Update, delete, insert, select, update
from sqlalchemy.orm import Session

from app.launched.sessions import LaunchSession, sealed_session
from app.storage.encryption import SealedBox
from app.storage.tables import LaunchSessionRow, OpenedPatientRow
from app.watching.predictions import WriteBeside
from app.worklist.looks import LastLook, last_look
from model.assessment import Outcome
from model.snapshot import PatientSnapshot
from patient_context.patient_search import FoundPatient

#: More are not kept: opening another lets go of the one not looked at for longest.
MOST_OPEN: Final = 30
_ID_DIGITS: Final = 24


@dataclass(frozen=True, slots=True)
class _Stored:
    patient: FoundPatient
    look: LastLook | None = None


@dataclass(frozen=True, slots=True)
class OpenedPatient:
    """A patient of the worklist: where it is open, who it is, and what was last seen of it, if anything was."""

    launch_id: str
    patient: FoundPatient
    look: LastLook | None


class OpenedPatients:
    """The patients opened from each launch without one."""

    def __init__(self, engine: Engine, box: SealedBox) -> None:
        self._engine = engine
        self._box = box

    def open(self, parent: LaunchSession, patient: FoundPatient, now: datetime) -> tuple[str, WriteBeside]:
        """The id of this patient's own launch, and what to write beside the audit line for it to exist."""
        child = _child(parent, patient.patient_id, now)
        session_row = {
            "id": child.id,
            "browser_hash": "",
            "ehr_id": child.ehr_id,
            "sealed": sealed_session(self._box, child),
            "started_at": now,
            "seen_at": now,
            "expires_at": parent.expires_at,
            "parent_id": parent.id,
        }
        sealed = self._seal(child.id, _Stored(patient))
        listed_row = {"launch_id": child.id, "parent_id": parent.id, "at": now, "sealed": sealed}

        def write(connection: Connection) -> None:
            known = select(LaunchSessionRow.id).where(LaunchSessionRow.id == child.id)
            if connection.scalar(known) is None:
                connection.execute(insert(LaunchSessionRow), session_row)
                connection.execute(insert(OpenedPatientRow), listed_row)
            else:
                connection.execute(_of(child.id).values(at=now))
            _let_go_of_the_oldest(connection, parent.id)

        return child.id, write

    def seen(self, session: LaunchSession, snapshot: PatientSnapshot, outcome: Outcome) -> WriteBeside | None:
        """What to write beside the audit line of a look at such a patient; None for a launch of its own."""
        if session.parent_id is None:
            return None
        patient = FoundPatient(
            patient_id=snapshot.patient_id,
            name=snapshot.name,
            birth_date=snapshot.birth_date,
            sex=snapshot.sex,
            record_number=snapshot.record_number,
            deceased=snapshot.deceased,
        )
        sealed = self._seal(session.id, _Stored(patient, last_look(outcome, snapshot.read_at)))
        statement = _of(session.id).values(at=snapshot.read_at, sealed=sealed)

        def write(connection: Connection) -> None:
            connection.execute(statement)

        return write

    def recent(self, parent_id: str) -> tuple[OpenedPatient, ...]:
        """The patients opened from a launch, the last one seen or opened first."""
        row = OpenedPatientRow
        asked = select(row).where(row.parent_id == parent_id).order_by(row.at.desc(), row.launch_id)
        with Session(self._engine) as db:
            rows = [(each.launch_id, each.sealed) for each in db.scalars(asked)]
        return tuple(self._opened(launch_id, sealed) for launch_id, sealed in rows)

    def _opened(self, launch_id: str, sealed: bytes) -> OpenedPatient:
        plain = self._box.open(sealed, context=f"opened_patient/{launch_id}")
        stored = msgspec.json.decode(plain, type=_Stored)
        return OpenedPatient(launch_id, stored.patient, stored.look)

    def _seal(self, launch_id: str, stored: _Stored) -> bytes:
        return self._box.seal(msgspec.json.encode(stored), context=f"opened_patient/{launch_id}")


def _child(parent: LaunchSession, patient_id: str, now: datetime) -> LaunchSession:
    """A launch of this patient without token or cookie; nothing of the parent's own context belongs to it."""
    digest = hashlib.sha256(f"{parent.csrf_token}|{patient_id}".encode()).hexdigest()
    return replace(
        parent,
        id=digest[:_ID_DIGITS],
        parent_id=parent.id,
        patient_id=patient_id,
        started_at=now,
        csrf_token=secrets.token_urlsafe(32),
        access_token="",  # borrowed from the parent each time
        refresh_token=None,
        scopes=frozenset(),
        encounter_id=None,
        need_patient_banner=True,
        app_context=None,
    )


def _of(launch_id: str) -> Update:
    return update(OpenedPatientRow).where(OpenedPatientRow.launch_id == launch_id)


def _let_go_of_the_oldest(connection: Connection, parent_id: str) -> None:
    row = OpenedPatientRow
    newest_first = select(row.launch_id).where(row.parent_id == parent_id).order_by(row.at.desc(), row.launch_id)
    too_many = list(connection.scalars(newest_first.offset(MOST_OPEN)))
    if too_many:
        connection.execute(delete(row).where(row.launch_id.in_(too_many)))
        connection.execute(delete(LaunchSessionRow).where(LaunchSessionRow.id.in_(too_many)))
