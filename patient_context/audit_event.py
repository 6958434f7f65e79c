"""One line of the audit trail as a FHIR R4 AuditEvent in the shape of IHE's Basic Audit Log Patterns (REG-21).

A profile is claimed only where BALP has one for what happened: reading a patient's data, and creating some.
A caller's token is never there; the id of its JWT is (REG-22).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from fhirclient.models.auditevent import AuditEvent

from patient_context.shapes import Json
from patient_context.writing import validated

_BALP: Final = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit"
_TYPES: Final = "http://terminology.hl7.org/CodeSystem/audit-event-type"
_INTERACTIONS: Final = "http://hl7.org/fhir/restful-interaction"
_DICOM: Final = "http://dicom.nema.org/resources/ontology/DCM"
_PARTICIPATION: Final = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
_ENTITY_TYPES: Final = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
_ENTITY_ROLES: Final = "http://terminology.hl7.org/CodeSystem/object-role"
_BALP_ENTITIES: Final = "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType"
_SOURCE: Final = {"system": _DICOM, "code": "110153", "display": "Source Role ID"}
_DESTINATION: Final = {"system": _DICOM, "code": "110152", "display": "Destination Role ID"}
_REST: Final = {"system": _TYPES, "code": "rest", "display": "RESTful Operation"}
_OBSERVER: Final = "AKI Sentinel"


@dataclass(frozen=True, slots=True)
class _Shape:
    """How one kind of event is told: type, subtype, action, profile."""

    type: Json
    action: str
    subtype: Json | None = None
    profile: str | None = None


def _dicom(code: str, display: str) -> Json:
    return {"system": _DICOM, "code": code, "display": display}


def _interaction(code: str) -> Json:
    return {"system": _INTERACTIONS, "code": code, "display": code}


_LOGIN: Final = _Shape(_dicom("110114", "User Authentication"), "E", _dicom("110122", "Login"))
_HOOK: Final = _Shape(_REST, "E", _interaction("operation"))
_ACTIVITY: Final = _Shape(_dicom("110100", "Application Activity"), "E")
_PATIENTS: Final = _Shape(_dicom("110110", "Patient Record"), "R")
_SHAPES: Final[Mapping[str, _Shape]] = {
    "launch-accepted": _LOGIN,
    "launch-refused": _LOGIN,
    "launch-ended": _Shape(_LOGIN.type, "E", _dicom("110123", "Logout")),
    "worklist-viewed": _PATIENTS,
    "patients-searched": _Shape(_REST, "E", _interaction("search-type")),
    "patient-opened": _PATIENTS,
    "chart-viewed": _Shape(_REST, "R", _interaction("read"), f"{_BALP}.PatientRead"),
    "chart-not-shown": _Shape(_REST, "R", _interaction("read")),
    "card-returned": _HOOK,
    "card-suppressed": _HOOK,
    "cds-refused": _HOOK,
    "cds-feedback": _HOOK,
    "write-back": _Shape(_REST, "C", _interaction("create"), f"{_BALP}.PatientCreate"),
    "trail-exported": _Shape(_dicom("110106", "Export"), "R"),
    "trail-purged": _Shape(_ACTIVITY.type, "D"),
}
_REFUSED: Final = frozenset({"launch-refused", "cds-refused", "chart-not-shown"})


def audit_event(event: Mapping[str, Any], *, fhir_base: str | None, client_id: str | None) -> Json:
    """The AuditEvent of one event as the trail keeps it; `fhir_base` and `client_id` as its EHR is registered."""
    shape = _SHAPES.get(str(event["action"]), _ACTIVITY)
    resource: Json = {
        "resourceType": "AuditEvent",
        "type": shape.type,
        "action": shape.action,
        "recorded": event["at"],
        "outcome": "4" if event["action"] in _REFUSED else "0",
        "outcomeDesc": event["outcome"],
        "agent": _agents(event, shape, fhir_base, client_id),
        "source": {"site": event.get("ehr_id", "installation"), "observer": {"display": _OBSERVER}},
        "entity": _entities(event, shape),
    }
    if shape.subtype is not None:
        resource["subtype"] = [shape.subtype]
    if shape.profile is not None and event.get("patient_id") and fhir_base:
        resource["meta"] = {"profile": [shape.profile]}
    if not resource["entity"]:
        del resource["entity"]
    return validated(AuditEvent, resource)


def _agents(event: Mapping[str, Any], shape: _Shape, fhir_base: str | None, client_id: str | None) -> list[Json]:
    """Client, server and user; the user asked, or the program did where no user is known."""
    user = event.get("who")
    agents: list[Json] = []
    if fhir_base is not None and shape.type is _REST:
        agents = _hook_ends(event, fhir_base) if shape is _HOOK else _fhir_ends(shape, fhir_base, client_id)
    if user is not None:
        kind = {"system": _PARTICIPATION, "code": "IRCP", "display": "information recipient"}
        agents.append({"type": {"coding": [kind]}, "who": _person(str(user)), "requestor": True})
    if not agents:
        agents.append({"who": {"display": _OBSERVER}, "requestor": True})
    agents[0]["requestor"] = agents[0].get("requestor", False) or user is None
    return agents


def _fhir_ends(shape: _Shape, fhir_base: str, client_id: str | None) -> list[Json]:
    """This app is the client, the EHR the server. Reading, data flow from the server; creating, to it."""
    ours, theirs = (_DESTINATION, _SOURCE) if shape.action == "R" else (_SOURCE, _DESTINATION)
    return [
        _end(ours, {"identifier": {"value": client_id or _OBSERVER}, "display": _OBSERVER}),
        _end(theirs, {"identifier": {"value": fhir_base}}, address=fhir_base),
    ]


def _hook_ends(event: Mapping[str, Any], fhir_base: str) -> list[Json]:
    """The EHR calls, this app answers."""
    caller = _end(_SOURCE, {"identifier": {"value": fhir_base}}, address=fhir_base)
    if event.get("jti"):
        caller["policy"] = [f"urn:aki-sentinel:jti:{event['jti']}"]
    return [caller, _end(_DESTINATION, {"display": _OBSERVER})]


def _end(role: Json, who: Json, *, address: str | None = None) -> Json:
    end: Json = {"type": {"coding": [role]}, "who": who, "requestor": False}
    if address is not None:
        end["network"] = {"address": address, "type": "5"}
    return end


def _person(who: str) -> Json:
    """`Practitioner/7` or an absolute reference as such; anything else as a name the EHR gave."""
    is_reference = "/" in who and not who.startswith("cli:")
    return {"reference": who} if is_reference else {"identifier": {"value": who}}


def _entities(event: Mapping[str, Any], shape: _Shape) -> list[Json]:
    entities: list[Json] = []
    patient = f"Patient/{event['patient_id']}" if event.get("patient_id") else None
    details = [
        {"type": name, "valueString": str(event[name])}
        for name in ("model_sha256", "service", "hook_instance")
        if event.get(name)
    ]
    details += [{"type": "unread", "valueString": str(part)} for part in event.get("unread", ())]
    if patient is not None:
        entities.append(_entity("1", "Person", "1", "Patient", {"reference": patient}))
    reference = event.get("reference")
    if reference is not None and shape.action == "C":
        entities.append(_entity("2", "System Object", "4", "Domain Resource", {"reference": str(reference)}))
    elif patient is not None and shape.action == "R":
        entities.append(_entity("2", "System Object", "4", "Domain Resource", {"reference": patient}))
    elif reference is not None:
        details.append({"type": "reference", "valueString": str(reference)})
    for used in event.get("inputs", ()):
        entities.append(_entity("2", "System Object", "4", "Domain Resource", {"reference": str(used)}))
    if event.get("request_id"):
        kind = {"system": _BALP_ENTITIES, "code": "XrequestId"}
        entities.append({"type": kind, "what": {"identifier": {"value": event["request_id"]}}})
    if details and entities:
        entities[0]["detail"] = details
    elif details:
        entities.append({"name": "installation", "detail": details})
    return entities


def _entity(type_code: str, type_name: str, role_code: str, role_name: str, what: Json) -> Json:
    return {
        "what": what,
        "type": {"system": _ENTITY_TYPES, "code": type_code, "display": type_name},
        "role": {"system": _ENTITY_ROLES, "code": role_code, "display": role_name},
    }
