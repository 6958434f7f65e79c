"""How many requests to the EHR stand between the click and the page, one after the other.

The least possible for a launch is two: the token, then one round of FHIR queries side by side. Discovery and the
issuer's keys come before them once every few minutes; medications named by reference need a round after them.
"""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from flask.testing import FlaskClient

from app.factory import create_app
from app.services import open_services
from tests.builders.fake_ehr import FakeEhr, json_response
from tests.builders.registrations import ehr_table, local_ehrs, settings_for

CONFIGURATION, TOKEN, KEYS = "/fhir/.well-known/smart-configuration", "/auth/token", "/jwks.json"


def _launch(client: FlaskClient, ehr: FakeEhr, clock) -> tuple[list[str], list[str]]:
    """What the EHR was asked up to the redirect to the page, and for the page itself."""
    ehr.asked.clear()
    begun = client.get("/launch", query_string={"iss": ehr.fhir_base, "launch": "x"}, base_url="https://aki")
    asked = parse_qs(urlsplit(begun.headers["Location"]).query)
    ehr.token_response = {
        "access_token": "at",
        "token_type": "Bearer",
        "scope": "patient/*.rs",
        "patient": "p1",
        "id_token": ehr.id_token(nonce=asked["nonce"][0], now=clock()),
    }
    done = client.get("/callback", query_string={"state": asked["state"][0], "code": "c"}, base_url="https://aki")
    before = ehr.paths()
    ehr.asked.clear()
    assert client.get(done.headers["Location"], base_url="https://aki").status_code == 200
    return before, ehr.paths()


def test_a_launch_costs_one_token_request_before_the_charts_single_round(
    ehr: FakeEhr, clock, tmp_path: Path
) -> None:
    ehr.answers["/fhir/Patient/p1"] = lambda _: json_response({"resourceType": "Patient", "id": "p1"})
    empty = {"resourceType": "Bundle", "type": "searchset", "entry": []}
    kinds = (
        "Observation",
        "Condition",
        "MedicationRequest",
        "MedicationAdministration",
        "ImagingStudy",
        "Procedure",
        "Encounter",
    )
    for kind in kinds:
        ehr.answers[f"/fhir/{kind}"] = lambda _: json_response(empty)
    services = open_services(settings_for(tmp_path), ehrs=local_ehrs(ehr_table(ehr.base_url)), clock=clock)
    client = create_app(services=services).test_client()
    first, chart = _launch(client, ehr, clock)
    assert first == [CONFIGURATION, TOKEN, KEYS]
    again, same_chart = _launch(client, ehr, clock)
    assert again == [TOKEN]
    assert len(chart) == len(same_chart)
    assert not {CONFIGURATION, TOKEN, KEYS} & {*chart, *same_chart}
