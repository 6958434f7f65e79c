"""Entries -> chart -> snapshot: each resource checked for whose it is, read by its type, never sinking another."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from itertools import chain
from typing import Any, Final

from model.analytes import Analyte
from model.sentences import Sentence
from model.snapshot import Incomplete, Measurement, PatientSnapshot
from patient_context.administrations import add_administration
from patient_context.bundles import Entry
from patient_context.chart import Chart
from patient_context.demographics import add_patient
from patient_context.imaging import add_imaging
from patient_context.medications import add_medication
from patient_context.observations import add_observation
from patient_context.problems import add_condition, add_procedure
from patient_context.reading import SiteReading
from patient_context.results import Result
from patient_context.series import settle_series
from patient_context.shapes import Json, Refused, fhir_id
from patient_context.stays import add_encounter
from patient_context.subjects import SubjectCheck, subject_reference
from patient_context.unit_stays import distinct_stays
from patient_context.versions import newest_versions

_ADD: Final[dict[str, Callable[[Chart, Json, str], None]]] = {
    "Condition": add_condition,
    "Procedure": add_procedure,
    "MedicationRequest": add_medication,
    "MedicationAdministration": add_administration,
    "MedicationStatement": add_medication,
    "Encounter": add_encounter,
    "ImagingStudy": add_imaging,
}


def patient_id_of(entry: Entry) -> str | None:
    """The Patient's id; in a Bundle of new resources the tail of its urn:uuid."""
    return entry.id or fhir_id((entry.full_url or "").rpartition(":")[2])


def read_chart(
    entries: Iterable[Entry],
    *,
    patient_id: str,
    read_at: datetime,
    reading: SiteReading,
    base_url: str | None = None,
    patient_full_url: str | None = None,
) -> Chart:
    """Read every entry into a chart; nothing of another patient is read."""
    chart = Chart(read_at, reading)
    subject = SubjectCheck(patient_id, base_url=base_url, full_url=patient_full_url)
    newest, others = newest_versions(entries, chart)
    _index_medications(chart, chain(newest.values(), others))
    for reference, entry in newest.items():
        _add(chart, entry, reference, subject, patient_id)
    for entry in others:
        _add(chart, entry, None, subject, patient_id)
    return chart


def _index_medications(chart: Chart, entries: Iterable[Entry]) -> None:
    for entry in entries:
        resource = entry.resource
        if not isinstance(resource, Result) and resource.get("resourceType") == "Medication":
            for key in (entry.full_url, f"Medication/{resource.get('id')}"):
                if key:
                    chart.medication_resources[key] = resource


def _add(chart: Chart, entry: Entry, reference: str | None, subject: SubjectCheck, patient_id: str) -> None:
    """Read one entry; `reference` is its "Type/id" if it has a well-formed id."""
    resource, source = entry.resource, reference or _source(entry)
    try:
        if isinstance(resource, Result):
            subject.require(resource.subject_reference)
            add_observation(chart, resource, source)
        elif isinstance(kind := resource.get("resourceType"), str) and kind in _ADD:
            subject.require(subject_reference(resource))
            _ADD[kind](chart, resource, source)
        elif kind == "Patient":
            _add_the_patient(chart, entry, resource, patient_id)
        else:
            _add_unread(chart, entry, resource, subject)
    except Refused as refusal:
        chart.reject(source, refusal)


def _add_the_patient(chart: Chart, entry: Entry, resource: Json, patient_id: str) -> None:
    if patient_id_of(entry) != patient_id:
        chart.reject("Patient", Refused("other-patient", "It is another patient and was not read."))
        return
    add_patient(chart, resource, _source(entry))


def _add_unread(chart: Chart, entry: Entry, resource: Json, subject: SubjectCheck) -> None:
    """A type that says nothing here; another patient's resource is reported all the same."""
    reference = subject_reference(resource)
    if reference is not None:
        try:
            subject.require(reference)
        except Refused as refusal:
            if refusal.code == "other-patient":
                chart.reject(_source(entry), refusal)
                return
    chart.ignored["other-resource-type"] += 1


def _source(entry: Entry) -> str:
    """The relative reference of a resource; without a well-formed id, its urn or its type alone."""
    kind = entry.kind
    if not isinstance(kind, str) or (kind not in _ADD and not (kind.isalpha() and len(kind) <= 64)):
        kind = "Resource"
    if found := entry.id:
        return f"{kind}/{found}"
    full_url = entry.full_url or ""
    return full_url if full_url.startswith("urn:uuid:") and fhir_id(full_url[9:]) else kind


def snapshot_of(
    chart: Chart, *, patient_id: str, incomplete: Iterable[Incomplete] = (), not_read: Iterable[Incomplete] = ()
) -> PatientSnapshot:
    """The finished snapshot, everything in an order that does not depend on the input's."""
    series = settle_series(chart)
    known = chart.demographics
    return PatientSnapshot(
        patient_id=patient_id,
        read_at=chart.read_at,
        birth_date=known.birth_date,
        sex=known.sex,
        series=series,
        problems=tuple(sorted(chart.problems, key=_by_source)),
        procedures=tuple(sorted(chart.procedures, key=_by_source)),
        medications=tuple(sorted(chart.medications, key=_by_source)),
        stays=tuple(sorted(chart.stays, key=_by_source)),
        given=tuple(sorted(chart.given, key=lambda one: _by_source(one.drug))),
        operations=tuple(sorted(chart.operations, key=_by_source)),
        contrast=tuple(sorted(chart.contrast, key=_by_source)),
        unit_stays=distinct_stays(chart.unit_stays),
        rejected=tuple(sorted(chart.rejected, key=lambda r: (r.resource, r.code, r.reason))),
        incomplete=(*incomplete, *_assumptions(chart, series)),
        not_read=tuple(not_read),
        name=known.name,
        record_number=known.record_number,
        deceased=known.deceased,
    )


def _by_source(item: Any) -> tuple[str, str]:
    return (item.source, repr(item))


def _assumptions(chart: Chart, series: Mapping[Analyte, tuple[Measurement, ...]]) -> list[Incomplete]:
    if not chart.zones_assumed:
        return []
    used = {measurement.source for found in series.values() for measurement in found}
    count = sum(source in used for source in chart.zones_assumed)
    if not count:
        return []
    sentence = Sentence(
        "{count} results give no UTC offset and were read as {zone}.",
        count=count,
        zone=str(chart.reading.time_zone),
    )
    return [Incomplete("times", "offset-assumed", sentence)]
