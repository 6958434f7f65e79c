"""Databases for tests: a SQLite file, and a schema of its own on the PostgreSQL that TEST_POSTGRES_URL names."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, inspect

from app.storage.database import open_engine

ENGINES = ("sqlite", "postgresql")
_WHY_SKIPPED = "TEST_POSTGRES_URL names no PostgreSQL server (see tests/with_postgres.sh)"


@contextmanager
def fresh_database_url(kind: str, folder: Path) -> Iterator[str]:
    """The address of an empty database, gone afterwards."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'aki.sqlite3'}"
        return
    server = _postgres_server()
    schema = f"test_{secrets.token_hex(8)}"
    admin = create_engine(server)
    with admin.begin() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {schema}")
    try:
        yield f"{server}?options=-csearch_path%3D{schema}"
    finally:
        with admin.begin() as connection:
            connection.exec_driver_sql(f"DROP SCHEMA {schema} CASCADE")
        admin.dispose()


@contextmanager
def fresh_engine(kind: str, folder: Path) -> Iterator[Engine]:
    """An engine on an empty database, opened as the application opens it."""
    with fresh_database_url(kind, folder) as url:
        engine = open_engine(url)
        yield engine
        engine.dispose()


def stored_bytes(engine: Engine) -> bytes:
    """Everything a thief of the database reads: SQLite's files, write-ahead log included, or every row's bytes."""
    if engine.dialect.name == "sqlite":
        engine.dispose()
        path = Path(str(engine.url.database))
        return b"".join(each.read_bytes() for each in path.parent.glob(f"{path.name}*"))
    found: list[bytes] = []
    with engine.connect() as connection:
        for table in inspect(connection).get_table_names():
            for row in connection.exec_driver_sql(f'SELECT * FROM "{table}"'):  # noqa: S608
                found += [bytes(v) if isinstance(v, bytes | memoryview) else str(v).encode() for v in row]
    return b"\n".join(found)


def _postgres_server() -> str:
    url = os.environ.get("TEST_POSTGRES_URL")  # noqa: TID251
    if url:
        return url.replace("postgresql://", "postgresql+psycopg://", 1)
    if os.environ.get("CI"):  # noqa: TID251
        pytest.fail(_WHY_SKIPPED)
    pytest.skip(_WHY_SKIPPED)
