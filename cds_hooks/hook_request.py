"""The hook request: strict on what CDS Hooks requires, lenient on everything else (CH-12 to CH-14, CH-57).

Accepts 1.0, 1.1 and 2.0 bodies. The EHR's access token lives in `FhirGrant` for one request, out of every repr.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cds_hooks.clients import CdsClient
from cds_hooks.errors import FhirServerRefused, RequestUnreadable, WrongPatient

Prefetch = Mapping[str, Mapping[str, Any] | None]

MAX_NAME_CHARACTERS = 256
# FHIR's id with room for servers that use '_' and longer ids; still safe as one path segment.
_RESOURCE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,127}")
_NEED_ENCOUNTER = frozenset({"encounter-discharge"})
# Epic knows three hooks; its other triggers (27: discharge section) come as patient-view with this key (VN-1).
_NATIVE_TRIGGER = "com.epic.cdshooks.request.bpa-trigger-action"
_COMES_AS_PATIENT_VIEW = frozenset({"encounter-discharge"})
_TOKEN = re.compile(r"[\x21-\x7e]{1,16384}")


@dataclass(frozen=True, slots=True)
class FhirGrant:
    """Leave to read the chart during this one request: a registered FHIR base and the EHR's token (CH-22)."""

    base_url: str
    access_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class HookRequest:
    """What a hook call says, checked. A prefetch value of None is the EHR's "looked, found nothing" (CH-18)."""

    hook: str
    hook_instance: str
    user_id: str
    patient_id: str
    encounter_id: str | None = None
    fhir_server: str | None = None
    grant: FhirGrant | None = None
    prefetch: Prefetch = field(default_factory=dict, repr=False)
    context: Mapping[str, Any] = field(default_factory=dict, repr=False)


def read_hook_request(body: Any, *, hook: str, client: CdsClient) -> HookRequest:
    """The request for a service that answers `hook`.

    Raises RequestUnreadable, FhirServerRefused, or WrongPatient when the token is for another patient's chart.
    """
    if not isinstance(body, Mapping):
        raise RequestUnreadable("body-not-object", "The body must be a JSON object.")
    sent_as = _hook_sent(body, hook)
    hook_instance = _required_text(body, "hookInstance")
    context = body.get("context")
    if not isinstance(context, Mapping):
        raise RequestUnreadable("context-missing", "The field context is required and must be an object.")
    patient_id = _patient_id(context)
    fhir_server = _registered_fhir_server(body.get("fhirServer"), client)
    encounter_id = _bare_id(context.get("encounterId"), "Encounter")
    if sent_as in _NEED_ENCOUNTER and encounter_id is None:
        raise RequestUnreadable("field-missing", "The field context.encounterId is required.")
    return HookRequest(
        hook=hook,
        hook_instance=hook_instance,
        user_id=_required_text(context, "userId", "context."),
        patient_id=patient_id,
        encounter_id=encounter_id,
        fhir_server=fhir_server,
        grant=_grant(body.get("fhirAuthorization"), fhir_server, patient_id),
        prefetch=_prefetch(body.get("prefetch")),
        context=context,
    )


def _hook_sent(body: Mapping[str, Any], hook: str) -> str:
    """The hook as the EHR names it: the service's own, or patient-view for a trigger that has no hook there.

    Which trigger is the site's affair: it typed this service's address into that trigger.
    """
    sent = _required_text(body, "hook")
    extension = body.get("extension")
    is_native = isinstance(extension, Mapping) and extension.get(_NATIVE_TRIGGER) is not None
    if sent == hook or (sent == "patient-view" and hook in _COMES_AS_PATIENT_VIEW and is_native):
        return sent
    raise RequestUnreadable("hook-mismatch", f"This service answers the hook {hook}.")


def _required_text(source: Mapping[str, Any], name: str, where: str = "") -> str:
    value = source.get(name)
    if not isinstance(value, str) or not value.strip() or not _is_short_plain(value):
        raise RequestUnreadable(
            "field-missing", f"The field {where}{name} is required and must be a short string."
        )
    return value


def _is_short_plain(value: str) -> bool:
    return len(value) <= MAX_NAME_CHARACTERS and value.isprintable()  # no control character, no lone surrogate


def _bare_id(value: Any, kind: str) -> str | None:
    if not isinstance(value, str):
        return None
    bare = value.removeprefix(f"{kind}/")
    return bare if _RESOURCE_ID.fullmatch(bare) else None


def _patient_id(context: Mapping[str, Any]) -> str:
    patient_id = _bare_id(_required_text(context, "patientId", "context."), "Patient")
    if patient_id is None:
        raise RequestUnreadable("patient-id-invalid", "The field context.patientId must be the id of one Patient.")
    return patient_id


def _grant(authorization: Any, base_url: str | None, patient_id: str) -> FhirGrant | None:
    if authorization is None:
        return None
    if base_url is None:
        text = "fhirAuthorization is only allowed together with fhirServer."
        raise RequestUnreadable("fhir-server-missing", text)
    if not isinstance(authorization, Mapping):
        raise RequestUnreadable("fhir-authorization-invalid", "The field fhirAuthorization must be an object.")
    token = authorization.get("access_token")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        text = "The field fhirAuthorization.access_token is required and must be a token."
        raise RequestUnreadable("fhir-authorization-invalid", text)
    _check_granted_patient(authorization.get("patient"), patient_id)
    return FhirGrant(base_url, token)


def _registered_fhir_server(url: Any, client: CdsClient) -> str | None:
    if url is None:
        return None
    registered = client.names_fhir_server(url) if isinstance(url, str) else None
    if registered is None:
        text = "fhirServer is not registered for this CDS client; nothing was sent to it."
        raise FhirServerRefused("fhir-server-not-registered", text)
    return registered


def _check_granted_patient(granted: Any, patient_id: str) -> None:
    if granted is not None and _bare_id(granted, "Patient") != patient_id:
        text = "fhirAuthorization.patient is not the patient of the context."
        raise WrongPatient("patient-mismatch", text)


def _prefetch(value: Any) -> Prefetch:
    """Keys whose value is an object or null. Anything else says nothing and counts as not supplied."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise RequestUnreadable("prefetch-invalid", "The field prefetch must be an object.")
    return {key: entry for key, entry in value.items() if entry is None or isinstance(entry, Mapping)}
