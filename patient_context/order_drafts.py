"""Draft orders and a diagnosis for a clinician to sign or confirm. They order and assert nothing by themselves.

Code sources: LOINC; SNOMED CT 306125004 from the HL7 CPG example ckd-risk-referral-nephrology.
"""

from datetime import datetime
from typing import Final

from fhirclient.models.condition import Condition
from fhirclient.models.servicerequest import ServiceRequest

from patient_context.codes import LOINC
from patient_context.shapes import Json
from patient_context.writing import ACUTE_KIDNEY_INJURY, ASSERTED_BY_AI, SNOMED, validated, written

_TERMINOLOGY: Final = "http://terminology.hl7.org/CodeSystem"
_AKI_ICD_10: Final = {
    "system": "http://hl7.org/fhir/sid/icd-10-cm",
    "code": "N17.9",
    "display": "Acute kidney failure, unspecified",
}
_LABORATORY: Final = {"system": SNOMED, "code": "108252007", "display": "Laboratory procedure"}
_IMAGING: Final = {"system": SNOMED, "code": "363679005", "display": "Imaging"}
_SERVICES: Final[dict[str, tuple[Json | None, Json, str]]] = {  # category, code, words
    "creatinine": (
        _LABORATORY,
        {"system": LOINC, "code": "2160-0", "display": "Creatinine [Mass/volume] in Serum or Plasma"},
        "Creatinine, serum or plasma",
    ),
    "urinalysis": (
        _LABORATORY,
        {"system": LOINC, "code": "24356-8", "display": "Urinalysis complete panel - Urine"},
        "Urinalysis",
    ),
    "urine-albumin": (
        _LABORATORY,
        {"system": LOINC, "code": "9318-7", "display": "Albumin/Creatinine [Mass Ratio] in Urine"},
        "Urine albumin-to-creatinine ratio",
    ),
    "renal-ultrasound": (
        _IMAGING,
        {"system": SNOMED, "code": "306005", "display": "Echography of kidney"},
        "Ultrasound of the kidneys",
    ),
    "nephrology": (
        None,
        {"system": SNOMED, "code": "306125004", "display": "Referral to nephrology service"},
        "Referral to nephrology",
    ),
}


ORDERABLE: Final = frozenset(_SERVICES)


def service_request(
    service: str,
    patient_id: str,
    *,
    authored_at: datetime,
    due_at: datetime | None = None,
    encounter_id: str | None = None,
    reason: str | None = None,
    site_code: str | None = None,
) -> Json:
    """A draft order: creatinine, urinalysis, urine-albumin, renal-ultrasound or nephrology; else KeyError.

    `site_code` is "system|code" of the hospital's own order catalogue: it comes first, the standard code after it.
    """
    category, code, words = _SERVICES[service]
    system, _, own = (site_code or "").rpartition("|")
    codings = [{"system": system, "code": own}, code] if system and own else [code]
    resource: Json = {
        "resourceType": "ServiceRequest",
        "meta": {"security": [ASSERTED_BY_AI]},
        "status": "draft",
        "intent": "order",
        "category": [{"coding": [category]}] if category else [],
        "code": {"coding": codings, "text": words},
        "subject": {"reference": f"Patient/{patient_id}"},
        "authoredOn": written(authored_at),
        "occurrenceDateTime": written(due_at) if due_at else None,
        "encounter": {"reference": f"Encounter/{encounter_id}"} if encounter_id else None,
        "reasonCode": [{"text": reason}] if reason else [],
    }
    return validated(ServiceRequest, resource)


def aki_condition(patient_id: str, *, recorded_at: datetime, encounter_id: str | None = None) -> Json:
    """Acute kidney injury as an unconfirmed encounter diagnosis: it is the clinician who makes it one."""
    resource: Json = {
        "resourceType": "Condition",
        "meta": {"security": [ASSERTED_BY_AI]},
        "clinicalStatus": _coded("condition-clinical", "active"),
        "verificationStatus": _coded("condition-ver-status", "unconfirmed"),
        "category": [_coded("condition-category", "encounter-diagnosis")],
        "code": {"coding": [ACUTE_KIDNEY_INJURY, _AKI_ICD_10], "text": "Acute kidney injury"},
        "subject": {"reference": f"Patient/{patient_id}"},
        "recordedDate": written(recorded_at),
        "encounter": {"reference": f"Encounter/{encounter_id}"} if encounter_id else None,
    }
    return validated(Condition, resource)


def _coded(system: str, code: str) -> Json:
    return {"coding": [{"system": f"{_TERMINOLOGY}/{system}", "code": code}]}
