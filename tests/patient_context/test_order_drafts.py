"""Drafts for a clinician to sign or confirm: valid R4, marked as asserted by AI, asserting nothing themselves."""

from datetime import UTC, datetime, timedelta

import pytest
from fhirclient.models.condition import Condition
from fhirclient.models.servicerequest import ServiceRequest

from patient_context.order_drafts import aki_condition, service_request

NOW = datetime(2026, 3, 12, 9, tzinfo=UTC)
CODES = {
    "creatinine": "2160-0",
    "urinalysis": "24356-8",
    "urine-albumin": "9318-7",
    "renal-ultrasound": "306005",
    "nephrology": "306125004",
}


@pytest.mark.parametrize(("service", "code"), CODES.items())
def test_every_service_is_a_valid_draft_order(service: str, code: str) -> None:
    due = NOW + timedelta(days=7)
    resource = service_request(service, "p-1", authored_at=NOW, due_at=due, encounter_id="e-1", reason="why")
    read = ServiceRequest(resource)
    assert (read.status, read.intent, read.code.coding[0].code) == ("draft", "order", code)
    assert (read.subject.reference, read.encounter.reference) == ("Patient/p-1", "Encounter/e-1")
    assert resource["occurrenceDateTime"] == "2026-03-19T09:00:00+00:00"
    assert resource["meta"]["security"][0]["code"] == "AIAST"


def test_what_is_not_known_is_left_out() -> None:
    resource = service_request("nephrology", "p-1", authored_at=NOW)
    assert not {"category", "occurrenceDateTime", "encounter", "reasonCode"} & resource.keys()


def test_an_unknown_service_is_refused() -> None:
    with pytest.raises(KeyError):
        service_request("biopsy", "p-1", authored_at=NOW)


def test_the_diagnosis_is_for_a_clinician_to_confirm() -> None:
    resource = aki_condition("p-1", recorded_at=NOW, encounter_id="e-1")
    read = Condition(resource)
    assert read.verificationStatus.coding[0].code == "unconfirmed"
    assert {coding.code for coding in read.code.coding} == {"14669001", "N17.9"}
    assert resource["meta"]["security"][0]["code"] == "AIAST"
