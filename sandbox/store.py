"""The embedded EHR's records: real, de-identified patients whose demo moment is "now", and what clients create.

`index.json` is read at start; a patient's resources are unpacked and shifted in time when first asked for, and the
few most recently used patients stay unpacked. The shift happens here only: nothing else knows the stored dates.
"""

from __future__ import annotations

import gzip
import json
import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Any

from sandbox.dressing import dress_for, medication_of, with_ids
from sandbox.errors import DataSetUnreadable
from sandbox.ids import id_shape
from sandbox.profiles import STANDARD
from sandbox.vendor import VendorProfile

Resource = dict[str, Any]

BUNDLED_PATIENTS = Path(__file__).parent / "patients"
_KEPT_UNPACKED = 16
# Stored times are always written this way (see building/writing.py), so no other text can match.
_STORED_TIME = re.compile(rb'"\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\dZ)?"')


@dataclass(frozen=True, slots=True)
class PatientSummary:
    """One line of the EHR's patient list.

    `category` says what the demo moment shows, `findings` what the chart holds; neither is served as FHIR.
    """

    id: str
    name: str
    age_years: int
    sex: str
    record_number: str
    category: str
    source: str
    creatinine: float | None = None
    creatinine_unit: str | None = None
    creatinine_at: datetime | None = None
    findings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Entry:
    """Where one patient lies in the data file, and the index's own words about it."""

    offset: int
    length: int
    words: Mapping[str, Any]


