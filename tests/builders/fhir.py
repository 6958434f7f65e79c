"""Small FHIR R4 resources for tests: valid by default, every member replaceable, `None` removes one.

bundle(patient(), observation("2160-0", 1.8, "mg/dL", at="2026-03-01T08:00:00Z"))
"""

from datetime import datetime
from typing import Any

Json = dict[str, Any]

LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
PATIENT_ID = "p1"
AT = "2026-03-01T08:00:00Z"


def _with(resource: Json, changes: Json) -> Json:
    """The resource with members replaced; a member set to None disappears."""
    return {name: value for name, value in {**resource, **changes}.items() if value is not None}


def concept(system: str, code: str, text: str | None = None) -> Json:
    """A CodeableConcept of one coding."""
    return _with({"coding": [{"system": system, "code": code}]}, {"text": text})


def subject(patient_id: str = PATIENT_ID) -> Json:
    """A relative reference to a patient."""
    return {"reference": f"Patient/{patient_id}"}


def patient(patient_id: str = PATIENT_ID, **changes: Any) -> Json:
    """A woman born in 1960."""
    resource = {"resourceType": "Patient", "id": patient_id, "gender": "female", "birthDate": "1960-05-04"}
    return _with(resource, changes)


def quantity(value: Any, unit: str | None, **changes: Any) -> Json:
    """A Quantity whose unit is a UCUM code; `unit=None` leaves the unit out."""
    given = {"value": value} if unit is None else {"value": value, "unit": unit, "system": UCUM, "code": unit}
    return _with(given, changes)


_numbers = iter(range(1, 10**9))


def observation(
    loinc: str = "2160-0",
    value: Any = 1.0,
    unit: str | None = "mg/dL",
    at: str | datetime | None = AT,
    **changes: Any,
) -> Json:
    """A final laboratory result, by default a creatinine of 1.0 mg/dL. Ids count up unless given."""
    resource = {
        "resourceType": "Observation",
        "id": f"o{next(_numbers)}",
        "status": "final",
        "category": [concept("http://terminology.hl7.org/CodeSystem/observation-category", "laboratory")],
        "code": concept(LOINC, loinc),
        "subject": subject(),
        "effectiveDateTime": at.isoformat() if isinstance(at, datetime) else at,
        "valueQuantity": quantity(value, unit),
    }
    return _with(resource, changes)


def blood_pressure(systolic: float, diastolic: float, at: str = AT, **changes: Any) -> Json:
    """A blood pressure panel: the values sit in its components."""
    parts = [("8480-6", systolic), ("8462-4", diastolic)]
    components = [{"code": concept(LOINC, code), "valueQuantity": quantity(v, "mm[Hg]")} for code, v in parts]
    return observation("85354-9", at=at, **{"valueQuantity": None, "component": components, **changes})


def condition(system: str = "http://hl7.org/fhir/sid/icd-10-cm", code: str = "N18.30", **changes: Any) -> Json:
    """An active problem."""
    resource = {
        "resourceType": "Condition",
        "id": f"c{next(_numbers)}",
        "clinicalStatus": concept("http://terminology.hl7.org/CodeSystem/condition-clinical", "active"),
        "code": concept(system, code),
        "subject": subject(),
    }
    return _with(resource, changes)


def procedure(system: str = "http://snomed.info/sct", code: str = "233580005", **changes: Any) -> Json:
    """A completed procedure, by default continuous haemodialysis."""
    resource = {
        "resourceType": "Procedure",
        "id": f"r{next(_numbers)}",
        "status": "completed",
        "code": concept(system, code),
        "subject": subject(),
        "performedDateTime": AT,
    }
    return _with(resource, changes)


def medication_request(code: str = "5640", text: str = "Ibuprofen", **changes: Any) -> Json:
    """An active order, by default ibuprofen by its RxNorm ingredient."""
    resource = {
        "resourceType": "MedicationRequest",
        "id": f"m{next(_numbers)}",
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": concept("http://www.nlm.nih.gov/research/umls/rxnorm", code, text),
        "subject": subject(),
        "authoredOn": AT,
    }
    return _with(resource, changes)


def medication_administration(code: str = "11124", text: str = "Vancomycin", **changes: Any) -> Json:
    """A dose that was given, by default vancomycin by its RxNorm ingredient."""
    resource = {
        "resourceType": "MedicationAdministration",
        "id": f"g{next(_numbers)}",
        "status": "completed",
        "medicationCodeableConcept": concept("http://www.nlm.nih.gov/research/umls/rxnorm", code, text),
        "subject": subject(),
        "effectiveDateTime": AT,
    }
    return _with(resource, changes)


def imaging_study(code: str = "24628-0", text: str = "CT Chest W contrast IV", **changes: Any) -> Json:
    """A study that was taken, by default computed tomography of the chest with contrast by its LOINC code."""
    resource = {
        "resourceType": "ImagingStudy",
        "id": f"i{next(_numbers)}",
        "status": "available",
        "subject": subject(),
        "started": AT,
        "procedureCode": [concept(LOINC, code, text)],
    }
    return _with(resource, changes)


def encounter(setting: str = "IMP", **changes: Any) -> Json:
    """A stay that began on 28 February 2026 and goes on."""
    resource = {
        "resourceType": "Encounter",
        "id": f"e{next(_numbers)}",
        "status": "in-progress",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": setting},
        "subject": subject(),
        "period": {"start": "2026-02-28T20:00:00Z"},
    }
    return _with(resource, changes)


def bundle(*resources: Json, kind: str = "collection", next_url: str | None = None, **changes: Any) -> Json:
    """A Bundle of the given type; `next_url` adds the link to a following page."""
    links = [{"relation": "next", "url": next_url}] if next_url else None
    whole = {"resourceType": "Bundle", "type": kind, "entry": [{"resource": r} for r in resources]}
    return _with(whole, {"link": links, **changes})


def searchset(*resources: Json, next_url: str | None = None, **changes: Any) -> Json:
    """A page of search results."""
    return bundle(*resources, kind="searchset", next_url=next_url, **changes)


def break_the_glass(code: str = "4130", system: str = "urn:oid:1.2.840.114350.1.13.0.1.7.2.657369") -> Json:
    """What Epic sends with a 403 when a chart is protected (VN-13)."""
    return operation_outcome(code="forbidden", issue=[{"details": {"coding": [{"system": system, "code": code}]}}])


def operation_outcome(severity: str = "error", code: str = "exception", **changes: Any) -> Json:
    """An OperationOutcome with one issue."""
    return _with({"resourceType": "OperationOutcome", "issue": [{"severity": severity, "code": code}]}, changes)
