"""`aki audit`: check and export the audit trail."""

import json
import sys
from datetime import UTC, datetime

import click

from app.audit import AuditTrail
from app.cli.configured import configured
from app.cli.problems import Problem


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
    broken_at = _trail().verify()
    if as_json:
        click.echo(json.dumps({"ok": broken_at is None, **({} if broken_at is None else {"line": broken_at})}))
        sys.exit(0 if broken_at is None else 1)
    if broken_at is not None:
        cause = f"The audit trail does not hold together from line {broken_at} on."
        raise Problem(cause, "Keep the database as it is, compare it with the last backup, and tell security.")
    click.echo("The audit trail is whole.")


@audit.command("export")
def export() -> None:
    """Print every event as one JSON object a line, oldest first.

    \b
    aki audit export > audit.ndjson
    """
    for event in _trail().events():
        click.echo(json.dumps(event, ensure_ascii=False))


def _trail() -> AuditTrail:
    from sqlalchemy.exc import SQLAlchemyError

    from app.database import is_current, open_engine

    settings, _ = configured()
    engine = open_engine(settings.resolved_database_url)
    try:
        ready = is_current(engine)
    except SQLAlchemyError as error:
        raise Problem("The database cannot be opened.", "Check AKI_DATABASE_URL or AKI_STATE_DIR.") from error
    if not ready:
        raise Problem("The database schema is not current.", "Run: aki db upgrade")
    return AuditTrail(engine, lambda: datetime.now(UTC))
