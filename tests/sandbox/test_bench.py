"""The testers' bench: what is composed is what is sent, in every dialect, and everything said is shown."""

import base64
import html
import json
import re
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from sandbox.cds_contexts import ORDER_SHAPES
from sandbox.cds_dialects import DIALECTS, find_dialect
from tests.builders.cds_listener import Listener
from tests.builders.smart_app import FHIR, SmartApp

PATIENT = "10000032"


def send(ehr: SmartApp, **choices: Any) -> str:
    answer = ehr.http.get("/bench", query_string={"patient": PATIENT, "service": "patient-view", **choices})
    assert answer.status_code == 200
    return html.unescape(answer.text)


def test_a_bench_just_opened_sends_nothing(ehr: SmartApp, listener: Listener) -> None:
    assert "Nothing sent yet" in ehr.http.get("/bench").text
    assert listener.heard == []


def test_what_was_said_is_shown_without_tokens(ehr: SmartApp, listener: Listener) -> None:
    page = send(ehr)
    _, proof, body = listener.heard[-1]
    assert "Look at the kidneys" in page
    assert body["hookInstance"] in page
    assert body["fhirAuthorization"]["access_token"] not in page
    assert proof.rpartition(".")[2] not in page


@pytest.mark.parametrize("dialect", [dialect.id for dialect in DIALECTS])
def test_every_dialect_signs_with_a_published_key_and_its_own_life(
    ehr: SmartApp, listener: Listener, dialect: str
) -> None:
    send(ehr, dialect=dialect)
    spoken = find_dialect(dialect)
    keys = KeySet.import_key_set(ehr.http.get("/fhir/.well-known/jwks.json").json)
    token = jwt.decode(listener.heard[-1][1], keys, algorithms=[spoken.algorithm])
    assert token.claims["exp"] - token.claims["iat"] == spoken.token_life_seconds
    assert token.claims["iss"] == FHIR
    assert listener.body()["fhirAuthorization"]["scope"] == spoken.scope()


def test_epic_names_prefetch_its_own_way_and_says_what_triggered_the_call(
    ehr: SmartApp, listener: Listener
) -> None:
    send(ehr, dialect="epic", service="encounter-discharge")
    body = listener.body()
    assert body["hook"] == "patient-view"
    assert body["extension"]["com.epic.cdshooks.request.bpa-trigger-action"] == 27
    assert set(body["prefetch"]) == {"site-patient", "lab-other"}
    claims = json.loads(_part(listener.heard[-1][1], 1))
    assert claims["nbf"] == claims["iat"] - 300
    assert claims["sub"] == "aki-sentinel"


def test_the_sandbox_says_null_where_it_found_nothing(ehr: SmartApp, listener: Listener) -> None:
    send(ehr, dialect="sandbox")
    assert listener.body()["prefetch"]["labs"] is None
    send(ehr, dialect="2.0")
    assert listener.body()["prefetch"]["labs"]["total"] == 0


@pytest.mark.parametrize("shape", ORDER_SHAPES)
def test_several_orders_are_drafted_in_the_chosen_shape(ehr: SmartApp, listener: Listener, shape: str) -> None:
    send(
        ehr, service="order-select", shape=shape, drug=["5640", "29046"], other_name="unobtainium", other_code="7"
    )
    context = listener.body()["context"]
    entries = [entry["resource"] for entry in context["draftOrders"]["entry"]]
    orders = [resource for resource in entries if resource["resourceType"] == "MedicationRequest"]
    assert context["selections"] == [
        "MedicationRequest/draft-1",
        "MedicationRequest/draft-2",
        "MedicationRequest/draft-3",
    ]
    assert ("5640" in json.dumps(entries)) is (shape != "text")
    assert all(name in json.dumps(entries) for name in ("ibuprofen", "lisinopril", "unobtainium"))
    assert len(entries) - len(orders) == (3 if shape == "entry" else 0)


def test_prefetch_and_access_can_be_left_out(ehr: SmartApp, listener: Listener) -> None:
    send(ehr, prefetch="none", access="none")
    assert not {"prefetch", "fhirAuthorization"} & listener.body().keys()


def test_feedback_is_sent_in_the_dialect_of_the_card(ehr: SmartApp, listener: Listener) -> None:
    page = send(ehr, dialect="epic")
    form = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
    ehr.http.post(f"/patients/{PATIENT}/cds/patient-view/feedback", data={**form, "reason": "urn:test|known"})
    [item] = listener.body()["feedback"]
    assert item["overrideReasons"] == {"reason": {"code": "known", "system": "urn:test"}}


@pytest.mark.parametrize("choice", [{"patient": "nobody"}, {"service": "none"}, {"dialect": "?"}, {"shape": "?"}])
def test_a_choice_that_does_not_exist_becomes_the_first_one(
    ehr: SmartApp, listener: Listener, choice: dict[str, str]
) -> None:
    send(ehr, **choice)
    assert len(listener.heard) == 1


def _part(token: str, index: int) -> bytes:
    text = token.split(".")[index]
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
