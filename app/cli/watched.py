"""The stored predictions of an installation judged: for `aki monitor` and for the schedule's metrics."""

from datetime import datetime

from app.cli.installation import Installation, now
from app.storage.encryption import sealed_box
from app.watching.report import MonitorReport, make_report
from model.artifact import load_bundled_model
from model.errors import ModelError


def report_on(
    installation: Installation, *, site: str | None = None, since: datetime | None = None
) -> MonitorReport:
    """Every month, or some. Without a usable model the inputs' drift cannot be said. Raises SQLAlchemyError."""
    try:
        sha256: str | None = load_bundled_model().identity.sha256
    except ModelError:
        sha256 = None
    box = sealed_box(installation.settings)
    return make_report(installation.engine, box, sha256, now=now(), site=site, since=since)
