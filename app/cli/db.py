"""`aki db`: prepare, check, back up and restore the database."""

import json
import sys
from pathlib import Path

import click
from sqlalchemy.exc import SQLAlchemyError

from app.auditing.anchors import AnchorFileUnreadable, set_aside_later_anchors
from app.auditing.trail import AuditEvent, operator
from app.cli.configured import configured
from app.cli.installation import Installation, now, open_database, open_installation
from app.cli.problems import Problem
from app.storage.backup import BackupRefused, back_up, problems_of, put_back
from app.storage.database import NEWER_SCHEMA, SchemaIsNewer, downgrade, known_revisions, schema_revision
from app.storage.database import upgrade as upgrade_schema
from app.storage.encryption import sealed_box
from app.storage.failures import cause_of

_ANSWERS = "Check AKI_DATABASE_URL or AKI_STATE_DIR, and that the database answers."


@click.group()
def db() -> None:
    """Prepare, check, back up and restore the database (SQLite in AKI_STATE_DIR, or AKI_DATABASE_URL).

    \b
    aki db upgrade
    aki db check
    """


@db.command("upgrade")
def upgrade() -> None:
    """Bring the schema to the newest version; safe to repeat. Run it before a new version starts.

    \b
    aki db upgrade
    AKI_DATABASE_URL=postgresql://aki@db.example.org/aki aki db upgrade
    """
    settings, _ = configured()
    try:
        engine = open_database(settings)
        before = schema_revision(engine)
        upgrade_schema(engine)
    except SchemaIsNewer as error:
        raise Problem("The database cannot be upgraded.", NEWER_SCHEMA) from error
    except (SQLAlchemyError, OSError) as error:
        raise Problem(f"The database cannot be upgraded: {cause_of(error)}.", _ANSWERS) from error
    newest = known_revisions()[0]
    if before != newest:
        _record(Installation(settings, engine), "upgraded", f"{before or 'empty'}->{newest}")
    way_back = f" It was {before}: aki db downgrade {before} leads back." if before not in (None, newest) else ""
    click.echo(f"The database schema is up to date ({newest}).{way_back}")


@db.command("downgrade")
@click.argument("revision")
def downgrade_command(revision: str) -> None:
    """Bring the schema back to REVISION, which an older release needs. Stop the app and take a backup first.

    \b
    aki db downgrade 0001
    """
    if revision not in known_revisions():
        known = ", ".join(reversed(known_revisions()))
        raise click.UsageError(f"There is no schema version {revision}; known are {known}.")
    installation = open_installation()
    _record(installation, "downgraded", f"{known_revisions()[0]}->{revision}")
    try:
        downgrade(installation.engine, revision)
    except SQLAlchemyError as error:
        raise Problem(f"The database cannot be brought back: {cause_of(error)}.", _ANSWERS) from error
    click.echo(f"The database schema is at {revision}. Start the older release now.")


@db.command("check")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(as_json: bool) -> None:
    """Check reach, schema, damage, the audit trail and its anchors, and that the master key opens what is sealed.

    \b
    aki db check
    """
    settings, _ = configured()
    try:
        engine = open_database(settings)
    except OSError as error:
        raise Problem(f"The database cannot be opened: {cause_of(error)}.", _ANSWERS) from error
    found = problems_of(engine, sealed_box(settings), settings.anchor_file)
    if as_json:
        click.echo(json.dumps({"ok": not found, "problems": found}))
        sys.exit(1 if found else 0)
    if found:
        raise Problem("\n".join(["The database is not well:", *(f"  - {each}" for each in found)]))
    click.echo("The database is well: schema, file, audit trail, sealed values.")


@db.command("backup")
@click.argument("target", type=click.Path(dir_okay=False, path_type=Path))
def backup(target: Path) -> None:
    """Copy the SQLite database to the new file TARGET while the app runs. For PostgreSQL use pg_dump.

    \b
    aki db backup /var/backups/aki-$(date +%F).sqlite3

    Sessions and keys are sealed in the copy as in the database: keep AKI_MASTER_KEY too, in another place.
    """
    installation = open_installation()
    try:
        size = back_up(installation.engine, target)
    except BackupRefused as refusal:
        raise Problem(refusal.reason) from refusal
    _record(installation, "backed-up", f"{size} bytes")
    click.echo(f"{target}: {size} bytes, checked.")


@db.command("restore")
@click.argument("source", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--yes", is_flag=True, help="Do not ask.")
def restore(source: Path, yes: bool) -> None:
    """Put the backup SOURCE in the place of the SQLite database. Stop the app first.

    \b
    aki db restore /var/backups/aki-2026-11-21.sqlite3

    The database that was there is kept beside it. The audit trail then ends where the backup does: anchors of
    later lines are set aside with the database they belong to, and the restored trail says so.
    """
    settings, _ = configured()
    if not yes:
        click.confirm(f"Is the app stopped, and shall {source} replace the database?", abort=True)
    engine = open_database(settings)
    try:
        kept = put_back(engine, source, now=now())
        upgrade_schema(engine)
        aside = set_aside_later_anchors(engine, settings.anchor_file, now())
    except BackupRefused as refusal:
        raise Problem(refusal.reason, "Nothing was changed.") from refusal
    except (SQLAlchemyError, OSError, AnchorFileUnreadable) as error:
        raise Problem(f"The restore could not be completed ({type(error).__name__}).", _ANSWERS) from error
    before = kept.name if kept else "none"
    _record(Installation(settings, engine), "restored", f"database before: {before}; anchors set aside: {aside}")
    click.echo(f"Restored {source}." + (f" The database before is kept at {kept}." if kept else ""))
    click.echo("Now run: aki db check")


def _record(installation: Installation, outcome: str, reference: str) -> None:
    installation.record(AuditEvent("database-changed", outcome, who=operator(), reference=reference))
