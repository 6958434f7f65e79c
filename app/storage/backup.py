"""Copies of the SQLite database taken while the app runs, put back, and what is wrong with a database.

PostgreSQL has tools of its own for this (`pg_dump`, `pg_restore`, point-in-time recovery); nothing here imitates
them. Only `problems_of` serves both.
"""

import os
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from app.auditing.anchors import AnchorFileUnreadable, verify
from app.storage.database import known_revisions, schema_problem
from app.storage.encryption import SealedBox
from app.storage.failures import cause_of, shortage_of_room
from app.storage.resealing import unreadable
from app.storage.turns import serialized

_LONGEST_WAIT_SECONDS: Final = 10


class BackupRefused(Exception):
    """A copy cannot be taken or put back. `reason` is a sentence for the operator."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def back_up(engine: Engine, target: Path) -> int:
    """Copy the whole database to a new file by SQLite's online backup; its size in bytes. Raises BackupRefused."""
    source = sqlite_path(engine)
    if target.exists():
        raise BackupRefused(f"{target} exists already; a backup never writes over a file.")
    draft = target.with_name(f".{target.name}.part")
    draft.unlink(missing_ok=True)
    try:
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        _copy(source, draft)
        _require_whole(draft)
        os.link(draft, target)  # unlike a rename, this never replaces a file that came meanwhile
    except (sqlite3.Error, OSError) as error:
        raise BackupRefused(f"The copy could not be written ({type(error).__name__}).") from error
    finally:
        draft.unlink(missing_ok=True)
    return target.stat().st_size


def put_back(engine: Engine, backup: Path, *, now: datetime) -> Path | None:
    """Replace the database by a backup; where the one before was kept, if there was one. Raises BackupRefused.

    The app must be stopped. The backup is checked before anything is touched.
    """
    target = sqlite_path(engine)
    try:
        _require_whole(backup)
        _require_ours(backup)
        kept = None
        if target.exists() and target.stat().st_size:
            kept = target.with_name(f"{target.name}.before-restore-{now:%Y%m%dT%H%M%S}")
            os.close(os.open(kept, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            _copy(target, kept)
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        engine.dispose()
        _copy(backup, target)
    except (sqlite3.Error, OSError) as error:
        raise BackupRefused(f"The backup could not be put back ({type(error).__name__}).") from error
    return kept


def problems_of(engine: Engine, box: SealedBox, anchor_file: Path | None) -> list[str]:
    """What is wrong with a database: reach, schema, damage, audit trail, what is sealed. Empty: all is well."""
    try:
        if (stale := schema_problem(engine)) is not None:
            return [f"schema: {stale}"]
        with serialized(engine):  # as every audited look must
            pass
        found = _damage(engine)
        broken = verify(engine, anchor_file)
        if broken is not None:
            found.append(f"audit trail: it does not hold from line {broken.seq} on ({broken.reason})")
        found += _lost(engine, box)
        found += _crowded(engine)
    except SQLAlchemyError as error:
        return [f"database: {cause_of(error)}"]
    except AnchorFileUnreadable:
        found.append("audit trail: the anchor file holds a line that is no anchor")
    return found


def sqlite_path(engine: Engine) -> Path:
    """The database's file. Raises BackupRefused where there is none."""
    if engine.dialect.name != "sqlite" or not engine.url.database or engine.url.database == ":memory:":
        raise BackupRefused("This database is not a SQLite file. For PostgreSQL use pg_dump and pg_restore.")
    return Path(engine.url.database)


def _lost(engine: Engine, box: SealedBox) -> list[str]:
    """What was sealed with a master key that is not given any more."""
    return [
        f"{name}: sealed values that AKI_MASTER_KEY does not open: {count}; "
        "name the key they were sealed with after the one in use, and run: aki keys reseal"
        for name, count in unreadable(engine, box).items()
    ]


def _crowded(engine: Engine) -> list[str]:
    if engine.dialect.name != "sqlite":
        return []
    shortage = shortage_of_room(sqlite_path(engine).parent)
    return [] if shortage is None else [f"disk: {shortage}"]


def _damage(engine: Engine) -> list[str]:
    if engine.dialect.name != "sqlite":
        return []
    with engine.connect() as connection:
        whole = connection.execute(text("PRAGMA integrity_check(1)")).scalar()
        strays = connection.execute(text("PRAGMA foreign_key_check")).first()
    found = [] if whole == "ok" else ["database file: it is damaged; restore the last backup"]
    return found if strays is None else [*found, "database file: rows refer to others that are not there"]


def _copy(source: Path, target: Path) -> None:
    """SQLite's online backup: consistent also while others write."""
    with (
        closing(_read_only(source)) as origin,
        closing(sqlite3.connect(target, timeout=_LONGEST_WAIT_SECONDS)) as copy,
    ):
        origin.backup(copy)


def _read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)  # as_uri: a name may hold '?' or '%'


def _require_whole(path: Path) -> None:
    if not path.is_file():
        raise BackupRefused(f"{path} is not a file.")
    with closing(_read_only(path)) as copy:
        try:
            whole = copy.execute("PRAGMA integrity_check(1)").fetchone() == ("ok",)
        except sqlite3.DatabaseError:
            whole = False
    if not whole:
        raise BackupRefused(f"{path} is not a whole SQLite database.")


def _require_ours(path: Path) -> None:
    with closing(_read_only(path)) as copy:
        try:
            found = copy.execute("SELECT version_num FROM alembic_version").fetchone()
        except sqlite3.DatabaseError:
            found = None
    if found is None:
        raise BackupRefused(f"{path} is not a database of AKI Sentinel.")
    if found[0] not in known_revisions():
        raise BackupRefused(f"{path} was written by a newer release (schema {found[0]}).")
