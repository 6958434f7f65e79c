"""The product and the embedded EHR as two servers over real HTTP, and a browser between them.

`requests` plays the browser; it sends no Secure cookies over http, so it carries them itself.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from pydantic import SecretStr

from app.factory import create_app
from app.services import AppServices, open_services
from sandbox.factory import BUNDLED_PATIENTS, create_sandbox
from sandbox.launches import LaunchContext
from sandbox.settings import SandboxSettings
from sandbox.store import PatientStore
from tests.builders.fake_ehr import running
from tests.builders.registrations import local_ehrs, settings_for

Clock = Callable[[], datetime]
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
        return self._send("GET", url)

    def post(self, url: str, **form: str) -> requests.Response:
        return self._send("POST", url, form)

    def _send(self, method: str, url: str, form: dict[str, str] | None = None) -> requests.Response:
        header = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        response = requests.request(method, url, data=form, headers=header, allow_redirects=False, timeout=30)
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


@contextmanager
def running_world(
    state_dir: Path,
    entry: dict[str, Any] | None = None,
    clock: Clock | None = None,
    database_url: str | None = None,
    **ehr_settings: Any,
) -> Iterator[World]:
    """Both servers. `entry` changes the app's registration of the EHR, the rest the EHR's own settings.

    `clock` is the app's; the EHR's always tells the time. A `database_url` must have its schema already.
    """
    late_ehr, late_app = Late(), Late()
    with running(late_ehr) as ehr_url, running(late_app) as app_url:
        usual = {"base_url": ehr_url, "app_url": app_url, "basic_client_secret": SecretStr(BASIC_SECRET)}
        late_ehr.application = create_sandbox(SandboxSettings(**{**usual, **ehr_settings}))
        table = {
            "id": "sandbox",
            "name": "Embedded EHR",
            "iss": f"{ehr_url}/fhir",
            "client_id": "aki-sentinel",
            "frame_ancestors": [ehr_url],
            "networks": ["127.0.0.0/8"],
            "allow_http": True,
            **(entry or {}),
        }
        told = {"clock": clock} if clock else {}
        settings = settings_for(state_dir, public_url=app_url, database_url=database_url)
        services = open_services(settings, ehrs=local_ehrs(table), **told)
        late_app.application = create_app(services=services)
        try:
            yield World(late_ehr.application, ehr_url, app_url, services)
        finally:
            services.engine.dispose()


def launched_page(world: World, browser: Browser, patient_id: str) -> str:
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


def two_patients(world: World) -> tuple[str, str]:
    """Two patients the embedded EHR holds."""
    rows = PatientStore.load(BUNDLED_PATIENTS, world.services.clock()).patients()
    first, second = [row.id for row in rows][:2]
    return first, second


def a_patient(situation: str) -> str:
    """The first patient the embedded EHR lists for a situation, such as "stage_2"."""
    rows = PatientStore.load(BUNDLED_PATIENTS, datetime.now(UTC)).patients()
    return next(row.id for row in rows if row.category == situation)
