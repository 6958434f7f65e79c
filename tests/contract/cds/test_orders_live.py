"""Order and discharge hooks over HTTP against gunicorn, as an EHR sends them and as nobody should."""

from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from tests.builders.cds import PATIENT, PUBLIC_URL, creatinine, full_prefetch, hook_body
from tests.contract.cds.conftest import LiveService, fresh_token


def post(live: LiveService, service: str, context: dict[str, Any]) -> requests.Response:
    now = datetime.now(UTC)
    prefetch = full_prefetch(creatinine("c1", 0.9, 40, now=now), creatinine("c2", 1.9, 2, now=now))
    body = hook_body(
        hook=service.removeprefix("aki-"),
        context={"userId": "Practitioner/d-1", "patientId": PATIENT, "encounterId": "e-1", **context},
        prefetch=prefetch,
    )
    url = f"/cds-services/{service}"
    headers = {"Authorization": f"Bearer {fresh_token(aud=PUBLIC_URL + url)}"}
    return requests.post(live.address + url, json=body, headers=headers, timeout=20)


IBUPROFEN = {
    "resourceType": "MedicationRequest",
    "id": "draft-1",
    "medicationCodeableConcept": {
        "coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "5640"}]
    },
}


@pytest.mark.parametrize("service", ["aki-order-select", "aki-order-sign"])
def test_an_nsaid_in_aki_gets_a_card_that_can_take_it_away_again(live: LiveService, service: str) -> None:
    drafts = {"resourceType": "Bundle", "entry": [{"resource": IBUPROFEN}]}
    answer = post(live, service, {"draftOrders": drafts, "selections": ["MedicationRequest/draft-1"]})
    assert answer.status_code == 200, answer.text
    (card,) = answer.json()["cards"]
    assert "ibuprofen (NSAID) in AKI stage 2" in card["summary"]
    assert card["suggestions"][0]["actions"][0]["resourceId"] == "MedicationRequest/draft-1"


def test_discharge_with_aki_gets_a_plan(live: LiveService) -> None:
    (card,) = post(live, "aki-encounter-discharge", {}).json()["cards"]
    assert card["summary"].startswith("For review before discharge: AKI stage 2 in this stay, not recovered")


HOSTILE: dict[str, Any] = {
    "a thousand drafts": {"resourceType": "Bundle", "entry": [{"resource": IBUPROFEN}] * 1000},
    "an id of another kind": {"entry": [{"resource": {**IBUPROFEN, "id": ["x"], "status": {"a": 1}}}]},
    "a very long name": {
        "entry": [{"resource": {**IBUPROFEN, "medicationCodeableConcept": {"text": "ib" * 50_000}}}]
    },
    "a drug that refers to itself": {
        "entry": [{"resource": {**IBUPROFEN, "medicationReference": {"reference": "MedicationRequest/draft-1"}}}]
    },
    "numbers for everything": {"entry": [{"resource": {"resourceType": "MedicationRequest", "contained": 1}}]},
    "markup": {
        "entry": [{"resource": {**IBUPROFEN, "medicationCodeableConcept": {"text": "<script>[x](javascript:1)"}}}]
    },
}


@pytest.mark.parametrize("drafts", HOSTILE.values(), ids=HOSTILE.keys())
def test_nothing_sent_as_drafts_makes_the_service_fail(live: LiveService, drafts: Any) -> None:
    answer = post(live, "aki-order-sign", {"draftOrders": drafts})
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["cards"]) <= 3
    assert "<script" not in answer.text
