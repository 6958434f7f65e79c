"""`aki db`: prepare the database."""

import click

from app.cli.configured import configured
from app.cli.problems import Problem


@click.group()
def db() -> None:
    """Prepare the database (SQLite in AKI_STATE_DIR, or AKI_DATABASE_URL).

    \b
    aki db upgrade
    """


@db.command("upgrade")
def upgrade() -> None:
    """Bring the schema to the newest version; safe to repeat. Run it before a new version starts.

    \b
    aki db upgrade
    AKI_DATABASE_URL=postgresql://aki@db.example.org/aki aki db upgrade
    """
    from sqlalchemy.exc import SQLAlchemyError

    from app.database import open_engine
    from app.database import upgrade as upgrade_schema

    settings, _ = configured()
    try:
        upgrade_schema(open_engine(settings.resolved_database_url))
    except (SQLAlchemyError, OSError) as error:
        cause = f"The database cannot be upgraded ({type(error).__name__})."
        raise Problem(cause, "Check AKI_DATABASE_URL or AKI_STATE_DIR, and that the database answers.") from error
    click.echo("The database schema is up to date.")
