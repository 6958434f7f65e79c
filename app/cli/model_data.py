"""Which adapter reads the data given to `aki model validate`, and FHIR Bundles as cohort stays."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model.age import age_years
from model.charting_artefacts import believable
from model.feature_list import USED_ANALYTES
from model.features import Series, Timeline
from model.snapshot import Measurement, PatientSnapshot
from patient_context import strict_json
from patient_context.errors import BundleUnreadable, JsonRefused
from patient_context.mapping import snapshot_from_bundle

if TYPE_CHECKING:
    from model.training.cohort import CohortStay

TABLES = (".csv", ".parquet")
BUNDLES = (".ndjson", ".json")


@dataclass(frozen=True, slots=True)
class LocalData:
    """What was read: the stays, how to name them in the report, and how many Bundles could not be read."""

    stays: list["CohortStay"]
    description: str
    unreadable: int = 0


def read_local_data(path: Path, *, site: str, now: datetime) -> LocalData:
    """PhysioNet 2019 folder, hourly table, or FHIR Bundles (a file or a folder). Raises CohortUnreadable."""
    cohort = import_module("model.training.cohort")
    files = sorted(p for p in path.iterdir() if p.is_file()) if path.is_dir() else [path]
    if path.is_dir() and any(p.name.startswith("hospital_") and p.suffix == ".parquet" for p in files):
        return _physionet2019(path)
    tables = [p for p in files if p.suffix in TABLES]
    bundles = [p for p in files if p.suffix in BUNDLES]
    if tables and not bundles:
        hourly = import_module("model.validation.hourly_table")
        stays = [stay for p in tables for stay in hourly.read_hourly_table(p, site)]
        return LocalData(stays, "; ".join(f"{p.name} (SHA-256 {hourly.digest(p)})" for p in tables))
    if bundles and not tables:
        return _bundles(bundles, site, now)
    raise cohort.CohortUnreadable(
        f"{path.name} holds neither hospital_*.parquet, nor hourly tables (csv, parquet), "
        "nor FHIR Bundles (ndjson, json), or it mixes tables with Bundles"
    )


def _physionet2019(folder: Path) -> LocalData:
    reader = import_module("model.training.physionet2019")
    present = [h for h in reader.HOSPITALS if (folder / f"hospital_{h}.parquet").is_file()]
    sources = [reader.source_of(folder, hospital) for hospital in present]
    stays = [stay for hospital in present for stay in reader.read_stays(folder, hospital)]
    return LocalData(stays, "; ".join(f"{s.name} (SHA-256 {s.sha256})" for s in sources))


def _bundles(files: list[Path], site: str, now: datetime) -> LocalData:
    stays, unreadable = [], 0
    for text in (line for path in files for line in _documents(path)):
        try:
            snapshot = snapshot_from_bundle(strict_json.loads(text), read_at=now)
        except (BundleUnreadable, JsonRefused):
            unreadable += 1
            continue
        stays.append(stay_from_snapshot(snapshot, site=site))
    return LocalData(stays, f"{len(stays)} FHIR Bundles of {len(files)} file(s)", unreadable)


def _documents(path: Path) -> Iterator[bytes]:
    content = path.read_bytes()
    return iter([content]) if path.suffix == ".json" else (line for line in content.splitlines() if line.strip())


def stay_from_snapshot(snapshot: PatientSnapshot, *, site: str) -> "CohortStay":
    """A chart's whole course as one stay; hours count from its first result, when results became known."""
    make: Any = import_module("model.training.cohort").CohortStay
    known = {analyte: _usable(snapshot, analyte) for analyte in USED_ANALYTES}
    begins = min((m.available_at for found in known.values() for m in found), default=snapshot.read_at)
    series = {}
    for analyte, found in known.items():
        points = {(m.available_at - begins).total_seconds() / 3600.0: m.value for m in found}
        if points:
            series[analyte] = Series(list(points), list(points.values()))
    age = None if snapshot.birth_date is None else age_years(snapshot.birth_date, begins)
    stay: CohortStay = make(snapshot.patient_id, site, Timeline(age, snapshot.sex, series))
    return stay


def _usable(snapshot: PatientSnapshot, analyte: Any) -> list[Measurement]:
    found = [
        m
        for m in snapshot.measurements(analyte)
        if m.comparator is None and not m.preliminary and not m.day_only and believable(analyte, m.value)
    ]
    return sorted(found, key=lambda m: (m.available_at, m.at))
