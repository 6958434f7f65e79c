"""FHIR as cohort stays, through the product's mapping: Bundles (one a patient) or resources as Bulk Data has them.

What the page would refuse is refused here by the same code. A stay is a hospital encounter with the emergency room
before it; a chart without encounters is one stay. Dialysis ends a stay, and a patient on maintenance dialysis has
none, as on the page.
"""

import gzip
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model.age import age_years
from model.applicability import exclusion
from model.features import Timeline
from model.hospital_stays import hospital_times
from model.snapshot import Concept, Measurement, PatientSnapshot
from patient_context import strict_json
from patient_context.demographics import COHORT_YEAR
from patient_context.errors import BundleUnreadable, JsonRefused
from patient_context.mapping import snapshot_from_bundle, snapshot_from_resources
from patient_context.subjects import subject_reference

if TYPE_CHECKING:
    from model.training.cohort import CohortStay

ENDINGS = (".ndjson", ".json", ".ndjson.gz", ".json.gz")
KEPT = ("Patient", "Observation", "Encounter", "Condition", "Procedure")
READ_AT = datetime(COHORT_YEAR, 1, 1, tzinfo=UTC)  # public data are shifted into the future: no date is too late
Progress = Callable[[str, int, int], None]


@dataclass(slots=True)
class FhirReading:
    """The stays read, and what a reader of the report must know was not."""

    stays: list["CohortStay"] = field(default_factory=list)
    patients: int = 0
    unreadable: int = 0
    not_staged: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    def add(self, snapshot: PatientSnapshot, site: str) -> None:
        """The stays of one patient."""
        self.patients += 1
        self.refused.update(rejected.code for rejected in snapshot.rejected)
        for stay in stays_from_snapshot(snapshot, site=site, left_out=self.not_staged):
            self.stays.append(stay)


def is_fhir(path: Path) -> bool:
    """Whether a file's name is one FHIR comes in."""
    return path.name.endswith(ENDINGS)


def read_fhir(files: list[Path], site: str, progress: Progress) -> FhirReading:
    """Every patient of the files. A document that cannot be read is counted and stops nothing."""
    reading, loose = FhirReading(), defaultdict[str, list[Any]](list)
    for number, path in enumerate(files):
        progress("reading FHIR", number, len(files))
        for text in _documents(path):
            try:
                _add(reading, loose, strict_json.loads(text), site)
            except (BundleUnreadable, JsonRefused):
                reading.unreadable += 1
    for number, patient_id in enumerate(sorted(loose)):
        if number % 50 == 0:
            progress("mapping patients", number, len(loose))
        reading.add(snapshot_from_resources(loose.pop(patient_id), patient_id=patient_id, read_at=READ_AT), site)
    return reading


def _add(reading: FhirReading, loose: dict[str, list[Any]], document: Any, site: str) -> None:
    kind = document.get("resourceType") if isinstance(document, dict) else None
    if kind in KEPT:
        reference = f"/{document.get('id')}" if kind == "Patient" else subject_reference(document)
        loose[str(reference).rpartition("/")[2]].append(document)
    elif kind in (None, "Bundle"):
        reading.add(snapshot_from_bundle(document, read_at=READ_AT), site)


def _documents(path: Path) -> Iterator[bytes]:
    """One document a line, or the whole file; packed or not."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rb") as content:
        if ".ndjson" in path.suffixes:
            yield from (line for line in content if line.strip())
        else:
            yield content.read()


def stays_from_snapshot(
    snapshot: PatientSnapshot, *, site: str, left_out: Counter[str] | None = None
) -> Iterator["CohortStay"]:
    """A chart's hospital stays; hours count from the first. Those the page would not stage are counted instead."""
    cohort: Any = import_module("model.training.cohort")
    known = _measurements(snapshot)
    if not known:
        return
    spans = _spans(snapshot, known)
    zero = spans[0][0]
    series, known_hours = _courses(known, zero, cohort)
    for begin, end in spans:
        reason = exclusion(replace(snapshot, deceased=False), begin)
        if reason is not None:
            if left_out is not None:
                left_out[reason.code] += 1
            continue
        born = snapshot.birth_date
        stay: CohortStay = cohort.CohortStay(
            snapshot.patient_id,
            site,
            Timeline(None if born is None else age_years(born, begin), snapshot.sex, series),
            known_hours=known_hours,
            begins=cohort.on_grid((begin - zero).total_seconds() / 3600.0),
            ends=cohort.on_grid((_undialysed(snapshot, begin, end) - zero).total_seconds() / 3600.0),
            period=str(begin.year),
            calendar=None if born is None else cohort.Calendar(zero, born),
        )
        yield stay


def _measurements(snapshot: PatientSnapshot) -> list[Measurement]:
    """What may enter the features: final, exact, timed to the hour; of one instant what counts comes last."""
    found = (m for course in snapshot.series.values() for m in course)
    usable = (m for m in found if m.comparator is None and not m.preliminary and not m.day_only)
    return sorted(usable, key=lambda m: (m.at, m.available_at, m.value, m.source))


def _spans(snapshot: PatientSnapshot, known: list[Measurement]) -> list[tuple[datetime, datetime]]:
    times = hospital_times(snapshot.stays, READ_AT)
    instants = [datetime.fromtimestamp(second, UTC) for second in (*times.starts, *times.ends)]
    spans = list(zip(instants[: len(times.starts)], instants[len(times.starts) :], strict=True))
    return spans or [(known[0].at, READ_AT)]


def _undialysed(snapshot: PatientSnapshot, begin: datetime, end: datetime) -> datetime:
    """The end of the stay, or its first dialysis: from then on creatinine tells of the machine."""
    started = (p.start_at for p in snapshot.procedures if Concept.DIALYSIS_PROCEDURE in p.concepts)
    return min([end, *(at for at in started if at is not None and begin < at)])


def _courses(known: Iterable[Measurement], zero: datetime, cohort: Any) -> tuple[dict[Any, Any], dict[Any, Any]]:
    points = defaultdict(list)
    for m in known:
        at, available = ((moment - zero).total_seconds() / 3600.0 for moment in (m.at, m.available_at))
        points[m.analyte].append((at, m.value, available))
    found = {analyte: cohort.known_series_of(given, analyte) for analyte, given in points.items()}
    kept = {analyte: course for analyte, course in found.items() if course is not None}
    return {a: course for a, (course, _) in kept.items()}, {a: hours for a, (_, hours) in kept.items()}
