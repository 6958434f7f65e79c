"""`aki stage`: KDIGO and NHS results for each row of a creatinine series."""

import csv
import difflib
import io
import json
import sys
from datetime import datetime
from typing import IO

import click
from rich.console import Console
from rich.table import Table

from app.cli.problems import Problem, name_of
from app.presentation.wording import BASELINE_WORDS
from model.errors import ModelError
from model.series import OPTIONAL_COLUMNS, RowResult, SeriesPatient, row_to_json, stage_table
from model.snapshot import Sex

LARGE = 20_000  # rows from which a person waiting is told so


@click.command()
@click.argument("series", type=click.File("rb"), metavar="SERIES.csv")
@click.option("--sex", type=click.Choice(["female", "male"]), help="For the NHS reference interval.")
@click.option("--born", type=click.DateTime(["%Y-%m-%d"]), help="Date of birth, for the rules under 18 years.")
@click.option(
    "--height", type=click.FloatRange(min=30, max=250), metavar="CM", help="For the eGFR < 35 rule under 18."
)
@click.option("--baseline", type=click.FloatRange(min=0.1, max=40), metavar="MG_DL", help="A baseline you supply.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one object per row.")
def stage(
    series: IO[bytes],
    sex: str | None,
    born: datetime | None,
    height: float | None,
    baseline: float | None,
    as_json: bool,
) -> None:
    """Stage a creatinine series: each row from itself and the rows before it.

    Columns: time (ISO 8601), creatinine (may carry < or >), unit, and optionally urine_ml (passed since the urine
    before it), weight_kg (with urine_ml, stages urine output too) and rrt (yes or no). A cell may be empty.

    \b
    time,creatinine,unit
    2026-11-19T08:00,0.9,mg/dL
    2026-11-20T08:00,150,umol/L

    \b
    aki stage series.csv
    aki stage series.csv --born 1948-03-02 --sex female --json
    aki stage child.csv --born 2019-05-30 --height 118

    Exit code 1: the table cannot be read, or a row has a cell that is not understood.
    """
    if height is not None and born is None:
        raise click.UsageError("--height is used under 18 years only: give --born too.")
    patient = SeriesPatient(
        birth_date=born.date() if born else None,
        sex=Sex(sex) if sex else None,
        child_height_cm=height,
        baseline_mg_dl=baseline,
    )
    results = _staged(series, patient)
    if as_json:
        click.echo(json.dumps([row_to_json(result) for result in results], ensure_ascii=False, indent=2))
    else:
        _print_table(results)
    if any(result.problem for result in results):
        sys.exit(1)


def _staged(series: IO[bytes], patient: SeriesPatient) -> list[RowResult]:
    name = name_of(series)
    try:
        records = list(csv.DictReader(io.StringIO(series.read().decode("utf-8-sig"), newline="")))
        _check_columns(name, records)
        if len(records) >= LARGE and sys.stderr.isatty():
            click.echo(f"{name}: staging {len(records):,} rows ...", err=True)
        return stage_table(records, patient=patient)
    except (ModelError, csv.Error) as error:
        raise Problem(f"{name}: {error}", "The first line names the columns: time,creatinine,unit") from error
    except UnicodeDecodeError as error:
        raise Problem(f"{name}: is not UTF-8 text.", "Save it as CSV in UTF-8.") from error


def _check_columns(name: str, records: list[dict[str, str]]) -> None:
    """A misspelt optional column must not pass for one that is not there; other columns are nobody's business."""
    if not records:
        raise Problem(f"{name}: has no rows.", "The first line names the columns, each further line is one time.")
    for column in records[0]:
        near = difflib.get_close_matches((column or "").strip().lower(), OPTIONAL_COLUMNS, n=1, cutoff=0.7)
        if near and column not in OPTIONAL_COLUMNS:
            raise Problem(f'{name}: the column "{column}" is not known.', f'Is it "{near[0]}"?')


def _print_table(results: list[RowResult]) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 160
    table = Table("Row", "Time", "KDIGO", "By", "Urine", "Baseline", "NHS", "Ratio", box=None)
    for result in results:
        table.add_row(*_cells(result))
    console.print(table)
    for result in results:
        if result.problem:
            console.print(f"! Row {result.row} was not used. {result.problem}", style="yellow")


def _cells(result: RowResult) -> tuple[str, ...]:
    kdigo, nhs = result.kdigo, result.nhs
    baseline = kdigo.baseline if kdigo else None
    return (
        str(result.row),
        f"{result.at:%Y-%m-%d %H:%M}" if result.at else "",
        "-" if kdigo is None or kdigo.stage is None else str(kdigo.stage),
        kdigo.criterion.value if kdigo and kdigo.criterion else "",
        "" if kdigo is None or kdigo.urine_output_stage is None else str(kdigo.urine_output_stage),
        f"{baseline.creatinine_mg_dl:.2f} mg/dL ({BASELINE_WORDS[baseline.method]})" if baseline else "",
        nhs.alert if nhs else "",
        f"{nhs.ratio:.2f}" if nhs and nhs.ratio is not None else "",
    )
