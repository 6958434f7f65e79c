"""The twelve Synthea patients as outpatients: their moment is half an hour after their last creatinine."""

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sandbox.building.moments import Category, Moment
from sandbox.building.timing import DAY, Shift, seconds

Resource = dict[str, Any]
_HISTORY = 5 * 365 * DAY  # yearly visits: two years would leave almost nothing
_CREATININE = "38483-4"
_KEPT = {
    "Encounter": ("identifier", "status", "class", "type", "period"),
    "Condition": ("clinicalStatus", "verificationStatus", "code", "encounter", "onsetDateTime", "recordedDate"),
    "MedicationRequest": ("status", "intent", "medicationCodeableConcept", "encounter", "authoredOn"),
    "Procedure": ("status", "code", "encounter", "performedPeriod"),
    "Observation": (
        "status", "category", "code", "encounter", "effectiveDateTime", "issued", "valueQuantity", "component",
    ),
}  # fmt: skip
_PREFIX = {
    "Encounter": "enc",
    "Condition": "dx",
    "MedicationRequest": "rx",
    "Procedure": "proc",
    "Observation": "obs",
}


def read_synthea(folder: Path) -> Iterator[tuple[str, list[Resource]]]:
    """(record number, resources) of each patient; record numbers are ours, counting up from 90000001."""
    for number, path in enumerate(sorted(folder.glob("*-*-*.json.gz")), start=90000001):
        with gzip.open(path, "rt", encoding="utf-8") as text:
            bundle = json.load(text)
        if bundle.get("resourceType") == "Bundle":
            yield str(number), [entry["resource"] for entry in bundle["entry"]]


def moment_of(resources: list[Resource]) -> Moment:
    """Half an hour after the last creatinine: results of a visit are looked at on the same day."""
    last = max(seconds(r["effectiveDateTime"]) for r in resources if _is_creatinine(r))
    return Moment(last + 1800, "", Category.NO_AKI)


def _is_creatinine(resource: Resource) -> bool:
    return resource["resourceType"] == "Observation" and any(
        coding["code"] == _CREATININE for coding in resource["code"]["coding"]
    )


def resources_of(record: str, resources: list[Resource], moment: Moment, dropped: Counter[str]) -> list[Resource]:
    """The patient's resources as known at the moment, Patient first."""
    shift = Shift(moment.at)
    patient = next(r for r in resources if r["resourceType"] == "Patient")
    kept = [r for r in resources if r["resourceType"] in _KEPT and _kept(r, shift, dropped)]
    kept.sort(key=lambda r: (r["resourceType"], _time_of(r) or "", r["id"]))
    counts: Counter[str] = Counter()
    ids: dict[str, str] = {}
    for resource in kept:
        counts[resource["resourceType"]] += 1
        ids[resource["id"]] = f"{_PREFIX[resource['resourceType']]}-{record}-{counts[resource['resourceType']]:04}"
    return [_patient(record, patient, shift), *(_build(r, ids, shift) for r in kept)]


def _time_of(resource: Resource) -> str | None:
    for key in ("effectiveDateTime", "authoredOn", "recordedDate", "onsetDateTime"):
        if key in resource:
            return str(resource[key])
    for key in ("period", "performedPeriod"):
        if key in resource:
            return str(resource[key]["start"])
    return None


def _kept(resource: Resource, shift: Shift, dropped: Counter[str]) -> bool:
    at = _time_of(resource)
    if at is None or seconds(at) > shift.moment:
        dropped["Synthea: later than the moment"] += 1
        return False
    lasting = resource["resourceType"] == "Condition" or resource.get("status") == "active"
    if not lasting and seconds(at) < shift.moment - _HISTORY:
        dropped["Synthea: older than five years"] += 1
        return False
    if resource["resourceType"] == "Observation" and not ({"valueQuantity", "component"} & resource.keys()):
        dropped["Synthea: Observation without a quantity"] += 1
        return False
    return True


def _build(resource: Resource, ids: dict[str, str], shift: Shift) -> Resource:
    built: Resource = {"resourceType": resource["resourceType"], "id": ids[resource["id"]]}
    for key in _KEPT[resource["resourceType"]]:
        if key in resource:
            built[key] = _shifted(resource[key], shift)
    encounter = ids.get(str(built.pop("encounter", {}).get("reference", "")).rpartition(":")[2])
    if encounter:
        built["encounter"] = {"reference": f"Encounter/{encounter}"}
    if (
        resource["resourceType"] == "Condition"
        and seconds(resource.get("abatementDateTime", "9999-01-01T00:00:00+00:00")) <= shift.moment
    ):
        built["abatementDateTime"] = shift.time(seconds(resource["abatementDateTime"]))
    return built


def _shifted(value: Any, shift: Shift) -> Any:
    """The value with every time counted from the moment, and numbers cut to what a laboratory would print."""
    if isinstance(value, dict):
        return {
            k: _number(v) if k == "value" else _shifted(v, shift)
            for k, v in value.items()
            if not _later(k, v, shift)
        }
    if isinstance(value, list):
        return [_shifted(item, shift) for item in value]
    if isinstance(value, str) and len(value) >= 20 and value[4] == "-" and value[10] == "T":
        return shift.time(min(seconds(value), shift.moment))
    return value


def _later(key: str, value: Any, shift: Shift) -> bool:
    return key == "end" and isinstance(value, str) and seconds(value) > shift.moment


def _number(value: Any) -> Any:
    return float(f"{value:.3g}") if isinstance(value, float) else value


def _patient(record: str, patient: Resource, shift: Shift) -> Resource:
    name = patient["name"][0]
    given = "".join(c for c in name["given"][0] if not c.isdigit())
    family = "".join(c for c in name["family"] if not c.isdigit())
    mr = {
        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}],
        "text": "Medical record number",
    }
    return {
        "resourceType": "Patient",
        "identifier": [
            {"use": "usual", "type": mr, "system": "http://hospital.smarthealthit.org", "value": record},
            {"system": "https://github.com/synthetichealth/synthea", "value": patient["id"]},
        ],
        "active": True,
        "name": [{"use": "official", "text": f"{given} {family}", "family": family, "given": [given]}],
        "gender": patient["gender"],
        "birthDate": shift.day(patient["birthDate"]),
        "extension": [
            e for e in patient.get("extension", []) if e["url"].startswith("http://hl7.org/fhir/us/core")
        ],
    }
