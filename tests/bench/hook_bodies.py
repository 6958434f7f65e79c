"""A hook call as an EHR writes it: 200 Observations with what laboratories and monitors put beside the value."""

import json
from datetime import datetime
from typing import Any

from tests.builders.cds import creatinine, full_prefetch, hook_body, searchset

OTHER_LABS = (("3094-0", "mg/dL", 25.0), ("2823-3", "mmol/L", 4.4), ("2951-2", "mmol/L", 139.0))
VITALS = (("8867-4", "/min", 88.0), ("8480-6", "mm[Hg]", 118.0), ("59408-5", "%", 96.0), ("9279-1", "/min", 18.0))


def observation(
    number: int, code: str, unit: str, value: float, hours_ago: float, now: datetime, beside: dict[str, Any]
) -> dict[str, Any]:
    """One result with identifiers, encounter and performer; `beside` more of what nobody here reads."""
    coding = {"coding": [{"system": "http://loinc.org", "code": code, "display": "A test"}], "text": "A test"}
    quantity = {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}
    found = creatinine(f"o{number}", value, hours_ago, now=now, code=coding, valueQuantity=quantity)
    meta = {"versionId": "1", "lastUpdated": found["issued"], "source": "#bench"}
    identifier = [{"use": "official", "system": "urn:oid:1.2.3.4.5.6.7.8", "value": f"A{number:09d}"}]
    return {
        **found,
        "meta": meta,
        "identifier": identifier,
        "encounter": {"reference": "Encounter/e-1"},
        "performer": [{"display": "Lab"}],
        **beside,
    }


def laboratory(unit: str) -> dict[str, Any]:
    """What a laboratory adds: the order, its judgement and its reference range."""
    system = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
    limits = {"low": {"value": 0.5, "unit": unit}, "high": {"value": 140.0, "unit": unit}}
    return {
        "basedOn": [{"reference": "ServiceRequest/s-1", "display": "Basic metabolic panel"}],
        "interpretation": [{"coding": [{"system": system, "code": "N", "display": "Normal"}], "text": "Normal"}],
        "referenceRange": [{**limits, "text": f"0.5 - 140 {unit}"}],
    }


def long_history(now: datetime, creatinines: int) -> bytes:
    """Creatinine every two hours, and nothing else."""
    values = [
        observation(n, "2160-0", "mg/dL", 1.0 + (n % 7) / 10, 1 + 2 * n, now, laboratory("mg/dL"))
        for n in range(creatinines)
    ]
    return json.dumps(hook_body(prefetch=full_prefetch(*values))).encode()


def realistic_body(now: datetime, *, rise: float = 0.0) -> bytes:
    """20 creatinines, 60 other laboratory results and 120 vital signs; `rise` of the latest in mg/dL."""
    levels = [1.0 + (n % 3) / 10 + (rise if n == 0 else 0.0) for n in range(20)]
    values = [
        observation(n, "2160-0", "mg/dL", level, 2 + n * 12, now, laboratory("mg/dL"))
        for n, level in enumerate(levels)
    ]
    labs = [
        observation(100 + n, *OTHER_LABS[n % 3], 3 + n * 3, now, laboratory(OTHER_LABS[n % 3][1]))
        for n in range(60)
    ]
    vitals = [observation(200 + n, *VITALS[n % 4], 1 + n / 2, now, {}) for n in range(120)]
    prefetch = full_prefetch(*values, labs=searchset(*labs), vitals=searchset(*vitals))
    return json.dumps(hook_body(prefetch=prefetch)).encode()
