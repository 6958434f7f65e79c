"""The embedded EHR in one vendor's profile and the product, two servers over real HTTP in one process.

`requests` plays the browser; it sends no Secure cookies over http, so the browser here carries them itself.
"""

import html
import re
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests

from app.configured.ehrs import ehrs_from
from app.factory import create_app
from app.services import AppServices, open_services
from sandbox.factory import create_sandbox
from sandbox.registration import registration_toml
from sandbox.services import EhrServices
from sandbox.settings import SandboxSettings
from tests.builders.fake_ehr import running
from tests.builders.registrations import settings_for


class _Late:
    """A WSGI application that is set after its server has been given an address."""

    application: Any = None

    def __call__(self, environ: Any, start_response: Any) -> Any:
        return self.application(environ, start_response)


@cache
def _kept_keys() -> TemporaryDirectory[str]:
    """Making RSA keys is slow; the EHRs of a test run may share them."""
    return TemporaryDirectory()


@dataclass(frozen=True)
class TwoServers:
    """Both servers, and the inside of each for looking at what happened."""

    ehr_url: str
    app_url: str
    ehr: EhrServices
    app: AppServices

    def launch_in_tab(self, browser: "Browser", patient_id: str) -> requests.Response:
        """The EHR's button "Open in new tab", followed to wherever it leads."""
        return browser.follow(browser.post(f"{self.ehr_url}/patients/{patient_id}/launch", {}))


@dataclass
class Browser:
    """Keeps cookies by host, follows redirects, and submits the self-posting forms of authorize by POST."""

    cookies: dict[str, dict[str, str]] = field(default_factory=dict)
    visited: list[str] = field(default_factory=list)

    def get(self, url: str) -> requests.Response:
        return self._send("GET", url, None)

    def post(self, url: str, form: dict[str, str]) -> requests.Response:
        return self._send("POST", url, form)

    def follow(self, response: requests.Response) -> requests.Response:
        """On through redirects and forms meant to be posted at once."""
        for _ in range(12):
            if response.is_redirect:
                response = self.get(urljoin(response.url, response.headers["Location"]))
            elif (form := _authorize_form(response)) is not None:
                response = self.post(*form)
            else:
                return response
        raise AssertionError("the redirects do not end")

    def _send(self, method: str, url: str, form: dict[str, str] | None) -> requests.Response:
        self.visited.append(f"{method} {url.partition('?')[0]}")
        jar = self.cookies.setdefault(urlsplit(url).netloc, {})
        header = "; ".join(f"{name}={value}" for name, value in jar.items())
        response = requests.request(
            method, url, data=form, headers={"Cookie": header}, allow_redirects=False, timeout=60
        )
        for cookie in response.raw.headers.getlist("Set-Cookie"):
            name, _, rest = cookie.partition("=")
            jar[name] = rest.split(";")[0]
            if "Max-Age=0" in cookie:
                del jar[name]
        return response


def _authorize_form(response: requests.Response) -> tuple[str, dict[str, str]] | None:
    """The address and fields of a form that carries an authorization request."""
    found = re.search(r'<form[^>]*action="([^"]*/auth/authorize)"', response.text)
    if found is None:
        return None
    inputs = re.findall(r'<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"', response.text)
    return html.unescape(found[1]), {name: html.unescape(value) for name, value in inputs}


@contextmanager
def two_servers(
    profile: str, state_dir: Path, clock: Callable[[], datetime] | None = None
) -> Iterator[TwoServers]:
    """Started with the registration that the profile writes for apps. `clock` is the app's alone."""
    late_ehr, late_app = _Late(), _Late()
    with running(late_ehr) as ehr_url, running(late_app) as app_url:
        settings = SandboxSettings(
            base_url=ehr_url, app_url=app_url, profile=profile, state_dir=Path(_kept_keys().name)
        )
        late_ehr.application = create_sandbox(settings)
        ehrs = ehrs_from(tomllib.loads(registration_toml(settings)), development=True)
        told = {"clock": clock} if clock else {}
        services = open_services(settings_for(state_dir, public_url=app_url), ehrs=ehrs, **told)
        late_app.application = create_app(services=services)
        yield TwoServers(ehr_url, app_url, late_ehr.application.extensions["ehr"], services)
