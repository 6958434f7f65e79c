"""Tokens of CDS callers that have served, shared by all workers and kept over restarts."""

from datetime import timedelta
from typing import Any, Final

from sqlalchemy import Connection, Engine, bindparam, delete, insert, select
from sqlalchemy.exc import IntegrityError

from app.launched.sessions import Clock, digest_of
from app.storage.tables import CdsJtiRow
from app.storage.turns import serialized
from cds_hooks.replay import CallToken

KEPT_AFTER_EXPIRY: Final = timedelta(hours=1)  # a clock that was ahead for a while must not let a JWT in twice
_PURGE_EVERY: Final = timedelta(minutes=1)
_MOST_PURGED: Final = 200  # at once: a call pays for it
# Built once: both run for every call.
_INSERT: Final = insert(CdsJtiRow)
_LOOK_UP: Final = select(CdsJtiRow.jti_hash).where(CdsJtiRow.jti_hash == bindparam("jti_hash"))


class UsedJwts:
    """Each JWT works once: `cds_hooks.replay.UsedTokens` on the database."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._purged_at = clock()

    def has(self, token: CallToken) -> bool:
        """Whether a call of this token has been recorded, by any worker."""
        with self._engine.connect() as connection:
            return connection.execute(_LOOK_UP, {"jti_hash": _hash_of(token)}).first() is not None

    def remember(self, token: CallToken) -> bool:
        """True the first time; False when the token has served already."""
        try:
            with serialized(self._engine) as connection:
                connection.execute(_INSERT, _row(token))
        except IntegrityError:
            return False
        return True

    def use_up(self, connection: Connection, token: CallToken | None) -> None:
        """Let the token serve this call and no other, in the transaction that records it; the primary key decides.

        Raises CallerRefused.
        """
        if token is None:
            return
        try:
            connection.execute(_INSERT, _row(token))
        except IntegrityError as served:
            raise token.replayed() from served
        if self._clock() - self._purged_at > _PURGE_EVERY:
            self._forget_some(connection)

    def _forget_some(self, connection: Connection) -> None:
        """Those whose JWT has expired an hour ago; where there are more, again with the next call."""
        now = self._clock()
        long_over = CdsJtiRow.expires_at <= now - KEPT_AFTER_EXPIRY
        some = select(CdsJtiRow.jti_hash).where(long_over).limit(_MOST_PURGED)
        gone = connection.execute(delete(CdsJtiRow).where(CdsJtiRow.jti_hash.in_(some))).rowcount
        if gone < _MOST_PURGED:
            self._purged_at = now


def _row(token: CallToken) -> dict[str, Any]:
    return {"jti_hash": _hash_of(token), "expires_at": token.expires_at}


def _hash_of(token: CallToken) -> str:
    return digest_of(f"{len(token.iss)}:{token.iss}:{token.jti}")
