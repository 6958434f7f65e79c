"""A launch without a patient, in one browser, at an EHR that holds whatever a test says."""

import re
from datetime import timedelta
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.launched.sessions import LaunchSession, cookie_name
from app.services import AppServices
from launch.context import LaunchContext, Tokens
from tests.builders.fake_ehr import FakeEhr, json_response

SCOPES = frozenset({"user/*.rs", "openid"})
SEARCH = "/fhir/Patient/_search"
TABLES = ("opened_patient", "patient_search", "launch_session")
EMPTY = {"resourceType": "Bundle", "type": "searchset", "entry": []}


def patient(number: int = 1, **changes: Any) -> dict[str, Any]:
    usual = {
        "resourceType": "Patient",
        "id": f"p{number}",
        "identifier": [{"type": {"coding": [{"code": "MR"}]}, "value": f"00{number}"}],
        "name": [{"family": "Osei", "given": ["Ama"]}],
        "gender": "female",
        "birthDate": "1961-02-03",
    }
    return {**usual, **changes}


def bundle(*resources: dict[str, Any], **more: Any) -> dict[str, Any]:
    entries = [{"resource": each} for each in resources]
    return {"resourceType": "Bundle", "type": "searchset", "entry": entries, **more}


def started_without_patient(
    services: AppServices, client: FlaskClient, ehr: FakeEhr, refresh_token: str | None = None
) -> LaunchSession:
    tokens = Tokens("at-1", services.clock() + timedelta(hours=1), SCOPES, refresh_token)
    made, ticket = services.sessions.start(LaunchContext("local", ehr.fhir_base, None, tokens))
    client.set_cookie(cookie_name(made.id), ticket.secret, domain="aki", secure=True)
    return made


def fill_charts(ehr: FakeEhr, *patients: dict[str, Any]) -> None:
    """Charts that hold nothing but their patient."""
    kinds = ("Observation", "Condition", "MedicationRequest", "Procedure", "Encounter", "MedicationAdministration")
    for kind in (*kinds, "DiagnosticReport", "ImagingStudy"):
        ehr.answers[f"/fhir/{kind}"] = lambda _: json_response(EMPTY)
    for each in patients:
        ehr.answers[f"/fhir/Patient/{each['id']}"] = lambda _, found=each: json_response(found)


def get_page(client: FlaskClient, address: str) -> TestResponse:
    return client.get(address, base_url="https://aki")


def post_form(client: FlaskClient, session: LaunchSession, what: str, **form: str) -> TestResponse:
    data = {"csrf_token": session.csrf_token, **form}
    return client.post(f"/p/{session.id}/{what}", data=data, base_url="https://aki")


def rows_found(client: FlaskClient, session: LaunchSession) -> list[str]:
    return re.findall(r'name="row" value="([^"]+)"', get_page(client, f"/p/{session.id}/").text)


def open_patient(client: FlaskClient, session: LaunchSession, number: str = "001") -> str:
    """Search by number and open the one found; the address of its page."""
    assert post_form(client, session, "search", identifier=number).status_code == 303
    (row,) = rows_found(client, session)
    opened = post_form(client, session, "open", row=row)
    assert opened.status_code == 303, opened.text
    return opened.headers["Location"]


def trail_of(services: AppServices) -> list[tuple[str, str]]:
    return [(event["action"], event["outcome"]) for event in services.audit.events()]


def cookies_of(client: FlaskClient) -> dict[str, str]:
    return {cookie.key: cookie.value for cookie in client._cookies.values()}
