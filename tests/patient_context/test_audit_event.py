"""Audit events as FHIR: what IHE's Basic Audit Log Patterns ask for, checked element by element."""

from typing import Any

import pytest
from fhirclient.models.auditevent import AuditEvent

from patient_context.audit_event import audit_event

BASE = "https://ehr.example.org/fhir"
VIEW: dict[str, Any] = {
    "action": "chart-viewed",
    "outcome": "Assessment",
    "at": "2026-03-01T12:00:00+00:00",
    "seq": 7,
    "ehr_id": "general",
    "who": f"{BASE}/Practitioner/7",
    "patient_id": "p-1",
    "model_sha256": "ab" * 32,
    "request_id": "request-1234",
}


def _event(**changes: Any) -> dict[str, Any]:
    fields = {name: value for name, value in (VIEW | changes).items() if value is not None}
    return audit_event(fields, fhir_base=BASE, client_id="aki-sentinel")


def _entity(event: dict[str, Any], code: str) -> dict[str, Any]:
    (found,) = [each for each in event["entity"] if each["type"]["code"] == code]
    return found


@pytest.mark.parametrize(
    "action",
    [
        "launch-accepted",
        "launch-refused",
        "launch-ended",
        "chart-viewed",
        "chart-not-shown",
        "card-returned",
        "card-suppressed",
        "cds-refused",
        "write-back",
        "trail-exported",
        "trail-purged",
        "key-changed",
        "configuration-changed",
        "database-changed",
        "site-switched",
        "outcomes-joined",
        "jobs-run",
        "an action of a later release",
    ],
)
@pytest.mark.parametrize("installation_only", [True, False])
def test_every_kind_of_event_is_a_valid_audit_event(action: str, installation_only: bool) -> None:
    """fhirclient's models refuse missing and unknown elements (REG-21)."""
    absent = dict.fromkeys(("patient_id", "ehr_id", "request_id", "model_sha256", "who"))
    event = _event(action=action, **(absent if installation_only else {}))
    assert AuditEvent(event).as_json() == event
    assert sum(agent["requestor"] for agent in event["agent"]) == 1


def test_a_look_at_a_chart_is_balps_patient_read() -> None:
    event = _event()
    assert event["meta"]["profile"] == [
        "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.PatientRead"
    ]
    assert (event["type"]["code"], event["subtype"][0]["code"], event["action"]) == ("rest", "read", "R")
    assert event["outcome"] == "0"
    client, server, user = event["agent"]
    assert client["type"]["coding"][0]["code"] == "110152"
    assert client["who"]["identifier"]["value"] == "aki-sentinel"
    assert server["type"]["coding"][0]["code"] == "110153"
    assert server["network"] == {"address": BASE, "type": "5"}
    assert (user["who"]["reference"], user["requestor"]) == (f"{BASE}/Practitioner/7", True)
    assert _entity(event, "1")["what"] == {"reference": "Patient/p-1"}
    assert _entity(event, "1")["role"]["code"] == "1"
    assert _entity(event, "XrequestId")["what"]["identifier"]["value"] == "request-1234"


def test_a_write_is_balps_patient_create_and_names_what_was_created() -> None:
    event = _event(action="write-back", outcome="written", reference="RiskAssessment/9")
    assert event["meta"]["profile"][0].endswith("IHE.BasicAudit.PatientCreate")
    assert (event["subtype"][0]["code"], event["action"]) == ("create", "C")
    assert event["agent"][0]["type"]["coding"][0]["code"] == "110153"
    assert _entity(event, "2")["what"] == {"reference": "RiskAssessment/9"}


def test_a_hook_call_holds_the_id_of_the_callers_token_and_never_more() -> None:
    """REG-22: the JWT's id as the agent's policy."""
    event = _event(action="card-suppressed", outcome="no-aki", service="aki-patient-view", jti="jti-1")
    caller, ours, user = event["agent"]
    assert caller["policy"] == ["urn:aki-sentinel:jti:jti-1"]
    assert (caller["requestor"], ours["requestor"], user["requestor"]) == (False, False, True)
    assert "meta" not in event


def test_refusals_are_minor_failures_and_say_why() -> None:
    event = _event(action="launch-refused", outcome="authorization-refused", patient_id=None)
    assert (event["outcome"], event["outcomeDesc"]) == ("4", "authorization-refused")
    assert (event["type"]["code"], event["subtype"][0]["code"]) == ("110114", "110122")


def test_no_profile_is_claimed_for_an_ehr_that_is_no_longer_registered() -> None:
    assert "meta" not in audit_event(VIEW, fhir_base=None, client_id=None)


def test_the_entries_an_answer_rests_on_are_entities_of_the_event() -> None:
    event = _event(inputs=["Observation/cr-3", "Observation/hb-3"], unread=["labs: upstream-unavailable"])
    named = [entity["what"].get("reference") for entity in event["entity"]]
    assert named[-3:-1] == ["Observation/cr-3", "Observation/hb-3"]
    assert {"type": "unread", "valueString": "labs: upstream-unavailable"} in event["entity"][0]["detail"]


def test_a_look_in_vain_is_told_as_a_failure_without_claiming_a_profile() -> None:
    event = _event(action="chart-not-shown", outcome="upstream-unavailable")
    assert event["outcome"] == "4"
    assert "meta" not in event
