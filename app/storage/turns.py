"""Writing in turn: one writer at a time over threads, workers and hosts, and on the disk once it has ended.

SQLite alone lets a writer that finds the lock taken sleep ever longer while others pass it, and holds it while the
disk is slow. So writers stand in line before it, and wait for the disk after it: those of one moment together.
"""

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

FILE: Final = "file"  # of a connection to SQLite: the path of its database
WAIT_SECONDS: Final = 5
_LOOK_AGAIN_SECONDS: Final = 0.001
_CHAIN_LOCK: Final = 0x616B69  # any number this application alone uses: "aki"
_ours = threading.Lock()  # the threads of this process, so that only one of them looks at the file
_onto_disk = getattr(os, "fdatasync", os.fsync)


class NotWritten(SQLAlchemyError):
    """The turn did not come in time, or the disk did not take what was written: nobody may count on it."""


@contextmanager
def serialized(engine: Engine) -> Iterator[Connection]:
    """A transaction no other such transaction overlaps, and that is on the disk once it has ended.

    Raises NotWritten. SQLite: the write lock from the start; the write-ahead log is synchronised after the commit
    (`synchronous = NORMAL` leaves that to us). PostgreSQL: an advisory lock that ends with the transaction.
    """
    write = _in_sqlite if engine.dialect.name == "sqlite" else _in_postgresql
    with write(engine) as connection:
        yield connection


@contextmanager
def _in_postgresql(engine: Engine) -> Iterator[Connection]:
    with engine.begin() as connection:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_CHAIN_LOCK})")
        yield connection


@contextmanager
def _in_sqlite(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:  # and while it is open the log is not put away
        file = connection.info[FILE]
        if not file:
            raise NotWritten("a database in memory cannot be put on the disk")
        with _turn(f"{file}-turn"):
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.commit()
            finally:
                connection.rollback()
        _synchronise(f"{file}-wal")


@contextmanager
def _turn(path: str) -> Iterator[None]:
    """Alone among the writers until the end; the kernel ends the turn of a process that was killed."""
    give_up_at = time.monotonic() + WAIT_SECONDS
    if not _ours.acquire(timeout=WAIT_SECONDS):
        raise NotWritten("the turn to write did not come")
    try:
        file = _open(path, os.O_RDWR | os.O_CREAT)
        try:
            _lock(file, give_up_at)
            yield
        finally:
            os.close(file)
    finally:
        _ours.release()


def _lock(file: int, give_up_at: float) -> None:
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as taken:
            if time.monotonic() > give_up_at:
                raise NotWritten("the turn to write did not come") from taken
            time.sleep(_LOOK_AGAIN_SECONDS)
        else:
            return


def _synchronise(path: str) -> None:
    file = _open(path, os.O_RDWR)
    try:
        _onto_disk(file)
    except OSError as problem:
        raise NotWritten("the disk did not take the write-ahead log") from problem
    finally:
        os.close(file)


def _open(path: str, how: int) -> int:
    try:
        return os.open(path, how, 0o600)
    except OSError as problem:
        raise NotWritten("a file beside the database cannot be opened") from problem
