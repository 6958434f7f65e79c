"""`aki audit`: check and export the audit trail."""

import json
import sys

import click

from app.audit_anchors import AnchorFileUnreadable
from app.audit_anchors import verify as check_chain
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
    """Check and export the audit trail: who looked at which patient, what was answered.

    \b
    aki audit verify
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


@audit.command("export")
def export() -> None:
    """Print every event as one JSON object a line, oldest first.

    \b
    aki audit export > audit.ndjson
    """
    for event in open_installation().trail.events():
        click.echo(json.dumps(event, ensure_ascii=False))
