"""The installation a command works on: its settings, its database, and its audit trail."""

from dataclasses import dataclass
from datetime import UTC, datetime

import click
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from app.auditing.trail import AuditEvent, AuditFailed, AuditTrail
from app.cli.configured import configured
from app.cli.problems import Problem
from app.configured.settings import Settings
from app.storage.database import open_engine, schema_problem
from app.storage.failures import cause_of


def now() -> datetime:
    """The commands' clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Installation:
    """Settings and the open database."""

    settings: Settings
    engine: Engine

    @property
    def trail(self) -> AuditTrail:
        """The audit trail."""
        return AuditTrail(self.engine, now)

    def record(self, event: AuditEvent) -> None:
        """Write down what a command does. Raises Problem: what cannot be recorded is not done."""
        try:
            self.trail.record(event)
        except AuditFailed as error:
            cure = "Nothing was changed. Check the database: aki db check"
            raise Problem("This could not be written into the audit trail.", cure) from error


def open_database(settings: Settings) -> Engine:
    """The configured database, closed when the command ends."""
    engine = open_engine(settings.resolved_database_url)
    click.get_current_context().call_on_close(engine.dispose)
    return engine


def open_installation() -> Installation:
    """The configured installation with a current schema. Raises Problem."""
    settings, _ = configured()
    engine = open_database(settings)
    try:
        problem = schema_problem(engine)
    except SQLAlchemyError as error:
        raise Problem(
            f"The database cannot be used: {cause_of(error)}.", "Check AKI_DATABASE_URL or AKI_STATE_DIR."
        ) from error
    if problem is not None:
        raise Problem("The database is not of this release.", problem)
    return Installation(settings, engine)
