"""FHIR resources -> PatientSnapshot, entry by entry (ADR 0002).

One bad resource becomes a `Rejected` and sinks nothing. Whose resource it is, is checked first; unknown types
are counted; the order of the input never matters.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final

from model.snapshot import Incomplete, PatientSnapshot
from patient_context.bundles import Entry, Unpacked, is_bundle, unpack
from patient_context.chart import Chart
from patient_context.demographics import add_patient
from patient_context.errors import BundleUnreadable
from patient_context.medications import add_medication
from patient_context.observations import add_observation
from patient_context.problems import add_condition, add_procedure
from patient_context.reading import DEFAULT_READING, SiteReading
from patient_context.series import settle_series
from patient_context.shapes import Json, Refused, fhir_id, text
from patient_context.stays import add_encounter
from patient_context.subjects import SubjectCheck, subject_reference
from patient_context.versions import newest_versions

_ADD: Final[dict[str, Callable[[Chart, Json, str], None]]] = {
    "Observation": add_observation,
    "Condition": add_condition,
    "Procedure": add_procedure,
    "MedicationRequest": add_medication,
    "MedicationAdministration": add_medication,
    "MedicationStatement": add_medication,
    "Encounter": add_encounter,
}


def snapshot_from_resources(
    resources: Iterable[Any],
    *,
    patient_id: str,
    read_at: datetime,
    reading: SiteReading = DEFAULT_READING,
    incomplete: Iterable[Incomplete] = (),
    base_url: str | None = None,
) -> PatientSnapshot:
    """The snapshot of one patient from resources of any origin. Never raises for their content."""
    entries = [Entry(resource) for resource in resources if isinstance(resource, dict)]
    chart = read_chart(entries, patient_id=patient_id, read_at=read_at, reading=reading, base_url=base_url)
    return snapshot_of(chart, patient_id=patient_id, incomplete=incomplete)


def snapshot_from_bundle(
    bundle: Any, *, read_at: datetime, reading: SiteReading = DEFAULT_READING
) -> PatientSnapshot:
    """The snapshot of the one patient a Bundle of any type is about.

    Raises BundleUnreadable: `not-a-bundle`, `no-patient`, `several-patients`.
    """
    if not is_bundle(bundle):
        raise BundleUnreadable("not-a-bundle", "The input is not a FHIR Bundle.")
    unpacked = unpack(bundle)
    patient_id, full_url = _whose(unpacked.entries)
    chart = read_chart(
        unpacked.entries, patient_id=patient_id, read_at=read_at, reading=reading, patient_full_url=full_url
    )
    if not any(entry.resource.get("resourceType") == "Patient" for entry in unpacked.entries):
        chart.reject(
            "Patient", Refused("patient-missing", "The Bundle holds no Patient; age and sex are unknown.")
        )
    return snapshot_of(chart, patient_id=patient_id, incomplete=missing_from(unpacked))


def missing_from(unpacked: Unpacked) -> list[Incomplete]:
    """What a Bundle itself says it lacks. Which part is missing is unknown, so creatinine counts as incomplete."""
    found = []
    if unpacked.has_next:
        found.append(Incomplete("creatinine", "more-pages", "The Bundle is one page of several."))
    if unpacked.capped:
        found.append(
            Incomplete("creatinine", "too-many-entries", "The Bundle is too large and was not read whole.")
        )
    if unpacked.failures:
        found.append(Incomplete("bundle", "operation-outcome", "The EHR reported an error within the Bundle."))
    return found


def _whose(entries: list[Entry]) -> tuple[str, str | None]:
    """The id and fullUrl of the one patient: its Patient resource, else what all subjects agree on."""
    patients = {
        _patient_id(entry): entry.full_url for entry in entries if entry.resource.get("resourceType") == "Patient"
    }
    if len(patients) > 1:
        raise BundleUnreadable("several-patients", "The Bundle holds more than one patient.")
    for patient_id, full_url in patients.items():
        if patient_id is None:
            raise BundleUnreadable("no-patient", "The Patient has no usable id.")
        return patient_id, full_url
    references = {ref for entry in entries if (ref := text(subject_reference(entry.resource)))}
    ids = {ref.split("/_history/")[0].rpartition("Patient/")[2] for ref in references if "Patient/" in ref}
    if len(ids) > 1:
        raise BundleUnreadable("several-patients", "The Bundle holds no Patient, and its resources name several.")
    agreed = fhir_id(next(iter(ids), None))
    if agreed is None:
        raise BundleUnreadable("no-patient", "The Bundle holds no Patient and names none.")
    return agreed, None


def _patient_id(entry: Entry) -> str | None:
    """The Patient's id; in a Bundle of new resources the tail of its urn:uuid."""
    given = fhir_id(entry.resource.get("id"))
    return given or fhir_id((entry.full_url or "").rpartition(":")[2])


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
    current = newest_versions(entries, chart)
    _index_medications(chart, current)
    for entry in current:
        _add(chart, entry, subject, patient_id)
    return chart


def _index_medications(chart: Chart, entries: Iterable[Entry]) -> None:
    for entry in entries:
        if entry.resource.get("resourceType") == "Medication":
            for key in (entry.full_url, f"Medication/{entry.resource.get('id')}"):
                if key:
                    chart.medication_resources[key] = entry.resource


def _add(chart: Chart, entry: Entry, subject: SubjectCheck, patient_id: str) -> None:
    resource, kind = entry.resource, entry.resource.get("resourceType")
    source = _source(entry, kind)
    if kind == "Patient":
        _add_the_patient(chart, entry, source, patient_id)
        return
    add = _ADD.get(kind) if isinstance(kind, str) else None
    try:
        if add is not None or subject_reference(resource) is not None:
            subject.require(resource)
    except Refused as refusal:
        if add is not None or refusal.code == "other-patient":
            chart.reject(source, refusal)
            return
    if add is None:
        chart.ignored["other-resource-type"] += 1
        return
    add(chart, resource, source)


def _add_the_patient(chart: Chart, entry: Entry, source: str, patient_id: str) -> None:
    if _patient_id(entry) != patient_id:
        chart.reject("Patient", Refused("other-patient", "It is another patient and was not read."))
        return
    add_patient(chart, entry.resource, source)


def _source(entry: Entry, kind: Any) -> str:
    """The relative reference of a resource; without a well-formed id, its urn or its type alone."""
    kind = kind if isinstance(kind, str) and kind.isalpha() and len(kind) <= 64 else "Resource"
    if found := fhir_id(entry.resource.get("id")):
        return f"{kind}/{found}"
    full_url = entry.full_url or ""
    return full_url if full_url.startswith("urn:uuid:") and fhir_id(full_url[9:]) else kind


def snapshot_of(chart: Chart, *, patient_id: str, incomplete: Iterable[Incomplete] = ()) -> PatientSnapshot:
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
        rejected=tuple(sorted(chart.rejected, key=lambda r: (r.resource, r.code, r.reason))),
        incomplete=(*incomplete, *_assumptions(chart)),
        name=known.name,
        record_number=known.record_number,
        deceased=known.deceased,
    )


def _by_source(item: Any) -> tuple[str, str]:
    return (item.source, repr(item))


def _assumptions(chart: Chart) -> list[Incomplete]:
    if not chart.zones_assumed:
        return []
    sentence = f"{chart.zones_assumed} results give no UTC offset and were read as {chart.reading.time_zone}."
    return [Incomplete("times", "offset-assumed", sentence)]
