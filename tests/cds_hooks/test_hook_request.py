"""The hook request: CH-12 to CH-22 and CH-57, strict where CDS Hooks requires, lenient elsewhere."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_hooks.errors import CdsError, FhirServerRefused, RequestUnreadable, WrongPatient
from cds_hooks.hook_request import FhirGrant, HookRequest, read_hook_request
from tests.builders.cds import EHR, PATIENT, client, hook_body

TOKEN = "very-secret-token"
AUTHORIZATION = {
    "access_token": TOKEN,
    "token_type": "Bearer",
    "expires_in": 300,
    "scope": "Observation.Read (Labs) (R4)",  # Epic: labels with spaces, never split (CH-23)
    "subject": "aki",
}


def read(body: Any) -> HookRequest:
    return read_hook_request(body, hook="patient-view", client=client())


def context(**changes: Any) -> dict[str, Any]:
    fields = {"userId": "Practitioner/d-1", "patientId": PATIENT, **changes}
    return {name: value for name, value in fields.items() if value is not ...}


def test_the_least_request_is_read() -> None:
    request = read(hook_body())
    assert (request.user_id, request.patient_id) == ("Practitioner/d-1", PATIENT)
    assert (request.encounter_id, request.grant, request.prefetch) == (None, None, {})


ACCEPTED = {
    "patientId as a reference": hook_body(context=context(patientId=f"Patient/{PATIENT}")),
    "hookInstance that is no UUID": hook_body(hookInstance="abc"),
    "unknown fields and extensions": hook_body(
        extension={"com.epic.cdshooks.request.bpa-trigger-action": "18"}, version="1.1", cards=[None]
    ),
    "null prefetch": hook_body(prefetch=None),
    "null fhirServer and fhirAuthorization": hook_body(fhirServer=None, fhirAuthorization=None),
    "userId of a patient": hook_body(context=context(userId=f"Patient/{PATIENT}")),
    "1.0 body with the empty encounter some EHRs send": hook_body(context=context(encounterId="")),
    "encounterId of the wrong type": hook_body(context=context(encounterId=7)),
}


@pytest.mark.parametrize("body", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_harmless_oddities_are_accepted(body: dict[str, Any]) -> None:
    request = read(body)
    assert request.patient_id == PATIENT
    assert request.encounter_id is None


REFUSED = {
    "a list": [],
    "null": None,
    "text": "patient-view",
    "no hook": hook_body(hook=...),
    "another hook": hook_body(hook="order-sign"),
    "hook null": hook_body(hook=None),
    "no hookInstance": hook_body(hookInstance=...),
    "hookInstance blank": hook_body(hookInstance="  "),
    "hookInstance a number": hook_body(hookInstance=7),
    "hookInstance endless": hook_body(hookInstance="x" * 257),
    "hookInstance with a control character": hook_body(hookInstance="a\nb"),
    "hookInstance with a lone surrogate": hook_body(hookInstance="a\ud800"),
    "no context": hook_body(context=...),
    "context a list": hook_body(context=[]),
    "no userId": hook_body(context=context(userId=...)),
    "userId empty": hook_body(context=context(userId="")),
    "no patientId": hook_body(context=context(patientId=...)),
    "patientId a number": hook_body(context=context(patientId=17)),
    "patientId of another type": hook_body(context=context(patientId="Practitioner/1")),
    "patientId with a path": hook_body(context=context(patientId="../Patient/2")),
    "patientId with a query": hook_body(context=context(patientId="1?_include=*")),
    "patientId absolute": hook_body(context=context(patientId="https://evil.example.org/Patient/1")),
    "prefetch a list": hook_body(prefetch=[]),
    "fhirAuthorization without fhirServer": hook_body(fhirAuthorization=AUTHORIZATION),
    "fhirAuthorization a text": hook_body(fhirServer=EHR, fhirAuthorization=TOKEN),
    "access_token missing": hook_body(fhirServer=EHR, fhirAuthorization={"token_type": "Bearer"}),
    "access_token with a line break": hook_body(fhirServer=EHR, fhirAuthorization={"access_token": "a\r\nb: c"}),
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED.keys())
def test_a_broken_envelope_is_a_400(body: Any) -> None:
    with pytest.raises(RequestUnreadable) as refused:
        read(body)
    assert refused.value.status == 400


@pytest.mark.parametrize("server", ["https://evil.example.org/fhir", f"{EHR}/x", "", 7, ["x"], {"url": EHR}, True])
def test_an_unregistered_fhir_server_is_refused(server: Any) -> None:
    with pytest.raises(FhirServerRefused):
        read(hook_body(fhirServer=server))


def test_a_registered_fhir_server_is_used_in_its_registered_spelling() -> None:
    request = read(hook_body(fhirServer="https://EHR.example.org:443/fhir/", fhirAuthorization=AUTHORIZATION))
    assert request.grant == FhirGrant(EHR, TOKEN)


def test_a_token_for_another_patient_is_refused() -> None:
    with pytest.raises(WrongPatient):
        read(hook_body(fhirServer=EHR, fhirAuthorization={**AUTHORIZATION, "patient": "p-2"}))
    same = read(hook_body(fhirServer=EHR, fhirAuthorization={**AUTHORIZATION, "patient": f"Patient/{PATIENT}"}))
    assert same.grant is not None


def test_the_access_token_is_in_no_repr() -> None:
    request = read(hook_body(fhirServer=EHR, fhirAuthorization=AUTHORIZATION))
    assert TOKEN not in repr(request)
    assert "Bundle" not in repr(read(hook_body(prefetch={"labs": {"resourceType": "Bundle"}})))


def test_a_prefetch_null_is_an_answer_and_a_wrong_type_is_none() -> None:
    """CH-18: null means "looked, found nothing"; what is neither object nor null was not supplied."""
    prefetch = {"creatinine": None, "patient": {"resourceType": "Patient"}, "labs": [], "vitals": "none", "x": 7}
    assert read(hook_body(prefetch=prefetch)).prefetch == {
        "creatinine": None,
        "patient": {"resourceType": "Patient"},
    }


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ["hook", "hookInstance", "context", "prefetch", "fhirServer", "fhirAuthorization", "extension"]


def status_of(body: Any) -> int:
    try:
        read(body)
    except CdsError as refused:
        return refused.status
    return 200


@settings(deadline=None)
@given(st.sampled_from(FIELDS), JSON)
def test_a_wrong_type_in_any_field_is_a_refusal_or_an_answer_never_a_failure(field: str, value: Any) -> None:
    assert status_of(hook_body(**{field: value})) in {200, 400, 403, 422}


@settings(deadline=None)
@given(st.sampled_from(["userId", "patientId", "encounterId"]), JSON)
def test_a_wrong_type_in_the_context_is_a_refusal_or_an_answer_never_a_failure(field: str, value: Any) -> None:
    assert status_of(hook_body(context=context(**{field: value}))) in {200, 400}
