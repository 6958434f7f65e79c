"""The CDS services driven from outside, over HTTP against gunicorn with two workers (issue rows "Shows")."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import requests

from tests.builders.cds import EHR, creatinine, full_prefetch, hook_body
from tests.contract.cds.conftest import LiveService, fresh_token


def rising() -> dict[str, Any]:
    now = datetime.now(UTC)
    return full_prefetch(creatinine("c1", 0.9, 40, now=now), creatinine("c2", 1.9, 2, now=now))


def test_discovery_needs_no_token(live: LiveService) -> None:
    answer = requests.get(f"{live.address}/cds-services", timeout=10)
    assert answer.status_code == 200
    assert [service["id"] for service in answer.json()["services"]] == [
        "aki-patient-view",
        "aki-order-select",
        "aki-order-sign",
        "aki-encounter-discharge",
    ]


def test_a_signed_call_with_prefetch_gets_a_card_that_opens_the_app(live: LiveService) -> None:
    answer = live.post(hook_body(prefetch=rising()))
    assert answer.status_code == 200, answer.text
    (card,) = answer.json()["cards"]
    assert "KDIGO stage 2" in card["summary"]
    assert card["links"][0]["type"] == "smart"
    assert card["suggestions"][0]["actions"][0]["resource"]["resourceType"] == "ServiceRequest"


def test_refusals_are_operation_outcomes_from_the_real_stack(live: LiveService) -> None:
    unregistered = hook_body(fhirServer="https://evil.example.org/fhir", prefetch=rising())
    cases = {
        401: live.post(hook_body(prefetch=rising()), bearer=""),
        412: live.post(hook_body()),
        403: live.post(unregistered),
        400: live.post([]),
        405: requests.put(f"{live.address}/cds-services/aki-patient-view", timeout=10),
        404: requests.post(f"{live.address}/cds-services/unknown", json={}, timeout=10),
        413: live.post(hook_body(padding="x" * 11_000_000)),
    }
    assert {expected: answer.status_code for expected, answer in cases.items()} == {code: code for code in cases}
    for answer in cases.values():
        assert answer.json()["resourceType"] == "OperationOutcome"


def test_a_browser_client_of_a_registered_origin_gets_its_preflight(live: LiveService) -> None:
    headers = {"Origin": "https://sandbox.example.org", "Access-Control-Request-Method": "POST"}
    answer = requests.options(f"{live.address}/cds-services/aki-patient-view", headers=headers, timeout=10)
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "https://sandbox.example.org"


def test_of_a_token_raced_across_workers_exactly_one_call_is_answered(live: LiveService) -> None:
    """CH-52; hardening row 11."""
    body = hook_body(prefetch=rising())
    for _ in range(3):
        bearer = fresh_token()
        with ThreadPoolExecutor(16) as pool:
            statuses = list(pool.map(lambda _: live.post(body, bearer=bearer).status_code, range(16)))  # noqa: B023
        assert sorted(statuses) == [200, *[401] * 15]


def test_a_chunked_body_is_read_and_capped(live: LiveService) -> None:
    def chunks(size: int) -> Any:
        for _ in range(size):
            yield b" " * 100_000

    url = f"{live.address}/cds-services/aki-patient-view"
    headers = {"Authorization": f"Bearer {fresh_token()}", "Content-Type": "application/json"}
    assert requests.post(url, data=chunks(110), headers=headers, timeout=20).status_code == 413


def test_calls_in_parallel_are_all_answered(live: LiveService) -> None:
    body = hook_body(prefetch=rising())
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: live.post(body).status_code, range(40)))
    assert statuses == [200] * 40


def test_nothing_of_patient_or_token_is_in_the_servers_log(live: LiveService) -> None:
    bearer = fresh_token()
    grant = {"access_token": "canary-access-token", "token_type": "Bearer", "expires_in": 60}
    named = {"resourceType": "Patient", "id": "p-1", "name": [{"family": "Canaryname"}], "birthDate": "1950-05-01"}
    for body in (
        hook_body(prefetch={**rising(), "patient": named}),
        hook_body(prefetch={"patient": named}, fhirServer=EHR, fhirAuthorization=grant),
    ):
        live.post(body, bearer=bearer)
        bearer = fresh_token()
    log = live.log.read_text(errors="replace")
    assert log
    for canary in ("Canaryname", "canary-access-token", "Patient/p-1", "p-1", bearer.split(".")[2]):
        assert canary not in log
