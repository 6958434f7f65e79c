"""Writes down, when the service starts, that its settings, registry, model or version are not what they were."""

import hashlib
import json
from typing import Final

from sqlalchemy import Connection, delete, insert, select

from app.auditing.trail import AuditEvent
from app.services import AppServices
from app.storage.tables import SiteStateRow
from app.version import product_version

_SECRET: Final = {"master_key", "database_url"}


def note_configuration(services: AppServices) -> tuple[str, ...]:
    """Record one event naming the parts that changed since the last start; which they were. Raises AuditFailed."""
    found = _parts(services)
    with services.engine.connect() as connection:
        rows = connection.execute(select(SiteStateRow.name, SiteStateRow.value))
        known = {name: value for name, value in rows if name in found}
    changed = tuple(sorted(name for name, value in found.items() if known.get(name) != value))
    if not changed:
        return ()
    named = ", ".join(f"{name} {found[name][:16]}" for name in changed)
    event = AuditEvent("configuration-changed", ",".join(changed), who="service", reference=named)
    now = services.clock()

    def write_state(connection: Connection) -> None:
        connection.execute(delete(SiteStateRow).where(SiteStateRow.name.in_(changed)))
        rows_now = [{"name": name, "value": found[name], "at": now} for name in changed]
        connection.execute(insert(SiteStateRow), rows_now)

    services.audit.record(event, beside=write_state)
    return changed


def _parts(services: AppServices) -> dict[str, str]:
    settings = services.settings
    plain = settings.model_dump(mode="json", exclude=_SECRET)
    registry = settings.ehrs_file.read_bytes() if settings.ehrs_file.is_file() else b""
    return {
        "settings": _digest(json.dumps(plain, sort_keys=True).encode()),
        "registry": _digest(registry),
        "model": services.model_sha256 or "refused",
        "version": product_version(),
    }


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
