"""`aki ehr`: the registered EHRs, and what works with them."""

import json
import sys
from typing import IO, TYPE_CHECKING

import click

from app.cli.configured import configured
from app.cli.problems import Problem
from app.configured.ehrs import EhrConfig
from app.telemetry.logs import configure_logs

if TYPE_CHECKING:
    from app.checking.findings import Report


@click.group()
def ehr() -> None:
    """List, check and add EHRs (`ehrs.toml`, or the file AKI_EHRS_FILE names).

    \b
    aki ehr list
    aki ehr check https://ehr.example.org/fhir/r4
    aki ehr add
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
        click.echo("No EHR is registered. Add one: aki ehr add")
        return
    _print_table(rows)


@ehr.command("check")
@click.argument("iss_or_id")
@click.option(
    "--token", "token_file", type=click.File(), help="File with an access token, or - for standard input."
)
@click.option("--patient", help="Id of a test patient to read.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(iss_or_id: str, token_file: IO[str] | None, patient: str | None, as_json: bool) -> None:
    """Check an EHR: connection, discovery, PKCE, scopes, keys, clock, searches, and a test patient's codes.

    ISS_OR_ID is an id of the registry or a FHIR base address; an unregistered one is checked as a public client.
    Exit code 1 when something would keep launches from working.

    \b
    aki ehr check sandbox
    aki ehr check https://ehr.example.org/fhir/r4
    aki ehr check general-hospital --token token.txt --patient 123
    """
    from app.checking.cli_tools import ehr_to_check, tools_for
    from app.checking.run import check_ehr

    configure_logs("ERROR")  # the report says it all
    settings, ehrs = configured()
    try:
        config = ehr_to_check(iss_or_id, ehrs, development=settings.development)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="ISS_OR_ID") from None
    token = token_file.read().strip() if token_file else None
    report = check_ehr(config, tools_for(config, settings), token=token, patient=patient)
    if as_json:
        click.echo(json.dumps(report.as_json(), indent=2))
    else:
        _print_report(report)
    sys.exit(1 if report.has_problems else 0)


class _Usual(click.Option):
    """Asked for, unless `--yes` says that the usual value will do."""

    def prompt_for_value(self, ctx: click.Context) -> object:
        """The answer, or the default."""
        return self.get_default(ctx) if ctx.params.get("yes") else super().prompt_for_value(ctx)


@ehr.command("add")
@click.option(
    "--iss", prompt="FHIR base address (iss)", help="As the EHR sends it, for example https://host/fhir/r4."
)
@click.option(
    "--id", "ehr_id", prompt="Short id (a-z, 0-9, -)", help="Names the EHR in commands and in the audit."
)
@click.option("--name", prompt="Name people know it by", help="Shown on the pages.")
@click.option("--client-id", prompt="Client id the EHR gave this app", help="From the EHR's registration.")
@click.option(
    "--auth-method",
    cls=_Usual,
    prompt="How the app proves itself",
    type=click.Choice(["private_key_jwt", "client_secret_basic", "public"]),
    default="private_key_jwt",
    show_default=True,
)
@click.option("--client-secret-file", help="File with the secret, for client_secret_basic.")
@click.option("--time-zone", cls=_Usual, default="UTC", show_default=True, prompt="Time zone of the hospital")
@click.option("--trust", multiple=True, metavar="ORIGIN", help="Another origin of this EHR, such as its sign-in.")
@click.option(
    "--yes",
    is_flag=True,
    is_eager=True,
    help="Write the entry without asking, also when the check found problems; what is not given is as usual.",
)
def add(trust: tuple[str, ...], yes: bool, **answers: str | None) -> None:
    """Ask about an EHR, check it, and append its entry to the registry. Nothing in the file is changed.

    \b
    aki ehr add
    aki ehr add --iss https://ehr.example.org/fhir --id general --name "General Hospital" \\
        --client-id aki --auth-method private_key_jwt --time-zone Europe/London --yes
    """
    from app.checking.adding import config_of, entry_text, other_origins, table_of
    from app.checking.cli_tools import tools_for
    from app.checking.run import check_ehr
    from app.configured.problems import ConfigurationError

    configure_logs("ERROR")
    settings, ehrs = configured()
    table = table_of(answers, development=settings.development)
    try:
        config = config_of(table, ehrs, development=settings.development)
        others = [] if yes else other_origins(config, tools_for(config, settings))
        agreed = [each for each in others if click.confirm(f"It also uses {each}. Trust it?", default=True)]
        if trust or agreed:
            table["trusted_origins"] = sorted({*trust, *agreed})
            config = config_of(table, ehrs, development=settings.development)
    except ConfigurationError as error:
        raise Problem("\n".join(error.problems), "Nothing was written.") from None
    report = check_ehr(config, tools_for(config, settings))
    _print_report(report)
    text = entry_text(table)
    click.echo(f"\n{text}")
    if not yes and not click.confirm(f"Append this to {settings.ehrs_file}?", default=not report.has_problems):
        raise Problem("Nothing was written.")
    with settings.ehrs_file.open("a", encoding="utf-8") as registry:
        registry.write(f"\n{text}")
    click.echo(_to_register(settings.public_url))


def _to_register(public_url: str) -> str:
    return (
        "Written; it counts from the next start. To be registered at the EHR:\n"
        f"  launch address    {public_url}/launch\n"
        f"  redirect address  {public_url}/callback\n"
        f"  key set           {public_url}/.well-known/jwks.json"
    )


def _print_report(report: "Report") -> None:
    signs = {"ok": "ok      ", "note": "note    ", "problem": "PROBLEM ", "skipped": "-       "}
    click.echo(f"{report.ehr}  {report.iss}")
    for finding in report.findings:
        click.echo(f"  {signs[finding.status]} {finding.topic}: {finding.text}")
        if finding.cure:
            click.echo(f"           {finding.cure}")
    bad = sum(finding.status == "problem" for finding in report.findings)
    click.echo(f"{bad} problem{'s' if bad != 1 else ''}." if bad else "Launches from this EHR can work.")


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
