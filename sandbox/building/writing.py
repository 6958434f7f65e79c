"""Writes the data set: one gzip file whose members are one patient each, and a small index beside it.

The file is ordinary gzip ndjson (`zcat` reads it whole); because each patient is a member of its own, the server
reads one patient without unpacking the others. Written bytes depend on the input alone.
"""

import gzip
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any

from sandbox.building.findings import findings
from sandbox.building.timing import ANCHOR

Resource = dict[str, Any]
DATA_FILE = "patients.ndjson.gz"
INDEX_FILE = "index.json"
_PREFIX = {
    "Observation": "obs",
    "Condition": "dx",
    "Procedure": "proc",
    "MedicationRequest": "rx",
    "MedicationAdministration": "given",
}
_SUBJECT_FIRST = ("resourceType", "id", "status", "subject")


@dataclass(frozen=True, slots=True)
class Chart:
    """One patient ready to be written: `source` says which data set it came from."""

    record: str
    source: str
    category: str
    source_moment: str
    resources: list[Resource]


def write(charts: Iterable[Chart], out: Path) -> Counter[str]:
    """Write both files into `out` and return how many resources of each type were written.

    Both are written beside their places and renamed into them once both are whole: a build that fails leaves the
    old ones, and a server that starts meanwhile never reads half a file.
    """
    out.mkdir(parents=True, exist_ok=True)
    counts: Counter[str] = Counter()
    entries: list[Resource] = []
    with _replaced(out / DATA_FILE) as data, _replaced(out / INDEX_FILE) as file:
        for chart in charts:
            resources = numbered(chart)
            counts.update(r["resourceType"] for r in resources)
            lines = "".join(json.dumps(r, separators=(",", ":"), ensure_ascii=False) + "\n" for r in resources)
            member = gzip.compress(lines.encode(), compresslevel=9, mtime=0)
            entries.append({**_entry(chart, resources), "offset": data.tell(), "length": len(member)})
            data.write(member)
        index = {"anchor": ANCHOR.isoformat(), "data": DATA_FILE, "patients": entries}
        file.write((json.dumps(index, indent=1, ensure_ascii=False) + "\n").encode())
    return counts


@contextmanager
def _replaced(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes its place when it is whole; after an error the old one is still there."""
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        unfinished = Path(file.name)
        try:
            yield file
        except BaseException:
            unfinished.unlink()
            raise
    unfinished.chmod(0o644)
    unfinished.replace(path)


def numbered(chart: Chart) -> list[Resource]:
    """The resources with ids and subjects; ids carry the record number, so an id tells its patient."""
    counts: Counter[str] = Counter()
    finished = []
    for resource in sorted(chart.resources, key=_order):
        kind = resource["resourceType"]
        if kind == "Patient":
            resource = {**resource, "id": chart.record}
        else:
            counts[kind] += 1
            default = f"{_PREFIX.get(kind, kind.lower())}-{chart.record}-{counts[kind]:05}"
            resource = {"id": default, **resource, "subject": {"reference": f"Patient/{chart.record}"}}
        first = {key: resource[key] for key in _SUBJECT_FIRST if key in resource}
        finished.append({**first, **resource})
    return finished


def when(resource: Resource) -> str:
    """The resource's own time as written, "" when it has none."""
    for key in ("effectiveDateTime", "authoredOn", "performedDateTime", "recordedDate"):
        if key in resource:
            return str(resource[key])
    for key in ("effectivePeriod", "performedPeriod", "period"):
        if key in resource:
            return str(resource[key]["start"])
    return ""


def _order(resource: Resource) -> tuple[bool, str, str, str]:
    return (
        resource["resourceType"] != "Patient",
        resource["resourceType"],
        when(resource),
        json.dumps(resource, sort_keys=True),
    )


def _entry(chart: Chart, resources: list[Resource]) -> Resource:
    patient = resources[0]
    last = _last_creatinine(resources)
    entry: Resource = {
        "id": patient["id"],
        "record": chart.record,
        "name": patient["name"][0]["text"],
        "sex": patient["gender"],
        "birth_date": patient["birthDate"],
        "category": chart.category,
        "source": chart.source,
        "source_moment": chart.source_moment,
        "findings": findings(resources),
    }
    if last is not None:
        entry["creatinine"] = {
            "value": last["valueQuantity"]["value"],
            "unit": last["valueQuantity"]["unit"],
            "at": last["effectiveDateTime"],
        }
    return entry


def _last_creatinine(resources: list[Resource]) -> Resource | None:
    found = [
        r
        for r in resources
        if r["resourceType"] == "Observation"
        and any(
            c["code"] in ("2160-0", "38483-4") for c in r["code"]["coding"] if c["system"] == "http://loinc.org"
        )
    ]
    return max(found, key=lambda r: r["effectiveDateTime"], default=None)
