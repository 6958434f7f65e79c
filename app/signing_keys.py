"""The client's signing keys on the database, sealed: `launch.keys.KeyStore` for many workers and hosts."""

from typing import Any

import msgspec
from sqlalchemy import Engine, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.encryption import SealedBox
from app.sessions import Clock
from app.tables import SigningKeyRow
from launch.keys import StoredKey


class StoredKeys:
    """The client's signing keys; `launch.keys.KeyStore` on the database, sealed."""

    def __init__(self, engine: Engine, box: SealedBox, clock: Clock) -> None:
        self._engine = engine
        self._box = box
        self._clock = clock

    def load(self) -> list[StoredKey]:
        """Every key, oldest first. Raises Undecipherable when they were sealed with another master key."""
        with Session(self._engine) as db:
            rows = db.scalars(select(SigningKeyRow).order_by(SigningKeyRow.created_at)).all()
        return [
            StoredKey(
                alg="ES384" if row.alg == "ES384" else "RS384",
                active=bool(row.active),
                jwk=msgspec.json.decode(
                    self._box.open(row.sealed, context=f"signing_key/{row.kid}"), type=dict[str, Any]
                ),
            )
            for row in rows
        ]

    def add(self, key: StoredKey) -> None:
        """Store a key unless its algorithm has an active one: the unique index lets one of several workers win."""
        kid = str(key.jwk["kid"])
        sealed = self._box.seal(msgspec.json.encode(dict(key.jwk)), context=f"signing_key/{kid}")
        row = SigningKeyRow(kid=kid, alg=key.alg, active=int(key.active), sealed=sealed, created_at=self._clock())
        try:
            with Session(self._engine) as db, db.begin():
                db.add(row)
        except IntegrityError:
            return
