"""Observations as records: the members that decide how one is read, each in a shape that can be relied on.

Nearly every Observation of a hook is decoded straight into its record. One with a member of another shape is read
as JSON first and fitted: what is not as FHIR has it counts as absent, as everywhere in this room.
"""

from typing import Any, Final, Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType

from patient_context.shapes import Json, objects, text


class Coded(Struct, gc=False, omit_defaults=True):
    """One coding of a concept."""

    system: str | None = None
    code: str | None = None
    display: str | None = None


class Concept(Struct, gc=False, omit_defaults=True):
    """A CodeableConcept."""

    coding: list[Coded] = []
    text: str | None = None

    def pairs(self) -> tuple[tuple[str, str], ...]:
        """As `shapes.codings`."""
        return tuple([(c.system, c.code) for c in self.coding if c.system is not None and c.code is not None])

    def words(self) -> str:
        """As `shapes.concept_text`."""
        listed = self.coding
        said = (self.text, *(one.display for one in listed), *(one.code for one in listed))
        return next(filter(text, said), None) or ""

    def first_code(self) -> str | None:
        """As `shapes.first_code`."""
        return next((one.code for one in self.coding if text(one.code)), None)


class Reference(Struct, gc=False, omit_defaults=True):
    """A reference to another resource."""

    reference: Any = None


class Quantity(Struct, gc=False, omit_defaults=True):
    """A number with its unit, both still to be judged."""

    value: Any = None
    unit: Any = None
    system: Any = None
    code: Any = None
    comparator: Any = None


class Meta(Struct, gc=False, omit_defaults=True):
    """What orders the versions of a resource."""

    versionId: Any = None
    lastUpdated: Any = None


class Part(Struct, gc=False, omit_defaults=True):
    """A component of an Observation, or the Observation itself: what holds a value. `UNSET` is not there."""

    code: Concept | None = None
    valueQuantity: Quantity | UnsetType | None = UNSET
    dataAbsentReason: Any = UNSET
    modifierExtension: Any = UNSET
    valueString: Any = UNSET
    valueCodeableConcept: Any = UNSET
    valueBoolean: Any = UNSET
    valueInteger: Any = UNSET
    valueRange: Any = UNSET
    valueRatio: Any = UNSET
    valueSampledData: Any = UNSET
    valueTime: Any = UNSET
    valueDateTime: Any = UNSET
    valuePeriod: Any = UNSET
    valueAttachment: Any = UNSET
    valueReference: Any = UNSET

    def value_name(self) -> str | None:
        """The name of the value that is there, a Quantity before all others."""
        return next((name for name in _VALUES if getattr(self, name) is not UNSET), None)


_VALUES: Final = tuple(name for name in Part.__struct_fields__ if name.startswith("value"))


class Result(Part, gc=False, omit_defaults=True):
    """An Observation."""

    resourceType: Literal["Observation"] = "Observation"
    id: Any = None
    status: Any = None
    subject: Reference | UnsetType | None = UNSET
    patient: Reference | None = None
    effectiveDateTime: Any = None
    effectivePeriod: Any = None
    effectiveInstant: Any = None
    issued: Any = None
    category: list[Concept] = []
    component: list[Part] | UnsetType = UNSET
    meta: Meta | None = None

    @property
    def subject_reference(self) -> Any:
        """As `subjects.subject_reference`."""
        given = self.patient if self.subject is UNSET else self.subject
        return given.reference if isinstance(given, Reference) else None


def result_of(resource: Json) -> Result:
    """The record of an Observation of any shape."""
    try:
        return msgspec.convert(resource, Result)
    except (msgspec.ValidationError, UnicodeEncodeError):  # the latter for a name with half a surrogate pair
        return msgspec.convert(fitted(resource), Result)


def fitted(resource: Json) -> Json:
    """An Observation's members that are read, each in the shape its record gives it."""
    found = _fitted_part(resource, Result)
    for name, record in (("subject", Reference), ("patient", Reference), ("meta", Meta)):
        if name in resource:
            found[name] = _fitted_object(resource[name], record)
    if "category" in resource:
        found["category"] = [_fitted_concept(one) for one in objects(resource["category"])]
    if "component" in resource:
        found["component"] = [_fitted_part(part, Part) for part in objects(resource["component"])]
    return found


def _fitted_part(part: Json, record: type[Part]) -> Json:
    found = _members(part, record)
    found["code"] = _fitted_concept(part.get("code"))
    if "valueQuantity" in part:
        found["valueQuantity"] = _fitted_object(part["valueQuantity"], Quantity)
    return found


def _fitted_concept(concept: Any) -> Json | None:
    if not isinstance(concept, dict):
        return None
    coding = [_strings(one, Coded) for one in objects(concept.get("coding"))]
    return {**_strings(concept, Concept), "coding": coding}


def _fitted_object(value: Any, record: type[Struct]) -> Json | None:
    return _members(value, record) if isinstance(value, dict) else None


def _strings(value: Json, record: type[Struct]) -> Json:
    return {name: found for name, found in _members(value, record).items() if isinstance(found, str)}


def _members(value: Json, record: type[Struct]) -> Json:
    return {name: value[name] for name in record.__struct_fields__ if name in value}
