"""What each hook's context must hold (HL7 CDS Hooks Library 1.0.1), and that no EHR is refused for the rest."""

from collections.abc import Callable
from typing import Any

import pytest

from model.drug_table import RXNORM
from patient_context.queries import prefetch_templates
from tests.builders.cds import (
    PATIENT,
    PUBLIC_URL,
    RISING,
    hook_body,
    token,
)
from tests.builders.drugs import code_of
from tests.cds_hooks.conftest import Bench

BuildBench = Callable[..., Bench]
CONCEPT = {"coding": [{"system": RXNORM, "code": code_of("ibuprofen").code}], "text": "ibuprofen"}
DRAFT = {"resourceType": "MedicationRequest", "id": "d-1", "status": "draft", "medicationCodeableConcept": CONCEPT}
DRAFTS = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": DRAFT}]}
CONTEXTS: dict[str, dict[str, Any]] = {
    "patient-view": {},
    "order-select": {"selections": ["MedicationRequest/d-1"], "draftOrders": DRAFTS},
    "order-sign": {"draftOrders": DRAFTS},
    "encounter-discharge": {"encounterId": "e-1"},
}
HOOKS = list(CONTEXTS)
ORDERS = ["order-select", "order-sign"]


def ask(bench: Bench, hook: str, **changes: Any) -> Any:
    fields = {"userId": "Practitioner/d-1", "patientId": PATIENT, **CONTEXTS[hook], **changes}
    context = {name: value for name, value in fields.items() if value is not ...}
    body = hook_body(
        hook=hook,
        context=context,
        prefetch=RISING,
    )
    service = f"aki-{hook}"
    return bench.post(body, path=service, bearer=token(aud=f"{PUBLIC_URL}/cds-services/{service}"))


def code_of_refusal(answer: Any) -> str:
    return str(answer.get_json()["issue"][0]["details"]["coding"][0]["code"])


@pytest.mark.parametrize("hook", HOOKS)
def test_a_context_as_the_library_describes_it_is_answered_with_a_card(bench: BuildBench, hook: str) -> None:
    answer = ask(bench(), hook)
    assert (answer.status_code, len(answer.get_json()["cards"])) == (200, 1)


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("name", ["userId", "patientId"])
@pytest.mark.parametrize("value", [..., None, 7, "", ["x"]])
def test_a_context_without_user_or_patient_as_text_is_400(
    bench: BuildBench, hook: str, name: str, value: Any
) -> None:
    answer = ask(bench(), hook, **{name: value})
    assert (answer.status_code, code_of_refusal(answer)) == (400, "field-missing")


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("user", ["Practitioner/d-1", "PractitionerRole/r-1", "Patient/p-1", "d-1"])
def test_any_kind_of_user_is_recorded_as_sent(bench: BuildBench, hook: str, user: str) -> None:
    built = bench()
    assert ask(built, hook, userId=user).status_code == 200
    assert built.events[-1].user_id == user


@pytest.mark.parametrize("hook", HOOKS)
def test_the_patient_of_the_context_is_whom_the_answer_is_about(bench: BuildBench, hook: str) -> None:
    built = bench()
    assert ask(built, hook, patientId="p-2").get_json()["issue"][0]["code"] == "business-rule"
    assert built.events[-1].cards == ()


@pytest.mark.parametrize("hook", [hook for hook in HOOKS if hook != "encounter-discharge"])
@pytest.mark.parametrize("value", [..., None, "", 7])
def test_an_encounter_is_optional_where_the_library_says_so(bench: BuildBench, hook: str, value: Any) -> None:
    built = bench()
    assert ask(built, hook, encounterId=value).status_code == 200
    assert built.events[-1].encounter_id is None


@pytest.mark.parametrize("hook", HOOKS)
def test_an_encounter_that_is_named_is_recorded(bench: BuildBench, hook: str) -> None:
    built = bench()
    ask(built, hook, encounterId="e-1")
    assert built.events[-1].encounter_id == "e-1"


@pytest.mark.parametrize("value", [..., None, "", 7])
def test_a_discharge_without_its_encounter_is_400(bench: BuildBench, value: Any) -> None:
    answer = ask(bench(), "encounter-discharge", encounterId=value)
    assert (answer.status_code, code_of_refusal(answer)) == (400, "field-missing")


@pytest.mark.parametrize("hook", ORDERS)
@pytest.mark.parametrize(
    ("drafts", "status", "code"),
    [(..., 412, "draft-orders-missing"), (None, 412, "draft-orders-missing"), ([], 400, "draft-orders-invalid")],
)
def test_orders_are_asked_for_where_they_are_missing(
    bench: BuildBench, hook: str, drafts: Any, status: int, code: str
) -> None:
    answer = ask(bench(), hook, draftOrders=drafts)
    assert (answer.status_code, code_of_refusal(answer)) == (status, code)


@pytest.mark.parametrize("selections", [..., None, "x", [7], [], ["MedicationRequest/d-1"], ["d-1"]])
def test_selections_may_be_absent_or_odd_and_the_drug_is_still_looked_at(
    bench: BuildBench, selections: Any
) -> None:
    answer = ask(bench(), "order-select", selections=selections)
    assert [card["source"]["topic"]["code"] for card in answer.get_json()["cards"]] == ["KidneyNSAID"]


def test_no_template_uses_a_field_that_is_no_prefetch_token() -> None:
    for template in (*prefetch_templates("coded").values(), *prefetch_templates("category").values()):
        assert "draftOrders" not in template
        assert "selections" not in template
