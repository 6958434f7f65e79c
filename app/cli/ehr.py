"""`aki ehr`: the registered EHRs."""

import json

import click

from app.cli.configured import configured
from app.ehrs import EhrConfig


@click.group()
def ehr() -> None:
    """Show the registered EHRs (`ehrs.toml`, or the file AKI_EHRS_FILE names).

    \b
    aki ehr list
    """


@ehr.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_ehrs(as_json: bool) -> None:
    """List the EHRs this app may be launched from and be called by.

    \b
    aki ehr list
    aki ehr list --json
    """
    _, ehrs = configured()
    rows = [_row(config) for config in ehrs]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    if not rows:
        click.echo("No EHR is registered. Add an [[ehr]] table to ehrs.toml, then run: aki check-config")
        return
    _print_table(rows)


def _row(config: EhrConfig) -> dict[str, object]:
    return {
        "id": config.id,
        "name": config.launch.name,
        "iss": config.launch.iss,
        "client_id": config.launch.client_id,
        "auth_method": config.launch.auth_method,
        "cds_hooks": config.cds is not None,
        "time_zone": config.reading.time_zone.key,
    }


def _print_table(rows: list[dict[str, object]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(
        "Id", "Name", "FHIR base (iss)", "Client id", "Authenticates by", "CDS Hooks", "Time zone", box=None
    )
    for row in rows:
        table.add_row(*("yes" if v is True else "no" if v is False else str(v) for v in row.values()))
    Console(highlight=False).print(table)
