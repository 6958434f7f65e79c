"""The launch context of a token response (SL-39, SL-40, SL-48..53)."""

from typing import Any

import pytest

from launch.context import ContextReference, LaunchContext, Tokens, launch_context
from launch.errors import NoPatientInContext
from launch.keys import ClientKeys, new_key


def _context(clock, **response: Any) -> LaunchContext:
    tokens = Tokens("at", clock(), frozenset())
    return launch_context(
        {"patient": "p1", **response}, ehr_id="local", fhir_base_url="https://ehr/fhir", tokens=tokens, user=None
    )


@pytest.mark.parametrize("patient", ["", 7, ["p1"], {"id": "p1"}, "Patient/p1", "p 1", "p1/../p2", "x" * 65])
def test_a_patient_that_is_no_plain_id_is_no_launch(clock, patient: Any) -> None:
    with pytest.raises(NoPatientInContext):
        _context(clock, patient=patient)


def test_no_patient_named_is_said_and_never_filled_in(clock) -> None:
    assert _context(clock, patient=None).patient is None
    tokens = Tokens("at", clock(), frozenset({"openid", "user/Patient.rs", "patient/Observation.rs"}))
    bare = launch_context({}, ehr_id="local", fhir_base_url="https://ehr/fhir", tokens=tokens, user=None)
    assert bare.patient is None
    assert tokens.scopes_without_patient == {"openid", "user/Patient.rs"}


@pytest.mark.parametrize(
    ("sent", "shown"), [(True, True), (None, True), ("false", True), (0, True), (False, False)]
)
def test_the_banner_is_left_out_only_on_a_clear_false(clock, sent: Any, shown: bool) -> None:
    assert _context(clock, need_patient_banner=sent).need_patient_banner is shown
    assert _context(clock).need_patient_banner is True


def test_optional_parts_are_taken_when_they_are_what_they_should_be(clock) -> None:
    found = _context(clock, encounter="e1", intent="reconcile", tenant="t", appContext="stage-2", unknown={"x": 1})
    assert (found.encounter, found.intent, found.tenant, found.app_context) == ("e1", "reconcile", "t", "stage-2")
    odd = _context(clock, encounter=["e1"], intent={}, tenant=3, appContext="x" * 5000, smart_style_url=False)
    assert (odd.encounter, odd.intent, odd.tenant, odd.app_context, odd.smart_style_url) == (None,) * 5


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([{"reference": "ImagingStudy/1", "role": "x"}], (ContextReference("ImagingStudy/1", "x"),)),
        (["Task/9"], (ContextReference("Task/9"),)),
        ([{"reference": "Patient/2"}, "Patient/3", {"reference": "Encounter/2", "role": "launch"}], ()),
        ([{"reference": "https://ehr.example.org/fhir/Patient/2"}, "https://x.test/Encounter/3/_history/1"], ()),
        ([{"reference": "Task/1", "role": ""}, {"canonical": "x"}, 7, None], ()),
        ("Task/1", ()),
        (None, ()),
    ],
)
def test_fhir_context_is_read_tolerantly_and_brings_in_no_second_patient(clock, entries: Any, expected) -> None:
    assert _context(clock, fhirContext=entries).fhir_context == expected


def test_the_published_key_set_holds_public_members_only() -> None:
    published = ClientKeys([new_key("ES384"), new_key("RS384")]).public_jwks()["keys"]
    for key in published:
        assert not {"d", "p", "q", "dp", "dq", "qi", "k"} & key.keys()
        assert {"kid", "alg", "use", "kty"} <= key.keys()
    assert len({key["kid"] for key in published}) == 2
