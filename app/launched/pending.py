"""Launches under way, on the database: `launch.pending.PendingLaunches` for many workers."""

import secrets
from collections.abc import Mapping
from datetime import timedelta

import msgspec
from sqlalchemy import Engine, delete, select
from sqlalchemy.orm import Session

from app.launched.sessions import Clock, cookie_name, digest_of, new_launch_id
from app.storage.encryption import SealedBox, Undecipherable
from app.storage.tables import PendingLaunchRow
from launch.errors import BrowserNotRecognised, LaunchNotRecognised
from launch.pending import BrowserTicket, PendingLaunch


class StoredPendingLaunches:
    """Launches under way; `launch.pending.PendingLaunches` on the database."""

    def __init__(self, engine: Engine, box: SealedBox, clock: Clock, *, kept_for: timedelta) -> None:
        self._engine = engine
        self._box = box
        self._clock = clock
        self._kept_for = kept_for

    def remember(self, state: str, launch: PendingLaunch) -> BrowserTicket:
        """Store a launch under its `state`, and clear away those nobody came back for."""
        now, ticket = self._clock(), BrowserTicket(new_launch_id(), secrets.token_urlsafe(32))
        state_hash = digest_of(state)
        row = PendingLaunchRow(
            state_hash=state_hash,
            browser_hash=digest_of(ticket.secret),
            launch_id=ticket.launch_id,
            ehr_id=launch.ehr_id,
            sealed=self._box.seal(msgspec.json.encode(launch), context=f"pending_launch/{state_hash}"),
            expires_at=now + self._kept_for,
        )
        with Session(self._engine) as db, db.begin():
            db.execute(delete(PendingLaunchRow).where(PendingLaunchRow.expires_at <= now))
            db.add(row)
        return ticket

    def take(self, state: str, cookies: Mapping[str, str]) -> tuple[PendingLaunch, str]:
        """Hand a launch out once. The DELETE decides: of several workers exactly one sees the row."""
        state_hash = digest_of(state)
        with Session(self._engine) as db, db.begin():
            launch_id = db.scalar(
                select(PendingLaunchRow.launch_id).where(
                    PendingLaunchRow.state_hash == state_hash, PendingLaunchRow.expires_at > self._clock()
                )
            )
            if launch_id is None:
                raise LaunchNotRecognised
            secret = cookies.get(cookie_name(launch_id))
            if secret is None:
                raise BrowserNotRecognised
        with Session(self._engine) as db, db.begin():
            mine = (PendingLaunchRow.state_hash == state_hash) & (
                PendingLaunchRow.browser_hash == digest_of(secret)
            )
            sealed = db.scalar(delete(PendingLaunchRow).where(mine).returning(PendingLaunchRow.sealed))
            if sealed is None:
                raise BrowserNotRecognised
        try:
            plain = self._box.open(sealed, context=f"pending_launch/{state_hash}")
        except Undecipherable:
            raise LaunchNotRecognised from None
        return msgspec.json.decode(plain, type=PendingLaunch), launch_id
