"""`aki stage`: KDIGO and NHS results for each row of a creatinine series."""

import csv
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
from model.series import RowResult, SeriesPatient, row_to_json, stage_table
from model.snapshot import Sex


@click.command()
@click.argument("series", type=click.File("rb"), metavar="SERIES.csv")
@click.option("--sex", type=click.Choice(["female", "male"]), help="For the NHS reference interval.")
@click.option("--born", type=click.DateTime(["%Y-%m-%d"]), help="Date of birth, for the rules under 18 years.")
@click.option("--baseline", type=click.FloatRange(min=0.1, max=40), metavar="MG_DL", help="A baseline you supply.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one object per row.")
def stage(
    series: IO[bytes], sex: str | None, born: datetime | None, baseline: float | None, as_json: bool
) -> None:
    """Stage a creatinine series: each row from itself and the rows before it.

    Columns: time (ISO 8601), creatinine, unit, and optionally urine_ml, weight_kg, rrt.

    \b
    time,creatinine,unit
    2026-11-19T08:00,0.9,mg/dL
    2026-11-20T08:00,150,umol/L

    \b
    aki stage series.csv
    aki stage series.csv --born 1948-03-02 --sex female --json

    Exit code 1: the table cannot be read, or a row has a cell that is not understood.
    """
    patient = SeriesPatient(
        birth_date=born.date() if born else None, sex=Sex(sex) if sex else None, baseline_mg_dl=baseline
    )
    try:
        text = io.StringIO(series.read().decode("utf-8-sig"), newline="")
        results = stage_table(csv.DictReader(text), patient=patient)
    except (ModelError, csv.Error) as error:
        raise Problem(
            f"{name_of(series)}: {error}", "The first line names the columns: time,creatinine,unit"
        ) from error
    except UnicodeDecodeError as error:
        raise Problem(f"{name_of(series)}: is not UTF-8 text.", "Save it as CSV in UTF-8.") from error
    if as_json:
        click.echo(json.dumps([row_to_json(result) for result in results], ensure_ascii=False, indent=2))
    else:
        _print_table(results)
    if any(result.problem for result in results):
        sys.exit(1)


def _print_table(results: list[RowResult]) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 160
    table = Table("Row", "Time", "KDIGO", "By", "Baseline", "NHS", "Ratio", box=None)
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
        f"{baseline.creatinine_mg_dl:.2f} mg/dL ({BASELINE_WORDS[baseline.method]})" if baseline else "",
        nhs.alert if nhs else "",
        f"{nhs.ratio:.2f}" if nhs and nhs.ratio is not None else "",
    )
