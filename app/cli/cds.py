"""`aki cds`: what became of the cards."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click
from sqlalchemy.exc import SQLAlchemyError

from app.cds.rates import FEWEST_FOR_A_SHARE, Fate, Share, share
from app.cds.report import CardReport, report
from app.cli.configured import configured
from app.cli.installation import open_installation
from app.cli.problems import Problem

if TYPE_CHECKING:
    from rich.console import Console

_TITLES = {"topic": "By topic", "service": "By service", "site": "By site", "month": "By month"}


@click.group()
def cds() -> None:
    """Report what became of the cards: shown, held back, accepted, overridden.

    \b
    aki cds report --since 2026-11-01
    """


@cds.command("report")
@click.option("--since", type=click.DateTime(), help="Cards from this moment on (UTC).")
@click.option("--site", help="One EHR's id; else all.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def report_command(since: datetime | None, site: str | None, as_json: bool) -> None:
    """Count cards by topic, service, site and month, with acceptance and override rates.

    \b
    aki cds report
    aki cds report --since 2026-11-01 --site general --json

    Rates are of cards shown, with Wilson's 95 % interval; below 10 cards the counts are given alone. An EHR says
    nothing of a card that was passed over, so "unanswered" is neither acceptance nor override. Names no patient.
    """
    _, ehrs = configured()
    zones = {ehr.id: ehr.reading.time_zone for ehr in ehrs}
    if site is not None and site not in zones:
        raise click.UsageError(f"There is no site {site}; registered are {', '.join(zones) or 'none'}.")
    engine = open_installation().engine
    from_moment = since.replace(tzinfo=UTC) if since else None
    try:
        found = report(engine, lambda ehr_id: zones.get(ehr_id, ZoneInfo("UTC")), since=from_moment, site=site)
    except SQLAlchemyError as error:
        raise Problem("The record of cards cannot be read.", "Check: aki db check") from error
    if as_json:
        click.echo(json.dumps(_as_json(found), indent=2))
    else:
        _print(found)


def _as_json(found: CardReport) -> dict[str, Any]:
    return {
        "total": _fate_json(found.total),
        **{
            f"by_{group}": {name: _fate_json(fate) for name, fate in fates.items()}
            for group, fates in found.groups.items()
        },
        "withheld": dict(found.withheld),
        "silences": dict(found.silences),
        "overrides": [asdict(one) for one in found.overrides],
        "comments": found.comments,
        "unmatched_feedback": found.unmatched,
    }


def _fate_json(fate: Fate) -> dict[str, Any]:
    return {
        **asdict(fate),
        "unanswered": fate.unanswered,
        "acceptance": _share_json(share(fate.accepted, fate.shown)),
        "override": _share_json(share(fate.overridden, fate.shown)),
    }


def _share_json(found: Share) -> dict[str, float]:
    """Absent rather than null: of no card there is no rate."""
    named = {"rate": found.value, "low": found.low, "high": found.high}
    return {name: round(value, 4) for name, value in named.items() if value is not None}


def _print(found: CardReport) -> None:
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    total = found.total
    console.print(
        f"{total.shown} cards shown: {total.accepted} accepted, {total.overridden} overridden, "
        f"{total.unanswered} unanswered. {total.withheld} held back."
    )
    if total.shown or total.withheld:
        console.print("Rates are of cards shown, with their 95 % interval.")
        for group, title in _TITLES.items():
            _print_group(console, title, found.groups[group])
    _print_overrides(console, found)
    _print_counts(console, "Held back because", found.withheld.items())
    _print_counts(console, "Silent, nothing to say", found.silences.items())
    if found.comments:
        console.print(f"Comments by users: {found.comments}, sealed: they may name a patient.")
    if found.unmatched:
        console.print(f"Feedback about cards not known here: {found.unmatched}.")


def _print_group(console: "Console", title: str, fates: Mapping[str, Fate]) -> None:
    from rich.table import Table

    table = Table(box=None, title=f"\n{title}", title_justify="left", padding=(0, 2, 0, 0))
    for heading in ("", "Shown", "Accepted", "Overridden", "Unanswered", "Held back"):
        table.add_column(heading, no_wrap=True)
    for name, fate in fates.items():
        accepted, overridden = share(fate.accepted, fate.shown), share(fate.overridden, fate.shown)
        counts = (str(fate.unanswered), str(fate.withheld))
        table.add_row(name, str(fate.shown), _words(accepted), _words(overridden), *counts)
    console.print(table)


def _print_overrides(console: "Console", found: CardReport) -> None:
    from rich.table import Table

    if not found.overrides:
        return
    table = Table(box=None, title="\nOverrides", title_justify="left", padding=(0, 2, 0, 0))
    for heading in ("", "Reason", "Times"):
        table.add_column(heading, no_wrap=True)
    for one in found.overrides:
        table.add_row(one.topic, one.reason, str(one.count))
    console.print(table)


def _print_counts(console: "Console", title: str, counts: Iterable[tuple[str, int]]) -> None:
    said = ", ".join(f"{name} {count}" for name, count in counts)
    console.print(f"{title}: {said or 'none'}")


def _words(found: Share) -> str:
    """ "12: 24 % (14-37)"; of few cards the count alone."""
    if found.of < FEWEST_FOR_A_SHARE or found.value is None or found.low is None or found.high is None:
        return str(found.count)
    return f"{found.count}: {found.value * 100:.0f} % ({found.low * 100:.0f}-{found.high * 100:.0f})"
