"""Why a database could not be used, in words for the operator: the driver's own may quote an address or a row."""

import os
import shutil
from pathlib import Path
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

# What SQLite and PostgreSQL say, by a piece of it, and what it means. The first that fits.
_MEANINGS: Final = (
    ("locked", "another program holds it locked; end that program (a backup, a shell), or try again"),
    ("turn to write", "another process of this app holds its turn to write; see that none hangs, or try again"),
    ("lock timeout", "another program holds it locked; end that program (a backup, a shell), or try again"),
    ("disk is full", "the disk is full; make room"),
    ("no space left", "the disk is full; make room"),
    ("readonly", "this user may not write it; give the files and their folder to the user the app runs as"),
    ("read-only", "it does not take writes: a standby, or set read-only by its administrator"),
    ("cannot be opened", "a file beside it cannot be opened; give its folder to the user the app runs as"),
    ("unable to open", "the file cannot be opened; give it and its folder to the user the app runs as"),
    ("not a database", "the file is no database; restore a backup: aki db restore FILE"),
    ("malformed", "the file is damaged; restore a backup: aki db restore FILE"),
    ("password authentication", "the server refuses this user or password"),
    ("does not exist", "the server has no such database, user or table"),
    ("connection", "the server does not answer; see that it runs and can be reached from here"),
)


_NEEDED_MEGABYTES: Final = 16  # the counters of some workers, and a write-ahead log that grows


def shortage_of_room(folder: Path) -> str | None:
    """Cause and cure where a folder's disk is all but full: workers that find no room for a counter are killed."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return cause_of(error)
    if free >= _NEEDED_MEGABYTES * 1024 * 1024:
        return None
    return f"less than {_NEEDED_MEGABYTES} MB are free on its disk; make room"


def cause_of(error: SQLAlchemyError | OSError) -> str:
    """Cause and cure, with nothing of the driver's own text in it."""
    if isinstance(error, OSError):
        return os.strerror(error.errno) if error.errno else type(error).__name__
    said = str(getattr(error, "orig", error)).lower()
    meaning = next((meaning for piece, meaning in _MEANINGS if piece in said), None)
    if meaning is None and isinstance(error.__cause__, OSError):
        return cause_of(error.__cause__)
    return meaning or type(error).__name__
