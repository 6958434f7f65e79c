"""Who renews a launch's token: one of all threads, workers and hosts. The row in the database decides."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal

from sqlalchemy import Engine, update
from sqlalchemy.orm import Session

from app.launched.sessions import (
    Clock,
    LaunchSession,
    SessionExpired,
    SessionMissing,
    sealed_session,
    unsealed_session,
)
from app.storage.encryption import SealedBox
from app.storage.tables import LaunchSessionRow
from launch.context import Tokens


@dataclass(frozen=True, slots=True)
class Claim:
    """An attempt to renew a session's token: won by us, busy with somebody else, or renewed already.

    `holder` is the launch that keeps the token for `session`: itself, or the one it was opened from.
    """

    session: LaunchSession
    holder: LaunchSession
    version: int
    outcome: Literal["won", "busy", "renewed"]


class Renewals:
    """Renewals of launch sessions, one at a time for each."""

    def __init__(self, engine: Engine, box: SealedBox, clock: Clock) -> None:
        self._engine = engine
        self._box = box
        self._clock = clock

    def claim(self, session: LaunchSession, *, lease: timedelta) -> Claim:
        """Try to become the one who renews this session's token, of all threads and workers.

        Raises SessionMissing, SessionExpired. A claim nobody finishes runs out with its lease.
        """
        now = self._clock()
        with Session(self._engine) as db, db.begin():
            row = db.get(LaunchSessionRow, session.holder_id)
            if row is None:
                raise SessionMissing
            if row.expires_at <= now:
                raise SessionExpired
            holder = unsealed_session(self._box, row.sealed, session.holder_id)
            current, version = session.lent_by(holder), row.version
            if holder.access_token != session.access_token:
                return Claim(current, holder, version, outcome="renewed")
            free = LaunchSessionRow.renewing_until.is_(None) | (LaunchSessionRow.renewing_until <= now)
            mine = (LaunchSessionRow.id == holder.id) & (LaunchSessionRow.version == version) & free
            # RETURNING, not a count: the database says which of several claims it let through.
            won = db.scalar(
                update(LaunchSessionRow)
                .where(mine)
                .values(renewing_until=now + lease)
                .returning(LaunchSessionRow.id)
                .execution_options(synchronize_session=False)
            )
        return Claim(current, holder, version, outcome="busy" if won is None else "won")

    def finish(self, claim: Claim, tokens: Tokens) -> LaunchSession:
        """Store the new tokens; the session stays what it is otherwise. Raises SessionMissing."""
        renewed = replace(
            claim.holder,
            access_token=tokens.access_token,
            token_expires_at=tokens.expires_at,
            scopes=tokens.scopes,
            refresh_token=tokens.refresh_token,
        )
        changes = {
            "sealed": sealed_session(self._box, renewed),
            "version": claim.version + 1,
            "renewing_until": None,
        }
        if not self._change(claim, changes):
            raise SessionMissing  # ended, or taken over after the lease, in the meantime
        return claim.session.lent_by(renewed)

    def give_up(self, claim: Claim) -> None:
        """Let others try: the EHR could not be reached, the refresh token may still be good."""
        self._change(claim, {"renewing_until": None})

    def _change(self, claim: Claim, changes: Mapping[str, object]) -> bool:
        mine = (LaunchSessionRow.id == claim.holder.id) & (LaunchSessionRow.version == claim.version)
        with Session(self._engine) as db, db.begin():
            changed = db.scalar(
                update(LaunchSessionRow)
                .where(mine)
                .values(changes)
                .returning(LaunchSessionRow.id)
                .execution_options(synchronize_session=False)
            )
        return changed is not None
