"""Whose resource is it? Each is checked against the one patient before anything of it is read (CH-20)."""

from typing import Any, Final

from patient_context.results import Result
from patient_context.shapes import Json, Refused, text

_PREFIX: Final = "Patient/"


class SubjectCheck:
    """Knows every spelling of a reference to one patient.

    Absolute references count only under the EHR's FHIR base when that is known; a Bundle from an unknown base
    can hold only its own server's addresses, so there the id decides.
    """

    def __init__(self, patient_id: str, *, base_url: str | None = None, full_url: str | None = None) -> None:
        self._relative = _PREFIX + patient_id
        self._absolute = f"{base_url.rstrip('/')}/{self._relative}" if base_url else None
        self._known = {spelling for spelling in (self._relative, self._absolute, full_url) if spelling}

    def require(self, reference: Any) -> None:
        """Raises Refused: `subject-missing`, `subject-not-a-patient` or `other-patient`."""
        if isinstance(reference, str) and reference in self._known:
            return
        if text(reference) is None:
            raise Refused("subject-missing", "It does not say which patient it belongs to.")
        self._require_versioned_or_absolute(reference)

    def _require_versioned_or_absolute(self, reference: str) -> None:
        plain = reference.split("/_history/", 1)[0]
        if plain in self._known or (self._absolute is None and self._is_tail_of(plain)):
            return
        if _PREFIX not in plain and not plain.startswith("urn:"):
            raise Refused("subject-not-a-patient", "It belongs to a group, a device or a contained subject.")
        raise Refused("other-patient", "It belongs to another patient and was not read.")

    def _is_tail_of(self, reference: str) -> bool:
        return reference.startswith(("http://", "https://")) and reference.endswith("/" + self._relative)


def subject_reference(resource: Json | Result) -> Any:
    """The literal reference of a resource's subject, for finding out whom a Bundle is about."""
    if isinstance(resource, Result):
        return resource.subject_reference
    subject = resource["subject"] if "subject" in resource else resource.get("patient")
    return subject.get("reference") if isinstance(subject, dict) else None