class PatientStore:
    """Reads by patient; thread-safe. Stored resources never change; created ones live in memory only."""

    def __init__(
        self,
        data: bytes,
        entries: Mapping[str, _Entry],
        anchor: datetime,
        now: datetime,
        profile: VendorProfile = STANDARD,
    ) -> None:
        self.now = now.replace(microsecond=0)
        self._data = data
        self._ids = id_shape(profile.ids)
        self._drugs_by_reference = profile.drugs_by_reference
        self._dress = dress_for(profile, self._ids)
        self._entries = {self._ids.outward(record): entry for record, entry in entries.items()}
        self._shift = self.now - anchor
        self._days = self.now.date() - anchor.date()
        self._unpacked: OrderedDict[str, dict[str, list[Resource]]] = OrderedDict()
        self._patients: dict[str, list[Resource]] = {}
        self._created: dict[str, list[Resource]] = {}
        self._numbers = 0
        self._lock = Lock()

    @classmethod
    def load(cls, path: Path, now: datetime, profile: VendorProfile = STANDARD) -> PatientStore:
        """Open the data set in folder `path`; `now` (with time zone) becomes every patient's demo moment.

        Resources and ids are worded as `profile` says, everywhere outside this store.

        Raises DataSetUnreadable when a file is missing or the two do not belong together.
        """
        try:
            index = json.loads((path / "index.json").read_text(encoding="utf-8"))
            data = (path / index["data"]).read_bytes()
            entries = {p["id"]: _Entry(p["offset"], p["length"], p) for p in index["patients"]}
            anchor = datetime.fromisoformat(index["anchor"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataSetUnreadable(f"the patient data set cannot be read: {type(error).__name__}") from error
        if any(entry.offset + entry.length > len(data) for entry in entries.values()):
            raise DataSetUnreadable("the patient data set is shorter than its index says")
        return cls(data, entries, anchor, now, profile)

    def patient_ids(self) -> tuple[str, ...]:
        return tuple(self._entries)

    def patients(self) -> tuple[PatientSummary, ...]:
        """Every patient's summary, in the data set's order."""
        return tuple(self.summary(patient_id) for patient_id in self._entries)

    def summary(self, patient_id: str) -> PatientSummary:
        """One patient's line of the list. Raises KeyError for an unknown patient."""
        words = self._entries[patient_id].words
        creatinine = words.get("creatinine", {})
        at = creatinine.get("at")
        return PatientSummary(
            id=patient_id,
            name=words["name"],
            age_years=_age(date.fromisoformat(words["birth_date"]) + self._days, self.now.date()),
            sex=words["sex"],
            record_number=words["record"],
            category=words["category"],
            source=words["source"],
            creatinine=creatinine.get("value"),
            creatinine_unit=creatinine.get("unit"),
            creatinine_at=self._time(at.removesuffix("Z")) if at else None,
            findings=tuple(words["findings"]),
        )

    def resources(self, patient_id: str, resource_type: str) -> list[Resource]:
        """One patient's resources of one type, created ones last. Callers must not change them."""
        if patient_id not in self._entries:
            return []
        if resource_type == "Patient":
            stored = self._demographics(patient_id)
        else:
            stored = self._stored(patient_id).get(resource_type, [])
        with self._lock:
            created = [r for r in self._created.get(patient_id, []) if r["resourceType"] == resource_type]
        return stored + created

    def read(self, resource_type: str, resource_id: str) -> tuple[str, Resource] | None:
        """The owning patient's id and the resource, or None. Ids carry their patient's record number."""
        for patient_id in self._owners(resource_type, resource_id):
            for resource in self.resources(patient_id, resource_type):
                if resource["id"] == resource_id:
                    return patient_id, resource
        return None

    def _owners(self, resource_type: str, resource_id: str) -> list[str]:
        stored = self._ids.inward(resource_id)
        record = stored if resource_type == "Patient" else stored.partition("-")[2].partition("-")[0]
        owner = self._ids.outward(record)
        return [owner] if owner in self._entries else []

    def create(self, patient_id: str, resource: Resource, *, at: datetime) -> Resource:
        """Keep a new resource and return it with id and meta. Raises KeyError for an unknown patient."""
        if patient_id not in self._entries:
            raise KeyError(patient_id)
        with self._lock:
            self._numbers += 1
            meta = {
                **resource.get("meta", {}),
                "versionId": "1",
                "lastUpdated": at.isoformat(timespec="milliseconds"),
            }
            own_id = self._ids.outward(f"new-{self._ids.inward(patient_id)}-{self._numbers}")
            kept = {**resource, "id": own_id, "meta": meta}
            self._created.setdefault(patient_id, []).append(kept)
        return kept

    def _stored(self, patient_id: str) -> dict[str, list[Resource]]:
        with self._lock:
            if patient_id in self._unpacked:
                self._unpacked.move_to_end(patient_id)
                return self._unpacked[patient_id]
        by_type = self._unpack(self._entries[patient_id])
        with self._lock:
            self._unpacked[patient_id] = by_type
            while len(self._unpacked) > _KEPT_UNPACKED:
                self._unpacked.popitem(last=False)
        return by_type

    def _demographics(self, patient_id: str) -> list[Resource]:
        """The Patient alone, the first line of its chart: a search over everybody must not unpack every chart."""
        with self._lock:
            known = self._patients.get(patient_id)
        if known is None:
            entry = self._entries[patient_id]
            with gzip.open(BytesIO(self._data[entry.offset : entry.offset + entry.length])) as chart:
                known = self._read_lines(chart.readline())["Patient"]
            with self._lock:
                self._patients[patient_id] = known
        return known

    def _unpack(self, entry: _Entry) -> dict[str, list[Resource]]:
        return self._read_lines(gzip.decompress(self._data[entry.offset : entry.offset + entry.length]))

    def _read_lines(self, lines: bytes) -> dict[str, list[Resource]]:
        shifted: dict[bytes, bytes] = {}  # most times occur many times over

        def replaced(match: re.Match[bytes]) -> bytes:
            stored = match[0]
            if stored not in shifted:
                shifted[stored] = self._shifted(stored.strip(b'"').decode())
            return shifted[stored]

        by_type: dict[str, list[Resource]] = {}
        for line in _STORED_TIME.sub(replaced, lines).splitlines():
            resource = json.loads(line)
            resource["meta"] = {"versionId": "1", "lastUpdated": self._last_updated(resource)}
            by_type.setdefault(resource["resourceType"], []).append(self._dress(resource))
            if self._drugs_by_reference and resource["resourceType"] == "MedicationRequest":
                medication = {**medication_of(resource), "meta": resource["meta"]}
                by_type.setdefault("Medication", []).append(with_ids(medication, self._ids))
        return by_type

    def _shifted(self, stored: str) -> bytes:
        if stored.endswith("Z"):
            return f'"{self._time(stored.removesuffix("Z")).isoformat()}"'.encode()
        return f'"{(date.fromisoformat(stored) + self._days).isoformat()}"'.encode()

    def _time(self, stored: str) -> datetime:
        shifted = datetime.fromisoformat(stored + "+00:00") + self._shift
        return shifted.astimezone(self.now.tzinfo)

    def _last_updated(self, resource: Resource) -> str:
        """When the record last changed: its issue, end or own time; for those without a time, the moment."""
        for key in ("issued", "effectiveDateTime", "authoredOn", "recordedDate"):
            text = resource.get(key, "")
            if len(text) > len("2000-01-01"):
                return str(text)
        for key in ("effectivePeriod", "performedPeriod", "period"):
            period = resource.get(key, {})
            if period:
                return str(period.get("end", period["start"]))
        return self.now.isoformat()


def _age(born: date, today: date) -> int:
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))
