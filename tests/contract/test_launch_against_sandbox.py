"""The product launched from the embedded EHR, two servers over real HTTP, with every way of client authentication.

`requests` plays the browser; it sends no Secure cookies over http, so the test carries them itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from pydantic import SecretStr

from app.audit_anchors import verify
from app.factory import create_app
from app.services import AppServices, open_services
from sandbox.factory import create_sandbox
from sandbox.launches import LaunchContext
from sandbox.settings import SandboxSettings
from tests.builders.fake_ehr import running
from tests.builders.registrations import local_ehrs, settings_for

BASIC_SECRET = "a-secret-of-the-tests"


class Late:
    """A WSGI application that is set after its server has been given an address."""

    application: Any = None

    def __call__(self, environ: Any, start_response: Any) -> Any:
        return self.application(environ, start_response)


@dataclass
class Browser:
    """Follows nothing by itself; keeps the app's cookies."""

    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, url: str) -> requests.Response:
        header = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        response = requests.get(url, headers={"Cookie": header}, allow_redirects=False, timeout=30)
        for cookie in response.raw.headers.getlist("Set-Cookie"):
            name, _, rest = cookie.partition("=")
            value = rest.split(";")[0]
            if "Max-Age=0" in cookie:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        return response


@dataclass(frozen=True)
class World:
    """Both servers."""

    ehr: Any
    ehr_url: str
    app_url: str
    services: AppServices

    def launch_token(self, patient_id: str) -> str:
        context = LaunchContext(practitioner_id="okafor-ada", patient_id=patient_id)
        token: str = self.ehr.extensions["ehr"].launches.put(context)
        return token


@pytest.fixture
def auth(request: pytest.FixtureRequest) -> dict[str, Any]:
    return dict(getattr(request, "param", {}))


@pytest.fixture
def world(auth: dict[str, Any], tmp_path: Path) -> Iterator[World]:
    late_ehr, late_app = Late(), Late()
    with running(late_ehr) as ehr_url, running(late_app) as app_url:
        sandbox = SandboxSettings(base_url=ehr_url, app_url=app_url, basic_client_secret=SecretStr(BASIC_SECRET))
        late_ehr.application = create_sandbox(sandbox)
        table = {
            "id": "sandbox",
            "name": "Embedded EHR",
            "iss": f"{ehr_url}/fhir",
            "client_id": "aki-sentinel",
            "frame_ancestors": [ehr_url],
            "networks": ["127.0.0.0/8"],
            "allow_http": True,
            **auth,
        }
        services = open_services(settings_for(tmp_path, public_url=app_url), ehrs=local_ehrs(table))
        late_app.application = create_app(services=services)
        yield World(late_ehr.application, ehr_url, app_url, services)


def _launch(world: World, browser: Browser, patient_id: str) -> str:
    """From the EHR's launch address to the patient's page; its address."""
    token = world.launch_token(patient_id)
    begun = browser.get(f"{world.app_url}/launch?iss={world.ehr_url}/fhir&launch={token}")
    assert begun.status_code == 303, begun.text
    authorized = browser.get(begun.headers["Location"])
    assert authorized.status_code == 303, authorized.text
    assert "code" in parse_qs(urlsplit(authorized.headers["Location"]).query), authorized.headers["Location"]
    done = browser.get(authorized.headers["Location"])
    assert done.status_code == 303, done.text
    return world.app_url + done.headers["Location"]


def _two_patients(world: World) -> tuple[str, str]:
    from sandbox.factory import BUNDLED_PATIENTS
    from sandbox.store import PatientStore

    rows = PatientStore.load(BUNDLED_PATIENTS, world.services.clock()).patients()
    first, second = [row.id for row in rows][:2]
    return first, second


@pytest.mark.parametrize(
    "auth",
    [
        {"signing_alg": "ES384"},
        {"signing_alg": "RS384"},
        {"client_id": "aki-sentinel-basic", "auth_method": "client_secret_basic", "client_secret": BASIC_SECRET},
        {"client_id": "aki-sentinel-public", "auth_method": "public"},
        {"signing_alg": "ES384", "scope_syntax": "v1"},
    ],
    indirect=True,
    ids=["es384", "rs384", "basic", "public", "v1-scopes"],
)
def test_a_launch_arrives_at_its_patient_with_a_verified_clinician(world: World) -> None:
    browser = Browser()
    patient_id, _ = _two_patients(world)
    page = _launch(world, browser, patient_id)
    session = world.services.sessions.open(page.rstrip("/").rsplit("/", 1)[1], browser.cookies)
    assert session.patient_id == patient_id
    assert session.fhir_user == "Practitioner/okafor-ada"
    assert session.fhir_base_url == f"{world.ehr_url}/fhir"
    assert session.scopes
    assert verify(world.services.engine) is None


def test_two_patients_side_by_side_show_their_own_charts(world: World) -> None:
    browser = Browser()
    first, second = _two_patients(world)
    pages = {patient_id: _launch(world, browser, patient_id) for patient_id in (first, second)}
    for patient_id, page in pages.items():
        shown = browser.get(page)
        assert shown.status_code == 200, shown.text
        assert f"frame-ancestors {world.ehr_url}" in shown.headers["Content-Security-Policy"]
        viewed = list(world.services.audit.events())[-1]
        assert (viewed["action"], viewed["patient_id"]) == ("chart-viewed", patient_id)
    assert Browser().get(pages[first]).status_code == 403


def test_a_callback_used_twice_is_a_clear_page(world: World) -> None:
    browser = Browser()
    patient_id, _ = _two_patients(world)
    token = world.launch_token(patient_id)
    begun = browser.get(f"{world.app_url}/launch?iss={world.ehr_url}/fhir&launch={token}")
    callback = browser.get(begun.headers["Location"]).headers["Location"]
    assert browser.get(callback).status_code == 303
    again = browser.get(callback)
    assert again.status_code == 400
    assert "launch-not-recognised" in again.text


def test_a_launch_token_the_ehr_does_not_know_ends_in_plain_words(world: World) -> None:
    browser = Browser()
    begun = browser.get(f"{world.app_url}/launch?iss={world.ehr_url}/fhir&launch=unknown")
    refused = browser.get(begun.headers["Location"])
    assert refused.status_code == 303
    page = browser.get(refused.headers["Location"])
    assert page.status_code == 403
    assert "authorization-refused" in page.text
