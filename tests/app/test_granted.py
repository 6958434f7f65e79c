"""The granted scopes decide, feature by feature, what is read and what is said instead (SL-27)."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.factory import create_app
from app.launched.granted import missing_kinds
from app.services import AppServices, open_services
from tests.builders.fake_ehr import FakeEhr, json_response
from tests.builders.registrations import ehr_table, local_ehrs, settings_for


@pytest.mark.parametrize(
    ("granted", "missing"),
    [
        ("patient/*.rs", ()),
        ("patient/*.read", ()),
        ("user/Patient.read user/Observation.read", ()),
        ("patient/Patient.r patient/Observation.rs", ()),
        ("patient/Patient.r patient/Observation.rs?category=laboratory", ()),
        ("patient/Patient.r patient/Observation.r", ("laboratory results",)),
        ("patient/Patient.r patient/Condition.rs", ("laboratory results",)),
        ("patient/Observation.rs", ("the patient's details",)),
        ("launch openid fhirUser", ("the patient's details", "laboratory results")),
        ("", ("the patient's details", "laboratory results")),
        ("patient/Patient.cud patient/Observation.write", ("the patient's details", "laboratory results")),
    ],
)
def test_only_patient_and_laboratory_results_are_indispensable(granted: str, missing: tuple[str, ...]) -> None:
    assert missing_kinds(frozenset(granted.split())) == missing


@pytest.fixture
def services(ehr: FakeEhr, tmp_path: Path, clock) -> AppServices:
    return open_services(settings_for(tmp_path), ehrs=local_ehrs(ehr_table(ehr.base_url)), clock=clock)


@pytest.fixture
def client(services: AppServices) -> FlaskClient:
    return create_app(services=services).test_client()


def _launch(client: FlaskClient, ehr: FakeEhr, scope: str) -> TestResponse:
    ehr.token_response = {"access_token": "at", "token_type": "Bearer", "scope": scope, "patient": "p1"}
    begun = client.get("/launch", query_string={"iss": ehr.fhir_base, "launch": "x"}, base_url="https://aki")
    state = parse_qs(urlsplit(begun.headers["Location"]).query)["state"][0]
    return client.get("/callback", query_string={"state": state, "code": "c"}, base_url="https://aki")


@pytest.mark.parametrize(
    ("scope", "named"),
    [
        ("", "the patient&#39;s details and laboratory results"),
        ("launch patient/Patient.r", "laboratory results"),
    ],
)
def test_a_grant_without_the_results_stops_with_a_page_that_names_what_is_missing(
    client, services, ehr, scope: str, named: str
) -> None:
    response = _launch(client, ehr, scope)
    assert response.status_code == 403
    assert "scopes-missing" in response.text
    assert named in response.text
    assert not [path for path in ehr.paths() if path.startswith("/fhir/Patient")]
    with services.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM launch_session").scalar() == 0
    assert [event["outcome"] for event in services.audit.events()] == ["scopes-missing"]


def test_without_conditions_the_page_stands_and_says_they_were_not_read(client, ehr) -> None:
    def bundle(*resources: dict[str, Any]) -> Any:
        found = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": r} for r in resources]}
        return lambda _: json_response(found)

    ehr.answers["/fhir/Patient/p1"] = lambda _: json_response({"resourceType": "Patient", "id": "p1"})
    ehr.answers["/fhir/Observation"] = bundle()
    done = _launch(client, ehr, "patient/Patient.r patient/Observation.rs")
    page = client.get(done.headers["Location"], base_url="https://aki")
    assert page.status_code == 200
    assert "conditions: The EHR does not permit reading this part of the chart." in page.text
    assert "/fhir/Condition" not in ehr.paths()
