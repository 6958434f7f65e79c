"""What a launch is about: the patient, the user and the screen, from the token response. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from launch.errors import NoPatientInContext
from launch.id_token import Identity

_FHIR_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_MAX_TEXT_CHARS = 2048
_MAX_CONTEXT_ENTRIES = 50


@dataclass(frozen=True, slots=True)
class Tokens:
    """What the token endpoint granted. `expires_at` is absolute and always set (SL-36, SL-37)."""

    access_token: str = field(repr=False)
    expires_at: datetime
    scopes: frozenset[str]
    refresh_token: str | None = field(default=None, repr=False)

    @property
    def scopes_without_patient(self) -> frozenset[str]:
        """What is left where no patient was named: scopes of one patient then give nothing (SL-23)."""
        return frozenset(scope for scope in self.scopes if not scope.startswith("patient/"))


@dataclass(frozen=True, slots=True)
class ContextReference:
    """One entry of `fhirContext`: a reference such as "ImagingStudy/123", and its role (SL-52)."""

    reference: str
    role: str = "launch"


@dataclass(frozen=True, slots=True)
class LaunchContext:
    """One accepted launch: who, which patient, with which grant. The patient never changes afterwards (SL-54).

    `patient` is None where the EHR named none: the user then chooses, if the scopes allow it.
    """

    ehr_id: str
    fhir_base_url: str
    patient: str | None = field(repr=False)
    tokens: Tokens
    user: Identity | None = None
    encounter: str | None = field(default=None, repr=False)
    need_patient_banner: bool = True
    smart_style_url: str | None = None
    intent: str | None = None
    tenant: str | None = None
    fhir_context: tuple[ContextReference, ...] = ()
    app_context: str | None = field(default=None, repr=False)


def launch_context(
    response: Mapping[str, Any], *, ehr_id: str, fhir_base_url: str, tokens: Tokens, user: Identity | None
) -> LaunchContext:
    """Read the launch context parameters (SL-40, 48..53). Unknown ones are ignored (SL-39).

    Raises NoPatientInContext for a patient that is no id: that is not the same as none.
    """
    patient = _fhir_id(response.get("patient"))
    if patient is None and response.get("patient") is not None:
        raise NoPatientInContext
    return LaunchContext(
        ehr_id=ehr_id,
        fhir_base_url=fhir_base_url,
        patient=patient,
        tokens=tokens,
        user=user,
        encounter=_fhir_id(response.get("encounter")),
        need_patient_banner=response.get("need_patient_banner") is not False,
        smart_style_url=_text(response.get("smart_style_url")),
        intent=_text(response.get("intent")),
        tenant=_text(response.get("tenant")),
        fhir_context=_fhir_context(response.get("fhirContext")),
        app_context=_text(response.get("appContext")),
    )


def _fhir_id(value: object) -> str | None:
    return value if isinstance(value, str) and _FHIR_ID.fullmatch(value) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= _MAX_TEXT_CHARS else None


def _fhir_context(entries: object) -> tuple[ContextReference, ...]:
    """References of `fhirContext`: objects, or the plain strings of the 2.0 form. Anything else is skipped."""
    if not isinstance(entries, list):
        return ()
    found = (_context_reference(entry) for entry in entries[:_MAX_CONTEXT_ENTRIES])
    return tuple(each for each in found if each is not None)


def _context_reference(entry: object) -> ContextReference | None:
    if isinstance(entry, str):
        reference, role = _text(entry), "launch"
    elif isinstance(entry, dict):
        reference, role = _text(entry.get("reference")), entry.get("role", "launch")
    else:
        return None
    if reference is None or not isinstance(role, str) or not role:
        return None
    if role == "launch" and {"Patient", "Encounter"} & set(reference.split("/")):
        return None  # these have their own parameters; a second patient must never creep in
    return ContextReference(reference, role)
