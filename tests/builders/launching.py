"""A launch as a browser makes it: away to the EHR, and back."""

import re
from urllib.parse import parse_qs, urlsplit

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.builders.fake_ehr import FakeEhr

TOKEN = {
    "access_token": "at",
    "token_type": "Bearer",
    "expires_in": 3600,
    "scope": "launch openid patient/*.rs",
    "patient": "p1",
}


def begin(client: FlaskClient, ehr: FakeEhr, launch: str = "launch-token") -> tuple[TestResponse, dict[str, str]]:
    """GET /launch; the answer and what it asks of the authorization server."""
    response = client.get("/launch", query_string={"iss": ehr.fhir_base, "launch": launch}, base_url="https://aki")
    query = parse_qs(urlsplit(response.headers.get("Location", "")).query)
    return response, {name: values[0] for name, values in query.items()}


def come_back(client: FlaskClient, **query: str) -> TestResponse:
    return client.get("/callback", query_string=query, base_url="https://aki")


def launch_id_in(response: TestResponse) -> str:
    found = re.fullmatch(r"/p/([0-9a-f]{24})/", response.headers["Location"])
    assert found
    return found[1]


def cookies_of(client: FlaskClient) -> dict[str, str]:
    return {cookie.key: cookie.value for cookie in client._cookies.values()}
