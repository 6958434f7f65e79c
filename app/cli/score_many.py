"""`aki score-many`: assess a file of Bundles, one a line, in order, whatever single lines hold."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from app.cli.problems import Problem
from app.cli.scoring_pool import Line, Result, score_lines
from patient_context.strict_json import MAX_BYTES

_SKIPPED_AT_ONCE_BYTES = 1_000_000


@click.command("score-many")
@click.argument("bundles", type=click.File("rb"), metavar="IN.ndjson")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="Where the assessments go, one a line.",
)
@click.option("--workers", type=click.IntRange(1, 64), help="Processes. Default: one for each free core.")
def score_many(bundles: IO[bytes], out: Path, workers: int | None) -> None:
    """Assess many Bundles: one FHIR R4 Bundle a line in, one Assessment a line out, in the same order.

    \b
    aki score-many bundles.ndjson --out assessments.ndjson
    zcat bundles.ndjson.gz | aki score-many - --out assessments.ndjson --workers 4

    A line that cannot be read becomes {"status": "error", "line": 7, ...} and the run goes on; the exit code is
    then 1. OUT appears whole or not at all.
    """
    done = failed = 0
    with _atomically(out) as sink, _progress(bundles) as advance:
        for result in score_lines(_numbered(bundles), workers=workers or len(os.sched_getaffinity(0))):
            sink.write(result.output + b"\n")
            done, failed = done + 1, failed + (not result.ok)
            advance(result)
    click.echo(f"{done} assessed lines in {out}, {failed} of them errors.", err=True)
    if failed:
        sys.exit(1)


def _numbered(source: IO[bytes]) -> Iterator[Line]:
    """Each line, cut off just beyond what a Bundle may hold: it is then refused as too large, unread."""
    number = 0
    while piece := source.readline(MAX_BYTES + 1):
        number, text = number + 1, piece
        while piece and not piece.endswith(b"\n"):
            piece = source.readline(_SKIPPED_AT_ONCE_BYTES)
        yield Line(number, text.rstrip(b"\r\n"))


@contextmanager
def _atomically(out: Path) -> Iterator[IO[bytes]]:
    """A file that takes the place of `out` only when everything is written."""
    try:
        handle, name = tempfile.mkstemp(dir=out.parent, prefix=f".{out.name}.")
    except OSError as error:
        raise Problem(
            f"{out}: {error.strerror}", "Name a file in a folder that exists and can be written."
        ) from error
    partial = Path(name)
    try:
        with os.fdopen(handle, "wb") as sink:
            yield sink
            sink.flush()
            os.fsync(sink.fileno())
        partial.chmod(0o640)
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)


class _Advance:
    """Moves the bar by the bytes of each line."""

    def __init__(self, progress: Progress, total: int | None) -> None:
        self._progress = progress
        self._task = progress.add_task("Assessing", total=total)

    def __call__(self, result: Result) -> None:
        """One more line is written."""
        self._progress.update(self._task, advance=result.input_bytes + 1)


@contextmanager
def _progress(source: IO[bytes]) -> Iterator[_Advance]:
    """A bar on a terminal, nothing elsewhere."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        yield _Advance(progress, _size(source))


def _size(source: IO[bytes]) -> int | None:
    try:
        return os.fstat(source.fileno()).st_size or None
    except OSError:
        return None
