"""What can be searched: the parameters of every resource type the server holds, and their paths.

The one list behind search, `_sort` and the CapabilityStatement. Types: t token, d date, r reference, s string.
"""

from dataclasses import dataclass, replace
from typing import Any

from sandbox.vendor import VendorProfile

Resource = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One search parameter: `paths` are dotted element names, of which any may hold the value."""

    name: str
    kind: str
    paths: tuple[str, ...]
    target: str | None = None
    system: str | None = None  # the system a plain `code` element implies

    @property
    def fhir_type(self) -> str:
        return {"t": "token", "d": "date", "r": "reference", "s": "string"}[self.kind]


@dataclass(frozen=True, slots=True)
class ResourceDefinition:
    """One resource type: its parameters, what `_elements` never removes, whether it can be created."""

    type: str
    parameters: dict[str, Parameter]
    mandatory: tuple[str, ...] = ()
    creatable: bool = False

    @property
    def has_patient(self) -> bool:
        return "patient" in self.parameters


_COMMON = (
    Parameter("_id", "t", ("id",)),
    Parameter("_lastUpdated", "d", ("meta.lastUpdated",)),
)
_SUBJECT = (
    Parameter("patient", "r", ("subject",), "Patient"),
    Parameter("subject", "r", ("subject",), "Patient"),
)
_ENCOUNTER = Parameter("encounter", "r", ("encounter",), "Encounter")
_IDENTIFIER = Parameter("identifier", "t", ("identifier",))
_MEDICATION = Parameter("code", "t", ("medicationCodeableConcept",))


def _status(code_system: str) -> Parameter:
    return Parameter("status", "t", ("status",), system=f"http://hl7.org/fhir/{code_system}")


def _define(
    type_: str, *parameters: Parameter, mandatory: tuple[str, ...] = (), creatable: bool = False
) -> ResourceDefinition:
    return ResourceDefinition(type_, {p.name: p for p in (*_COMMON, *parameters)}, mandatory, creatable)


DEFINITIONS: dict[str, ResourceDefinition] = {
    definition.type: definition
    for definition in (
        _define(
            "Patient",
            _IDENTIFIER,
            Parameter("name", "s", ("name",)),
            Parameter("family", "s", ("name.family",)),
            Parameter("given", "s", ("name.given",)),
            Parameter("gender", "t", ("gender",), system="http://hl7.org/fhir/administrative-gender"),
            Parameter("birthdate", "d", ("birthDate",)),
        ),
        _define("Practitioner", Parameter("name", "s", ("name",)), _IDENTIFIER),
        _define(
            "Encounter",
            *_SUBJECT,
            _status("encounter-status"),
            Parameter("class", "t", ("class",)),
            Parameter("date", "d", ("period",)),
            _IDENTIFIER,
            Parameter("part-of", "r", ("partOf",), "Encounter"),
            mandatory=("status", "class", "subject"),
        ),
        _define(
            "Condition",
            *_SUBJECT,
            _ENCOUNTER,
            Parameter("code", "t", ("code",)),
            Parameter("category", "t", ("category",)),
            Parameter("clinical-status", "t", ("clinicalStatus",)),
            Parameter("verification-status", "t", ("verificationStatus",)),
            Parameter("recorded-date", "d", ("recordedDate",)),
            Parameter("onset-date", "d", ("onsetDateTime",)),
            _IDENTIFIER,
            mandatory=("code", "subject"),
            creatable=True,
        ),
        _define(
            "Observation",
            *_SUBJECT,
            _ENCOUNTER,
            _status("observation-status"),
            Parameter("code", "t", ("code",)),
            Parameter("combo-code", "t", ("code", "component.code")),
            Parameter("category", "t", ("category",)),
            Parameter("date", "d", ("effectiveDateTime", "effectivePeriod")),
            _IDENTIFIER,
            mandatory=("status", "code", "subject"),
            creatable=True,
        ),
        _define(
            "MedicationRequest",
            *_SUBJECT,
            _ENCOUNTER,
            _status("CodeSystem/medicationrequest-status"),
            _MEDICATION,
            Parameter(
                "intent", "t", ("intent",), system="http://hl7.org/fhir/CodeSystem/medicationrequest-intent"
            ),
            Parameter("category", "t", ("category",)),
            Parameter("authoredon", "d", ("authoredOn",)),
            mandatory=("status", "intent", "medicationCodeableConcept", "subject"),
        ),
        _define("Medication", Parameter("code", "t", ("code",))),
        _define(
            "MedicationAdministration",
            *_SUBJECT,
            Parameter("context", "r", ("context",), "Encounter"),
            _status("CodeSystem/medication-admin-status"),
            _MEDICATION,
            Parameter("effective-time", "d", ("effectiveDateTime", "effectivePeriod")),
            Parameter("request", "r", ("request",), "MedicationRequest"),
            mandatory=("status", "medicationCodeableConcept", "subject", "effectiveDateTime", "effectivePeriod"),
        ),
        _define(
            "Procedure",
            *_SUBJECT,
            _ENCOUNTER,
            _status("event-status"),
            Parameter("code", "t", ("code",)),
            Parameter("category", "t", ("category",)),
            Parameter("date", "d", ("performedDateTime", "performedPeriod")),
            mandatory=("status", "subject"),
        ),
        _define(
            "ImagingStudy",
            *_SUBJECT,
            _ENCOUNTER,
            _status("imagingstudy-status"),
            Parameter("started", "d", ("started",)),
            Parameter("modality", "t", ("modality",)),
            _IDENTIFIER,
            mandatory=("status", "subject"),
        ),
        _define(
            "RiskAssessment",
            *_SUBJECT,
            _ENCOUNTER,
            Parameter("date", "d", ("occurrenceDateTime", "occurrencePeriod")),
            Parameter("method", "t", ("method",)),
            _IDENTIFIER,
            mandatory=("status", "subject"),
            creatable=True,
        ),
        _define(
            "ServiceRequest",
            *_SUBJECT,
            _ENCOUNTER,
            _status("request-status"),
            Parameter("code", "t", ("code",)),
            Parameter("category", "t", ("category",)),
            Parameter("intent", "t", ("intent",), system="http://hl7.org/fhir/request-intent"),
            Parameter("authored", "d", ("authoredOn",)),
            _IDENTIFIER,
            mandatory=("status", "intent", "subject"),
            creatable=True,
        ),
        _define(
            "Communication",
            *_SUBJECT,
            _ENCOUNTER,
            _status("event-status"),
            Parameter("category", "t", ("category",)),
            Parameter("sent", "d", ("sent",)),
            _IDENTIFIER,
            mandatory=("status",),
            creatable=True,
        ),
        _define(
            "DocumentReference",
            *_SUBJECT,
            Parameter("encounter", "r", ("context.encounter",), "Encounter"),
            _status("document-reference-status"),
            Parameter("type", "t", ("type",)),
            Parameter("category", "t", ("category",)),
            Parameter("date", "d", ("date",)),
            _IDENTIFIER,
            mandatory=("status", "content"),
            creatable=True,
        ),
    )
}


def offered(profile: VendorProfile) -> dict[str, ResourceDefinition]:
    """The types a vendor's server holds, and which of them it lets clients create."""
    found = {}
    for type_, definition in DEFINITIONS.items():
        if type_ in profile.absent_types or (type_ == "Medication" and not profile.drugs_by_reference):
            continue
        creatable = definition.creatable and (profile.creatable is None or type_ in profile.creatable)
        parameters = {n: p for n, p in definition.parameters.items() if n not in profile.ignored_parameters}
        found[type_] = replace(definition, creatable=creatable, parameters=parameters)
    return found


def values_at(resource: Resource, path: str) -> list[Any]:
    """The values at a dotted path, looking into lists on the way."""
    values: list[Any] = [resource]
    for name in path.split("."):
        found: list[Any] = []
        for value in values:
            held = value.get(name) if isinstance(value, dict) else None
            found.extend(held if isinstance(held, list) else [] if held is None else [held])
        values = found
    return values
