"""An outcome in the terminal: the page's own words, so the two cannot differ."""

from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.presentation.drivers import DriversPanel, drivers_panel
from app.presentation.forecast import ForecastPanel, forecast_panel
from app.presentation.inputs import InputsPanel, inputs_panel
from app.presentation.now import NowPanel, now_panel
from app.presentation.wording import english
from model.assessment import Outcome
from model.snapshot import PatientSnapshot

_TONES = {
    "none": "green",
    "stage-1": "yellow",
    "stage-2": "dark_orange",
    "stage-3": "red",
    "unknown": "bright_black",
}
_SAY = english(ZoneInfo("UTC"))


def print_report(outcome: Outcome, snapshot: PatientSnapshot, console: Console | None = None) -> None:
    """Print stage, risk, reasons and data of one patient. No name, no record number."""
    console = console or _wide_console()
    inputs = inputs_panel(outcome, snapshot, _SAY)
    console.print(
        f"Patient {outcome.patient_id}, assessed as of {_SAY.moment(outcome.assessed_at)} (times in UTC)"
    )
    for warning in inputs.warnings:
        console.print(f"! {warning}", style="yellow")
    _print_now(console, now_panel(outcome, snapshot, _SAY))
    _print_forecast(console, forecast_panel(outcome, _SAY))
    drivers = drivers_panel(outcome, _SAY)
    if drivers is not None:
        _print_drivers(console, drivers)
    _print_inputs(console, inputs)
    if outcome.model:
        console.print(
            f"Model {outcome.model.id} {outcome.model.version}, sha256 {outcome.model.sha256[:12]}", style="dim"
        )
    console.print("Research software: risk information for review, not a diagnosis.", style="dim")


def _wide_console() -> Console:
    """On a terminal as wide as it is; in a file wide enough not to break lines."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 140
    return console


def _print_now(console: Console, now: NowPanel) -> None:
    console.print()
    console.print(Text("NOW  ", style="dim").append(now.headline, style=f"bold {_TONES[now.tone]}"))
    console.print(f"     {now.detail}")
    for reason in now.reasons:
        console.print(f"     - {reason}")
    table = Table.grid(padding=(0, 2))
    for fact in now.facts:
        table.add_row("    ", fact.term, Text(fact.value, style="bold"), Text(fact.note, style="dim"))
    console.print(table)


def _print_forecast(console: Console, forecast: ForecastPanel) -> None:
    console.print()
    title = Text(f"{forecast.heading.upper()}  ", style="dim")
    if forecast.dots is None:
        console.print(title.append(forecast.category_words, style="bold"))
        for reason in forecast.reasons:
            console.print(f"     - {reason}")
        return
    console.print(title.append(f"{forecast.percent}  {forecast.category_words}", style="bold"))
    console.print(f"     {forecast.frequency} {forecast.outcome_words}")
    console.print(f"     {forecast.threshold_words}", style="dim")


def _print_drivers(console: Console, drivers: DriversPanel) -> None:
    console.print()
    console.print(
        Text("WHY  ", style="dim").append(
            f"From {drivers.start_words} on average to {drivers.end_words}:", "default"
        )
    )
    table = Table.grid(padding=(0, 2))
    for row in drivers.first:
        arrow = "▲" if row.direction == "raises" else "▼"
        table.add_row(
            "    ", row.label, Text(row.value, style="bold"), Text(row.when, style="dim"), f"{arrow} {row.factor}"
        )
    console.print(table)


def _print_inputs(console: Console, inputs: InputsPanel) -> None:
    console.print()
    console.print(
        Text("DATA  ", style="dim").append(f"{inputs.used} entries used, {inputs.refused} not used", "default")
    )
    for reason, count in inputs.refused_summary:
        console.print(f"     {count} × {reason}", style="dim")
    for part in inputs.unread:
        console.print(f"     not read: {part}", style="dim")
