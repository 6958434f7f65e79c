"""Reads the source files: FHIR ndjson as plain dicts, MEDS parquet as plain tuples (the only user of pyarrow)."""

import gzip
import json
from collections import Counter, defaultdict
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


def read_events(folder: Path, items: frozenset[str], dropped: Counter[str]) -> dict[str, list[Event]]:
    """Measurements of the listed items of every patient by record number, in time order; others are counted."""
    import pyarrow
    import pyarrow.compute as compute
    import pyarrow.parquet as parquet

    columns = ["subject_id", "time", "code", "numeric_value", "text_value", "hadm_id"]
    events: dict[str, list[Event]] = defaultdict(list)
    for path in sorted(folder.glob("data/*/*.parquet")):
        table = parquet.read_table(path, columns=columns)
        wanted = [code for code in table["code"].unique().to_pylist() if _item_and_unit(code)[0] in items]
        kept = table.filter(compute.is_in(table["code"], value_set=pyarrow.array(wanted, table["code"].type)))
        dropped["event that is no listed laboratory or chart item"] += len(table) - len(kept)
        for row in kept.to_pylist():
            if row["time"] is not None:
                events[str(row["subject_id"])].append(_event(row))
    for series in events.values():
        series.sort(key=lambda event: (event.at, event.item, event.value or 0.0, event.text or ""))
    return dict(events)


def _item_and_unit(code: str) -> tuple[str, str]:
    """`LAB//50912//mg/dL` is item 50912 in mg/dL; clinic measurements are named in words and have no unit here."""
    kind, _, rest = code.partition("//")
    item, _, unit = rest.partition("//")
    return (item, unit) if kind == "LAB" else (code, "")


def _event(row: dict[str, Any]) -> Event:
    item, unit = _item_and_unit(row["code"])
    value, stay = row["numeric_value"], row["hadm_id"]
    return Event(
        at=local_seconds(row["time"]),
        naive_at=row["time"],
        item=item,
        unit=unit,
        value=None if value is None or value != value else float(f"{value:.6g}"),
        text=row["text_value"],
        stay=None if stay is None or stay != stay else str(int(stay)),
    )
