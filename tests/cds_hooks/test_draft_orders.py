"""Draft orders of any shape: read for the drug, never an exception but the two that become 400 and 412."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_hooks.draft_orders import read_drafts
from cds_hooks.errors import DataUnavailable, RequestUnreadable

_WORDS = st.sampled_from(
    [
        "MedicationRequest", "ServiceRequest", "CT with contrast", "Medication", "Bundle", "#m", "Patient/p-1",
        "mg", "draft", "5640", "m", "",
    ]
)  # fmt: skip
_FIELDS = st.sampled_from(
    [
        "resourceType", "entry", "resource", "medicationCodeableConcept", "medicationReference", "medication",
        "contained", "coding", "system", "code", "display", "text", "reference", "subject", "dosageInstruction",
        "doseAndRate", "doseQuantity", "route", "status", "id", "fullUrl", "ingredient", "item", "product", "unit",
        "value", "concept", "itemCodeableConcept", "doNotPerform",
    ]
)  # fmt: skip
_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_FIELDS, inner, max_size=6),
    max_leaves=30,
)


@settings(deadline=None, max_examples=300)
@given(bundle=_ANYTHING, selections=_ANYTHING, selected=st.booleans())
def test_nothing_an_ehr_sends_as_drafts_breaks_the_reading(bundle: Any, selections: Any, selected: bool) -> None:
    context = {"draftOrders": bundle, "selections": selections}
    try:
        drafts = read_drafts(context, patient_id="p-1", selected_only=selected)
    except (DataUnavailable, RequestUnreadable):
        assert not isinstance(bundle, dict)
        return
    for draft in (*drafts.chosen, *drafts.beside):
        draft.recognised()


@settings(deadline=None, max_examples=200)
@given(
    resource=st.dictionaries(_FIELDS, _ANYTHING, max_size=8),
    kind=st.sampled_from(["MedicationRequest", "ServiceRequest"]),
)
def test_nothing_in_an_order_breaks_the_reading(resource: dict[str, Any], kind: str) -> None:
    resource["resourceType"] = kind
    context = {"draftOrders": {"entry": [{"resource": resource}]}}
    for draft in read_drafts(context, patient_id="p-1", selected_only=False).chosen:
        draft.recognised()


@pytest.mark.parametrize(
    ("quantity", "milligrams"),
    [
        ({"value": 500, "unit": "mg"}, 500.0),
        ({"value": 1, "code": "g"}, 1000.0),
        ({"value": 2, "unit": "tablet"}, None),
        ({"value": True, "unit": "mg"}, None),
    ],
)
def test_the_dose_is_read_only_from_a_quantity_of_mass(quantity: dict[str, Any], milligrams: float | None) -> None:
    order = {
        "resourceType": "MedicationRequest",
        "dosageInstruction": [{"doseAndRate": [{"doseQuantity": quantity}]}],
    }
    (draft,) = read_drafts({"draftOrders": order}, patient_id="p-1", selected_only=False).chosen
    assert draft.dose_mg == milligrams


@pytest.mark.parametrize("kind", ["MedicationRequest", "ServiceRequest", "DeviceRequest"])
def test_another_patients_drafts_are_dropped_and_counted(kind: str) -> None:
    theirs = {"resourceType": kind, "subject": {"reference": "Patient/p-2"}}
    mine = {"resourceType": "MedicationRequest", "subject": {"reference": "Patient/p-1"}}
    bundle = {"entry": [{"resource": theirs}, {"resource": mine}]}
    for selected in (True, False):
        drafts = read_drafts({"draftOrders": bundle}, patient_id="p-1", selected_only=selected)
        assert (len(drafts.chosen), drafts.of_others) == (1, 1)


@pytest.mark.parametrize(
    ("reference", "is_mine"),
    [
        ("Patient/p-1", True),
        ("https://ehr.example.org/fhir/Patient/p-1", True),
        ("Patient/p-1/_history/4", True),
        ("Patient/p-12", False),
        ("Patient/x-p-1", False),
        ("https://p-1.example.org/fhir/Patient/p-2", False),
    ],
)
def test_an_order_is_this_patients_by_the_whole_id_and_nothing_else(reference: str, is_mine: bool) -> None:
    order = {"resourceType": "MedicationRequest", "subject": {"reference": reference}}
    drafts = read_drafts({"draftOrders": order}, patient_id="p-1", selected_only=False)
    assert (len(drafts.chosen), drafts.of_others) == ((1, 0) if is_mine else (0, 1))


@pytest.mark.parametrize(("status", "is_draft"), [("draft", True), (None, True), ("active", False)])
def test_an_order_signed_before_is_none_to_take_away(status: str | None, is_draft: bool) -> None:
    order = {"resourceType": "MedicationRequest", "id": "m", "status": status}
    (draft,) = read_drafts({"draftOrders": order}, patient_id="p-1", selected_only=False).chosen
    assert draft.is_draft is is_draft


@pytest.mark.parametrize("changes", [{"status": "on-hold"}, {"status": "cancelled"}, {"doNotPerform": True}])
def test_an_order_to_hold_or_stop_a_drug_is_no_order_for_it(changes: dict[str, Any]) -> None:
    order = {"resourceType": "MedicationRequest", "id": "m", "status": "draft", **changes}
    assert (
        read_drafts(
            {"draftOrders": {"entry": [{"resource": order}]}}, patient_id="p-1", selected_only=False
        ).chosen
        == ()
    )
