"""Several versions of one resource: the newest counts (VN-20, hardening "corrected supersedes")."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from patient_context.bundles import Entry
from patient_context.chart import Chart
from patient_context.results import Result
from patient_context.shapes import member
from patient_context.times import optional_time

_LATER_STATUS: Final = {"entered-in-error": 4, "cancelled": 3, "corrected": 2, "amended": 2, "final": 1}
_BEGINNING: Final = datetime.min.replace(tzinfo=UTC)


def newest_versions(entries: Iterable[Entry], chart: Chart) -> tuple[dict[str, Entry], list[Entry]]:
    """Each "Type/id" once, in its newest version; and the entries without an id, as they are."""
    newest: dict[str, Entry] = {}
    others: list[Entry] = []
    for entry in entries:
        key = entry.reference
        if key is None:
            others.append(entry)
            continue
        earlier = newest.setdefault(key, entry)
        if earlier is not entry:
            chart.ignored["older-version-or-repeat"] += 1
            # Nearly always the very same, sent under two keys.
            if entry.resource != earlier.resource and _age_rank(entry) > _age_rank(earlier):
                newest[key] = entry
    return newest, others


def _age_rank(entry: Entry) -> tuple[Any, ...]:
    """Later is greater: last update, version number, the status a correction ends in; content to be definite."""
    found = entry.resource
    resource = msgspec.to_builtins(found) if isinstance(found, Result) else found
    meta = member(resource, "meta")
    version = meta.get("versionId")
    number = int(version) if isinstance(version, str) and version.isdecimal() and len(version) < 19 else -1
    status = resource.get("status")
    rank = _LATER_STATUS.get(status, 0) if isinstance(status, str) else 0
    content = json.dumps(resource, sort_keys=True, default=str)
    return (optional_time(meta.get("lastUpdated"), UTC) or _BEGINNING, number, rank, content)
