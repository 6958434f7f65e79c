"""`aki site`: what each site shows of the prediction and the cards."""

import json

import click
from sqlalchemy.exc import SQLAlchemyError

from app.auditing.trail import operator
from app.cli.configured import configured
from app.cli.installation import Installation, now, open_installation
from app.cli.problems import Problem
from app.storage.failures import cause_of
from app.watching.switches import (
    LIVE,
    LONGEST_REASON_CHARS,
    MODES,
    PARTS,
    Mode,
    Part,
    Switch,
    read_switches,
    set_switch,
)

_REACHES = "Running workers follow within seconds; nothing is restarted."


@click.group()
def site() -> None:
    """Show, try in shadow or switch off a site's prediction and cards. SITE is an EHR's id in the registry.

    \b
    aki site list
    aki site mode general shadow --reason "first four weeks"
    aki site mode general off --reason "creatinine assay changed"
    """


@site.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_sites(as_json: bool) -> None:
    """List every site with its modes, since when, by whom and why.

    \b
    aki site list
    """
    _, ehrs = configured()
    known = _read(open_installation())
    rows = [_row(ehr.id, part, known.get((ehr.id, part), LIVE)) for ehr in ehrs for part in PARTS]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        since = f" since {row['since']} by {row['who']}: {row['reason']}" if "since" in row else ""
        click.echo(f"{row['site']}: {row['part']} {row['mode']}{since}")


@site.command("mode")
@click.argument("site_id", metavar="SITE")
@click.argument("mode", type=click.Choice(MODES))
@click.option("--reason", required=True, help="Why; clinicians read it on the page. Name no patient.")
@click.option("--part", type=click.Choice(PARTS), default="prediction", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def mode_command(site_id: str, mode: Mode, reason: str, part: Part, as_json: bool) -> None:
    """Switch SITE to live, shadow or off. Without --part the prediction: staging and drug cards go on.

    \b
    live     computed, stored, shown
    shadow   computed and stored, so that `aki monitor` can judge it, but not shown
    off      not computed
    \b
    aki site mode general off --reason "observed twice what was predicted"
    aki site mode general shadow --part cards --reason "before the wards are told"

    Running workers follow within seconds. Who, when and why go into the audit trail.
    """
    _, ehrs = configured()
    if site_id not in {ehr.id for ehr in ehrs}:
        raise click.UsageError(f"There is no site {site_id}; registered are {', '.join(e.id for e in ehrs)}.")
    switch = Switch(mode, now(), _told(reason), operator())
    installation = open_installation()
    before = _read(installation).get((site_id, part), LIVE)
    try:
        set_switch(installation.engine, site_id, part, switch)
    except SQLAlchemyError as error:
        raise Problem(
            "The switch could not be written; nothing was changed.", f"The database: {cause_of(error)}."
        ) from error
    if as_json:
        click.echo(json.dumps(_row(site_id, part, switch)))
        return
    click.echo(f"{site_id}: {part} {mode}, was {before.mode}. {_REACHES}")


def _told(reason: str) -> str:
    """The reason as one printable line, of a length a page can show."""
    line = " ".join(reason.split())
    if not line or not line.isprintable() or len(line) > LONGEST_REASON_CHARS:
        raise click.UsageError(f"--reason: one line of 1 to {LONGEST_REASON_CHARS} printable characters.")
    return line.rstrip(".")


def _read(installation: Installation) -> dict[tuple[str, str], Switch]:
    try:
        return read_switches(installation.engine)
    except SQLAlchemyError as error:
        raise Problem("The switches cannot be read.", f"The database: {cause_of(error)}.") from error


def _row(site_id: str, part: str, switch: Switch) -> dict[str, str]:
    row = {"site": site_id, "part": part, "mode": switch.mode}
    if switch.since is None:
        return row
    return {**row, "since": switch.since.isoformat(), "who": switch.who, "reason": switch.reason}
