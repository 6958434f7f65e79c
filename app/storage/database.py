"""The database: SQLite embedded by default, PostgreSQL in production, one schema for both."""

import os
import weakref
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, event, make_url

from app.storage.turns import FILE, WAIT_SECONDS

_MIGRATIONS = Path(__file__).parent / "migrations"
_BUSY_TIMEOUT_MS: Final = WAIT_SECONDS * 1000
_POOLED: Final = 8  # as many as a worker has threads, so that none opens a connection anew for each call
_LOG_PAGES: Final = 4000  # 16 MB, some 400 hook calls: then the write-ahead log goes into the database
_OLDER_SCHEMA: Final = "the database schema is not that of this release; run: aki db upgrade"
NEWER_SCHEMA: Final = (
    "the database is of a newer release; start that one, or go back with it: aki db downgrade REVISION"
)


def open_engine(url: str) -> Engine:
    """An engine for the address. SQLite gets WAL, a busy timeout, foreign keys, and its folder if missing."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        if parsed.database and not parsed.database.startswith((":memory:", "file:")):
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        engine = create_engine(
            parsed, hide_parameters=True, pool_size=_POOLED, connect_args={"timeout": WAIT_SECONDS}
        )
        event.listen(engine, "connect", _prepare_sqlite)
    else:
        engine = create_engine(
            parsed,
            hide_parameters=True,  # an exception's text must not quote a row
            pool_pre_ping=True,
            pool_size=_POOLED,
            max_overflow=_POOLED,
            pool_timeout=WAIT_SECONDS,
            connect_args={"connect_timeout": WAIT_SECONDS},
        )
        event.listen(engine, "connect", _prepare_postgresql)
    _forget_connections_after_fork(engine)
    return engine


class SchemaIsNewer(Exception):
    """The database was brought up by a newer release, which alone can take it back."""


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the schema to the newest migration, or forward to a named one. Raises SchemaIsNewer."""
    if schema_problem(engine) == NEWER_SCHEMA:
        raise SchemaIsNewer
    config = _alembic_config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Bring the schema back to an earlier migration, before an older release is started again."""
    config = _alembic_config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)


def schema_problem(engine: Engine) -> str | None:
    """Cause and cure where the schema is not at this release's newest migration; None where it is."""
    found, known = schema_revision(engine), known_revisions()
    if found == known[0]:
        return None
    return _OLDER_SCHEMA if found in (None, *known) else NEWER_SCHEMA


def schema_revision(engine: Engine) -> str | None:
    """The migration the schema is at; None for an empty database."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def known_revisions() -> tuple[str, ...]:
    """Every migration of this release, newest first."""
    return tuple(script.revision for script in ScriptDirectory.from_config(_alembic_config()).walk_revisions())


def _alembic_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.set_main_option("path_separator", "os")
    return config


def _prepare_sqlite(connection: Any, record: Any) -> None:
    cursor = connection.cursor()
    record.info[FILE] = cursor.execute("PRAGMA database_list").fetchone()[2]
    for pragma in (
        "journal_mode = WAL",
        f"busy_timeout = {_BUSY_TIMEOUT_MS}",
        "foreign_keys = ON",
        "synchronous = NORMAL",  # `turns.serialized` waits for the disk itself
        f"wal_autocheckpoint = {_LOG_PAGES}",
        "secure_delete = ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _prepare_postgresql(connection: Any, _record: Any) -> None:
    """A lock that is not had in time is an error to answer with, not a worker that hangs."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = '{WAIT_SECONDS}s'")
        cursor.execute("SET idle_in_transaction_session_timeout = '60s'")
    connection.commit()


def _forget_connections_after_fork(engine: Engine) -> None:
    """Workers forked from a preloaded application must not share the parent's connections."""
    known = weakref.ref(engine)

    def forget() -> None:
        parent_engine = known()
        if parent_engine is not None:
            parent_engine.dispose(close=False)

    os.register_at_fork(after_in_child=forget)
