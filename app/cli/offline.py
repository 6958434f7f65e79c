"""What the commands on whole cohorts share: options, the training group, its problems, a progress bar."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.cli.problems import Problem

if TYPE_CHECKING:
    from model.training.cohort import Progress

cohort_option = click.option(
    "--data",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The cohort's folder, with hospital_A.parquet and hospital_B.parquet (PhysioNet 2019).",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def resamples_option(published: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """By default as many as the published numbers rest on: the documented command gives them again."""
    told = "Bootstrap resamples of patients."
    return click.option(
        "--resamples", default=published, show_default=True, type=click.IntRange(min=10), help=told
    )


def out_option(files: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Where a command writes `files`."""
    return click.option(
        "--out",
        default=Path("var/validation"),
        show_default=True,
        type=click.Path(file_okay=False, path_type=Path),
        help=f"Where to write {files}.",
    )


def training_module(name: str) -> Any:
    """A module that needs the training group. Raises Problem with the way to get it."""
    try:
        return import_module(name)
    except ModuleNotFoundError as missing:
        if (missing.name or "").split(".")[0] == "model":
            raise
        raise Problem(f"This needs the training group ({missing.name}).", "make install") from missing


@contextmanager
def cohort_problems() -> Iterator[None]:
    """A cohort that cannot be read ends the command with its cause."""
    unreadable: type[Exception] = training_module("model.training.cohort").CohortUnreadable
    try:
        yield
    except unreadable as error:
        raise Problem(str(error)) from error


@contextmanager
def progress_bar(*, shown: bool) -> Iterator["Progress"]:
    """A progress bar on a terminal, silence elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not (shown and console.is_terminal)) as bar:
        tasks: dict[int, TaskID] = {}

        def report(what: str, done: int, total: int) -> None:
            if total not in tasks:
                tasks[total] = bar.add_task(what, total=total)
            bar.update(tasks[total], description=what, completed=done)

        yield report
