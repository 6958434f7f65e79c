"""`aki audit`: check and export the audit trail."""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import click

from app.auditing.anchors import AnchorFileUnreadable
from app.auditing.anchors import verify as check_chain
from app.auditing.review import AuditReport, report_on
from app.auditing.trail import AuditEvent, operator
from app.cli.configured import configured
from app.cli.installation import open_installation
from app.cli.problems import Problem

_KEEP = "Keep the database as it is, compare it with the last backup, and tell security (docs/security.md)."
_REASONS = {
    "line-missing": "it is not there",
    "chain-broken": "it does not follow the line before it",
    "line-changed": "its text was changed",
    "time-changed": "its time was changed",
    "differs-from-anchor": "it is not the line that was anchored",
    "end-cut-off": "an anchored line is not there, so the end was cut off",
    "start-cut-off": "the lines before it went without a purge being written down",
}


@click.group()
def audit() -> None:
    """Check, export and report on the audit trail: who looked at which patient, what was answered.

    \b
    aki audit verify
    aki audit report --since 2026-11-01
    aki audit export > audit.ndjson
    """


@audit.command("verify")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def verify(as_json: bool) -> None:
    """Check that no line of the trail was changed, removed or put in between. Exit code 1 when one was.

    \b
    aki audit verify
    """
    installation = open_installation()
    anchor_file = installation.settings.anchor_file
    try:
        broken = check_chain(installation.engine, anchor_file)
    except AnchorFileUnreadable as error:
        raise Problem(f"The anchor file {anchor_file} holds a line that is no anchor.", _KEEP) from error
    if as_json:
        found = {} if broken is None else {"line": broken.seq, "reason": broken.reason}
        click.echo(json.dumps({"ok": broken is None, "anchors": anchor_file.exists(), **found}))
        sys.exit(0 if broken is None else 1)
    if broken is not None:
        raise Problem(
            f"The audit trail does not hold from line {broken.seq} on: {_REASONS[broken.reason]}.", _KEEP
        )
    click.echo("The audit trail is whole.")
    if not anchor_file.exists():
        click.echo(
            f"No anchors are filed at {anchor_file}: a trail written anew would not show. Run: aki jobs run"
        )


_PERIOD = (
    click.option("--since", type=click.DateTime(), help="From this moment on (UTC)."),
    click.option("--until", type=click.DateTime(), help="Before this moment (UTC)."),
)


def _period(command: Callable[..., None]) -> Callable[..., None]:
    return _PERIOD[0](_PERIOD[1](command))


@audit.command("export")
@click.option("--format", "form", type=click.Choice(["ndjson", "fhir"]), default="ndjson", show_default=True)
@_period
def export(form: str, since: datetime | None, until: datetime | None) -> None:
    """Print every event, oldest first, one JSON object a line; `fhir` makes each a FHIR R4 AuditEvent (IHE BALP).

    \b
    aki audit export > audit.ndjson
    aki audit export --format fhir --since 2026-11-01 > AuditEvent.ndjson

    The export is itself written into the trail before the first line is printed.
    """
    installation = open_installation()
    period = f"{since or 'first'}..{until or 'last'}"
    installation.record(AuditEvent("trail-exported", form, who=operator(), reference=period))
    events = installation.trail.events(since=_utc(since), until=_utc(until))
    shown = map(_as_fhir(), events) if form == "fhir" else events
    for event in shown:
        click.echo(json.dumps(event, ensure_ascii=False))


@audit.command("report")
@_period
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def report(since: datetime | None, until: datetime | None, as_json: bool) -> None:
    """Who looked most, when nobody usually works, what was refused, what administrators did.

    \b
    aki audit report --since 2026-11-01
    """
    installation = open_installation()
    found = report_on(installation.trail.events(since=_utc(since), until=_utc(until)), _zones())
    if as_json:
        click.echo(json.dumps(asdict(found), indent=2))
    else:
        _print_report(found)


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.replace(tzinfo=UTC)


def _zones() -> Callable[[str | None], ZoneInfo]:
    _, ehrs = configured()
    zones = {ehr.id: ehr.reading.time_zone for ehr in ehrs}
    return lambda ehr_id: zones.get(ehr_id or "", ZoneInfo("UTC"))


def _as_fhir() -> Callable[[dict[str, Any]], dict[str, Any]]:
    from patient_context.audit_event import audit_event

    _, ehrs = configured()
    known = {ehr.id: (ehr.launch.iss, ehr.launch.client_id) for ehr in ehrs}

    def convert(event: dict[str, Any]) -> dict[str, Any]:
        fhir_base, client_id = known.get(event.get("ehr_id", ""), (None, None))
        return audit_event(event, fhir_base=fhir_base, client_id=client_id)

    return convert


def _print_report(found: AuditReport) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    console.print(f"{found.events} events: " + ", ".join(f"{name} {n}" for name, n in found.by_action.items()))
    console.print(f"Looks outside 6-20 h on working days: {found.off_hours_views}")
    table = Table(
        "Who", "EHR", "Looks", "Patients", "Off hours", box=None, title="Most looks", title_justify="left"
    )
    for viewer in found.viewers:
        numbers = (str(viewer.views), str(viewer.patients), str(viewer.off_hours))
        table.add_row(viewer.who, viewer.ehr_id, *numbers)
    console.print(table)
    for title, counts in (("Refused launches", found.refused_launches), ("Silences", found.silences)):
        console.print(f"{title}: " + (", ".join(f"{name} {n}" for name, n in counts.items()) or "none"))
    for event in found.administrative:
        console.print(f"{event['at']} {event['who']}: {event['action']} {event['outcome']}", markup=False)
