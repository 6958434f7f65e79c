"""Reads the source files: FHIR ndjson as plain dicts, MEDS parquet as plain tuples (the only user of pyarrow)."""

import gzip
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sandbox.building.timing import local_seconds


@dataclass(frozen=True, slots=True)
class Event:
    """One MEDS row: `item` is the source's item number or name, `unit` its spelling of the unit."""

    at: float
    naive_at: datetime
    item: str
    unit: str
    value: float | None
    text: str | None
    stay: str | None


def read_ndjson(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def read_events(folder: Path) -> dict[str, list[Event]]:
    """Laboratory, chart and clinic measurements of every patient by record number, in time order."""
    import pyarrow.parquet as parquet

    columns = ["subject_id", "time", "code", "numeric_value", "text_value", "hadm_id"]
    events: dict[str, list[Event]] = defaultdict(list)
    for path in sorted(folder.glob("data/*/*.parquet")):
        for row in parquet.read_table(path, columns=columns).to_pylist():
            event = _event(row)
            if event is not None:
                events[str(row["subject_id"])].append(event)
    for series in events.values():
        series.sort(key=lambda event: (event.at, event.item, event.value or 0.0, event.text or ""))
    return dict(events)


def _event(row: dict[str, Any]) -> Event | None:
    kind, _, rest = row["code"].partition("//")
    if row["time"] is None or kind not in ("LAB", "Weight (Lbs)", "Height (Inches)", "Blood Pressure"):
        return None
    item, _, unit = rest.partition("//")
    value, stay = row["numeric_value"], row["hadm_id"]
    return Event(
        at=local_seconds(row["time"]),
        naive_at=row["time"],
        item=item or kind,
        unit=unit,
        value=None if value is None or value != value else float(f"{value:.6g}"),
        text=row["text_value"],
        stay=None if stay is None or stay != stay else str(int(stay)),
    )
