"""What a client may create: the body is checked as strictly as a careful EHR would, and nothing is repaired."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from typing import Any

from fhirclient.models.fhirabstractbase import FHIRValidationError

from sandbox.definitions import DEFINITIONS, values_at
from sandbox.errors import RequestRefused

Resource = dict[str, Any]

_EVENT = frozenset({"preparation", "in-progress", "not-done", "on-hold", "stopped", "completed", "unknown"})
_RESULT = frozenset({"registered", "preliminary", "final", "amended", "corrected", "cancelled", "unknown"})
_REQUEST = frozenset({"draft", "active", "on-hold", "revoked", "completed", "unknown"})
_STATUSES: dict[str, frozenset[str]] = {
    "Observation": _RESULT,
    "RiskAssessment": _RESULT,
    "ServiceRequest": _REQUEST,
    "Communication": _EVENT,
    "DocumentReference": frozenset({"current", "superseded"}),
}


def parse_body(body: bytes) -> Resource:
    """The JSON object of a request body. Raises RequestRefused(400)."""
    try:
        parsed = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise RequestRefused(400, "structure", "The body is not JSON.") from error
    if not isinstance(parsed, dict):
        raise RequestRefused(400, "structure", "The body is not a JSON object.")
    return parsed


def _refuse_constant(_: str) -> None:
    raise ValueError("not a JSON number")


def check_new(resource_type: str, resource: Resource, *, patient_id: str | None, base_url: str) -> str:
    """Check a resource to be created and return the patient it is about.

    Raises RequestRefused: 400 for the wrong type, 422 for what FHIR or this chart's rules forbid. `patient_id` is
    the one patient the token is bound to, or None.
    """
    if resource.get("resourceType") != resource_type:
        raise RequestRefused(400, "invalid", f"The body is not a {resource_type}.")
    subject = _subject(resource, base_url)
    if patient_id is not None and subject != patient_id:
        raise RequestRefused(422, "business-rule", "subject is not the patient this token was given for.")
    _check_structure(resource_type, resource)
    if resource_type == "Condition":
        _check_condition(resource)
    elif resource.get("status") not in _STATUSES[resource_type]:
        raise RequestRefused(422, "code-invalid", f"{resource_type}.status is not one a new resource may have.")
    for name in DEFINITIONS[resource_type].mandatory:
        if not resource.get(name):
            raise RequestRefused(422, "required", f"{resource_type}.{name} is missing.")
    for percentage in _percentages(resource):
        if not 0 <= percentage <= 100:
            raise RequestRefused(422, "invariant", "prediction.probabilityDecimal is a percentage of at most 100.")
    return subject


def _check_condition(resource: Resource) -> None:
    """R4 con-3: a problem of the list says whether it is active; and nobody creates an error."""
    codes = {name: _codes_at(resource, name) for name in ("clinicalStatus", "verificationStatus", "category")}
    if "entered-in-error" in codes["verificationStatus"]:
        raise RequestRefused(422, "code-invalid", "Condition.verificationStatus is not one a new one may have.")
    if "problem-list-item" in codes["category"] and not codes["clinicalStatus"]:
        raise RequestRefused(422, "invariant", "con-3: a problem list item needs Condition.clinicalStatus.")


def _codes_at(resource: Resource, path: str) -> set[Any]:
    return {coding.get("code") for concept in values_at(resource, path) for coding in values_at(concept, "coding")}


def _subject(resource: Resource, base_url: str) -> str:
    held = resource.get("subject")
    reference = held.get("reference") if isinstance(held, dict) else None
    if not isinstance(reference, str):
        raise RequestRefused(422, "required", "subject.reference is missing.")
    kind, _, patient_id = reference.removeprefix(base_url.rstrip("/") + "/").partition("/")
    if kind != "Patient" or not patient_id or "/" in patient_id:
        raise RequestRefused(422, "value", "subject is not a Patient of this server.")
    return patient_id


def _check_structure(resource_type: str, resource: Resource) -> None:
    """R4 structure by fhirclient's strict models; only the names of the elements at fault are told."""
    model = importlib.import_module(f"fhirclient.models.{resource_type.lower()}")
    try:
        getattr(model, resource_type)({k: v for k, v in resource.items() if k not in ("id", "meta")}, strict=True)
    except FHIRValidationError as error:
        named = ", ".join(sorted(set(_elements(error)))[:5])
        text = f"The {resource_type} is not valid R4" + (f", see: {named}." if named else ".")
        raise RequestRefused(422, "structure", text) from error


def _elements(error: Any) -> Iterator[str]:
    for cause in error.errors or []:
        path = str(getattr(cause, "path", "") or "")
        if path:
            yield path
        if isinstance(cause, FHIRValidationError):
            yield from _elements(cause)


def _percentages(resource: Resource) -> Iterator[float]:
    for prediction in resource.get("prediction", []):
        value = prediction.get("probabilityDecimal")
        if isinstance(value, int | float):
            yield value
