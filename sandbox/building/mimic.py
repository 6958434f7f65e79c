"""The MIMIC-IV demo as FHIR resources of the embedded EHR: one patient at a time, as known at the demo moment."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.building import codes
from sandbox.building.clinical import condition, procedure
from sandbox.building.encounters import Encounters
from sandbox.building.events import Event, read_events, read_ndjson
from sandbox.building.medications import MedicationNames
from sandbox.building.moments import Course, Moment, Stay
from sandbox.building.observations import ObservationBuilder
from sandbox.building.orders import administrations, requests
from sandbox.building.timing import DAY, Shift, seconds

Resource = dict[str, Any]
_FILES = {
    "Encounter": "Encounter",
    "EncounterICU": "EncounterICU",
    "EncounterED": "EncounterED",
    "Condition": "Condition",
    "MedicationRequest": "MedicationRequest",
    "MedicationAdministration": "MedicationAdministration",
    "MedicationAdministrationICU": "MedicationAdministrationICU",
    "Procedure": "Procedure",
    "ProcedureICU": "ProcedureICU",
    "Output": "ObservationOutputevents",
    "EmergencyVital": "ObservationVitalSignsED",
}
RECORD_SYSTEM = "http://mimic.mit.edu/fhir/mimic/identifier/patient"


@dataclass(slots=True)
class Source:
    """Everything read for one patient, still with the source's own times and codes."""

    record: str
    patient: Resource
    events: list[Event] = field(default_factory=list)
    files: dict[str, list[Resource]] = field(default_factory=lambda: defaultdict(list))


@dataclass(frozen=True, slots=True)
class Mimic:
    """The read source: patients by record number, medication names, ward names."""

    patients: dict[str, Source]
    names: MedicationNames
    wards: dict[str, str]


def read_mimic(folder: Path, events_folder: Path, dropped: Counter[str]) -> Mimic:
    """Read both forms of the MIMIC-IV demo: `folder` holds the FHIR ndjson, `events_folder` the MEDS parquet."""
    ids: dict[str, str] = {}
    patients: dict[str, Source] = {}
    for patient in read_ndjson(folder / "MimicPatient.ndjson.gz"):
        record = patient["identifier"][0]["value"]
        ids[patient["id"]] = record
        patients[record] = Source(record, patient)
    for name, file in _FILES.items():
        for resource in read_ndjson(folder / f"Mimic{file}.ndjson.gz"):
            patients[ids[resource["subject"]["reference"].rpartition("/")[2]]].files[name].append(resource)
    for record, events in read_events(events_folder, codes.READ_ITEMS, dropped).items():
        patients[record].events = events
    return Mimic(
        patients=dict(sorted(patients.items())),
        names=MedicationNames(
            read_ndjson(folder / "MimicMedication.ndjson.gz"), read_ndjson(folder / "MimicMedicationMix.ndjson.gz")
        ),
        wards={w["id"]: w["name"] for w in read_ndjson(folder / "MimicLocation.ndjson.gz")},
    )


def course_of(source: Source) -> Course:
    """What choosing a demo moment needs: creatinine, stays and dialysis."""
    series = {
        e.at: e.value for e in source.events if e.item == codes.CREATININE_ITEM and e.unit == "mg/dL" and e.value
    }
    intensive: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for stay in source.files["EncounterICU"]:
        intensive[stay["partOf"]["reference"].rpartition("/")[2]].append(_period(stay["period"]))
    stays = [
        Stay(e["identifier"][0]["value"], *_period(e["period"]), tuple(sorted(intensive[e["id"]])))
        for e in source.files["Encounter"]
    ]
    return Course(
        record=source.record,
        creatinine=tuple(sorted(series.items())),
        stays=tuple(sorted(stays, key=lambda stay: stay.start)),
        dialysis=tuple(sorted(_dialysis(source))),
    )


def _dialysis(source: Source) -> Iterator[tuple[float, float]]:
    for done in source.files["ProcedureICU"]:
        if done["code"]["coding"][0]["code"] in codes.DIALYSIS_ITEMS:
            yield _period(done["performedPeriod"])
    for done in source.files["Procedure"]:
        if done["code"]["coding"][0]["code"] in codes.DIALYSIS_ICD:
            day = seconds(done["performedDateTime"])
            yield day + DAY, day + 2 * DAY  # the source names a day only: known from the day after


def _period(period: Resource) -> tuple[float, float]:
    return seconds(period["start"]), seconds(period["end"])


def resources_of(
    source: Source, mimic: Mimic, moment: Moment, name: tuple[str, str], dropped: Counter[str]
) -> list[Resource]:
    """All resources of one patient as known at `moment`, Patient first."""
    shift = Shift(moment.at)
    encounters = Encounters(source, shift, mimic.wards)
    observations = ObservationBuilder(shift, dropped, encounters.reference_at)
    files = source.files
    built: list[Resource] = [_patient(source, shift, name), *encounters.resources()]
    for diagnosis in files["Condition"]:
        built.extend(condition(diagnosis, encounters, dropped))
    for done in [*files["ProcedureICU"], *files["Procedure"]]:
        built.extend(procedure(done, encounters, shift, dropped))
    ordered, names_by_request = requests(files["MedicationRequest"], mimic.names, encounters, shift, dropped)
    built.extend(ordered)
    given = [*files["MedicationAdministration"], *files["MedicationAdministrationICU"]]
    built.extend(administrations(given, mimic.names, names_by_request, encounters, shift, dropped))
    built.extend(observations.from_events(source.events))
    built.extend(observations.urine(files["Output"]))
    built.extend(observations.emergency(files["EmergencyVital"]))
    return built


def _patient(source: Source, shift: Shift, name: tuple[str, str]) -> Resource:
    """Who the patient is. The date of death, if any, is later than the moment and is left out."""
    patient = source.patient
    given, family = name
    kept = ("extension", "gender", "maritalStatus", "communication")
    return {
        "resourceType": "Patient",
        "identifier": [
            {
                "use": "usual",
                "type": {
                    "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}],
                    "text": "Medical record number",
                },
                "system": RECORD_SYSTEM,
                "value": source.record,
            }
        ],
        "active": True,
        "name": [{"use": "official", "text": f"{given} {family}", "family": family, "given": [given]}],
        "birthDate": shift.day(patient["birthDate"]),
        **{key: patient[key] for key in kept if key in patient},
    }
