"""The client's signing keys on the database, sealed: `launch.keys.KeyStore` for many workers and hosts."""

from typing import Any

import msgspec
from sqlalchemy import Engine, delete, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from app.launched.sessions import Clock
from app.storage.encryption import SealedBox
from app.storage.tables import SigningKeyRow
from launch.keys import KeysUnreadable, StoredKey


class StoredKeys:
    """The client's signing keys; `launch.keys.KeyStore` on the database, sealed."""

    def __init__(self, engine: Engine, box: SealedBox, clock: Clock) -> None:
        self._engine = engine
        self._box = box
        self._clock = clock

    def load(self) -> list[StoredKey]:
        """Every key in the order they sign. Raises KeysUnreadable; Undecipherable for a lost master key."""
        try:
            with Session(self._engine) as db:
                rows = db.scalars(
                    select(SigningKeyRow).order_by(SigningKeyRow.signs_from, SigningKeyRow.created_at)
                ).all()
        except SQLAlchemyError as error:
            raise KeysUnreadable from error
        return [self._key(row) for row in rows]

    def add(self, key: StoredKey) -> bool:
        """Store a key: the unique constraint lets one of several workers, or of two rotations, win."""
        now = self._clock()
        row = SigningKeyRow(
            kid=key.kid,
            alg=key.alg,
            succeeds=key.succeeds,
            signs_from=key.signs_from or now,
            sealed=self._box.seal(msgspec.json.encode(dict(key.jwk)), context=_context(key.kid)),
            created_at=now,
        )
        try:
            with Session(self._engine) as db, db.begin():
                db.add(row)
        except IntegrityError:
            return False
        return True

    def remove(self, kid: str) -> None:
        """Forget a key."""
        with Session(self._engine) as db, db.begin():
            db.execute(delete(SigningKeyRow).where(SigningKeyRow.kid == kid))

    def _key(self, row: SigningKeyRow) -> StoredKey:
        plain = self._box.open(row.sealed, context=_context(row.kid))
        return StoredKey(
            alg="ES384" if row.alg == "ES384" else "RS384",
            jwk=msgspec.json.decode(plain, type=dict[str, Any]),
            signs_from=row.signs_from,
            succeeds=row.succeeds,
        )


def _context(kid: str) -> str:
    return f"signing_key/{kid}"
