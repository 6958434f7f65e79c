"""JWT ids of CDS callers that have been used, shared by all workers and kept over restarts."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Engine, delete, insert
from sqlalchemy.exc import IntegrityError

from app.launched.sessions import Clock, digest_of
from app.storage.tables import CdsJtiRow

KEPT_AFTER_EXPIRY: Final = timedelta(hours=1)  # a clock that was ahead for a while must not let a JWT in twice
_PURGE_EVERY: Final = timedelta(minutes=5)
_INSERT: Final = insert(CdsJtiRow)  # built once: it runs for every call


class UsedJwtIds:
    """Each JWT works once: `cds_hooks.replay.JtiStore` on the database."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._purged_at = clock()

    def remember(self, iss: str, jti: str, expires_at: datetime) -> bool:
        """True the first time; False when this issuer has used this `jti` already. The primary key decides."""
        if self._clock() - self._purged_at > _PURGE_EVERY:
            self.purge()
        jti_hash = digest_of(f"{len(iss)}:{iss}:{jti}")
        try:
            with self._engine.begin() as connection:
                connection.execute(_INSERT, {"jti_hash": jti_hash, "expires_at": expires_at})
        except IntegrityError:
            return False
        return True

    def purge(self) -> None:
        """Forget those whose JWT has expired an hour ago."""
        self._purged_at = self._clock()
        long_over = CdsJtiRow.expires_at <= self._purged_at - KEPT_AFTER_EXPIRY
        with self._engine.begin() as connection:
            connection.execute(delete(CdsJtiRow).where(long_over))
