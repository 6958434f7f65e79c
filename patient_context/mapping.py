"""FHIR -> PatientSnapshot: the room's front door for resources, Bundles and CDS prefetch (ADR 0002).

One bad resource becomes a `Rejected` and sinks nothing; unknown types are counted; the order of the input never
matters. `snapshot_from_prefetch` and `merge` live in `patient_context.prefetch`.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from model.snapshot import Incomplete, PatientSnapshot
from patient_context.assembly import patient_id_of, read_chart, snapshot_of
from patient_context.bundles import Entry, Unpacked, is_bundle, unpack
from patient_context.errors import BundleUnreadable
from patient_context.prefetch import PrefetchReading, merge, snapshot_from_prefetch
from patient_context.reading import DEFAULT_READING, SiteReading
from patient_context.shapes import Refused, fhir_id, text
from patient_context.subjects import subject_reference

__all__ = [
    "PrefetchReading",
    "merge",
    "snapshot_from_bundle",
    "snapshot_from_prefetch",
    "snapshot_from_resources",
]


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
    if not any(entry.kind == "Patient" for entry in unpacked.entries):
        chart.reject(
            "Patient", Refused("patient-missing", "The Bundle holds no Patient; age and sex are unknown.")
        )
    return snapshot_of(chart, patient_id=patient_id, incomplete=missing_from(unpacked))


def missing_from(unpacked: Unpacked) -> list[Incomplete]:
    """What a Bundle itself says it lacks. Which part is missing is unknown, so creatinine counts as incomplete."""
    found = []
    if unpacked.has_next:
        found.append(Incomplete("creatinine", "more-pages", "The Bundle is one page of several."))
    elif unpacked.falls_short:
        found.append(Incomplete("creatinine", "fewer-than-total", "The Bundle counts more results than it holds."))
    if unpacked.capped:
        found.append(
            Incomplete("creatinine", "too-many-entries", "The Bundle is too large and was not read whole.")
        )
    if unpacked.failures:
        found.append(Incomplete("bundle", "operation-outcome", "The EHR reported an error within the Bundle."))
    return found


def _whose(entries: list[Entry]) -> tuple[str, str | None]:
    """The id and fullUrl of the one patient: its Patient resource, else what all subjects agree on."""
    patients = {patient_id_of(entry): entry.full_url for entry in entries if entry.kind == "Patient"}
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
