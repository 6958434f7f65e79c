"""Layout in languages with longer words: a pseudo-language, and German, on the narrowest screen."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser, Page, Route

from app.configured.ehrs import ehrs_from
from app.configured.settings import Settings
from app.languages.reader import add_languages
from app.launched.sessions import cookie_name
from app.patient_page.routes import pages_blueprint
from app.services import open_services
from app.web.error_pages import register_error_pages
from launch.context import LaunchContext, Tokens
from tests.builders.assessed import NOW, creatinine, snapshot
from tests.builders.pseudo import write_pseudo_language

pytestmark = pytest.mark.browser
HOST = "https://aki.test"
CHART = snapshot(creatinine(100, 0.9), creatinine(46, 1.0), creatinine(22, 1.5), creatinine(3, 1.9))
EHR = {"id": "riverside", "name": "Riverside EHR", "iss": "https://ehr.example.org/fhir", "client_id": "aki"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> tuple[FlaskClient, str]:
    """The pages without a server, their French replaced by the pseudo-language."""
    directory = tmp_path_factory.mktemp("pseudo")
    write_pseudo_language(directory, "fr")
    settings = Settings(development=True, state_dir=tmp_path_factory.mktemp("state"))
    services = open_services(settings, ehrs=ehrs_from({"ehr": [EHR]}, development=True), clock=lambda: NOW)
    app = Flask("app", static_folder=None)
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = str(directory)
    register_error_pages(app)
    add_languages(app, services.ehrs)
    app.register_blueprint(pages_blueprint(services, read_chart=lambda *_, **__: CHART))
    app.add_url_rule("/launch/standalone", "launch.launch_standalone", lambda: "")
    client = app.test_client()
    tokens = Tokens("token", NOW + timedelta(hours=1), frozenset({"patient/*.rs"}))
    launch = LaunchContext("riverside", "https://ehr.example.org/fhir", "p1", tokens)
    session, ticket = services.sessions.start(launch)
    client.set_cookie(cookie_name(session.id), ticket.secret, domain="aki.test", secure=True, httponly=True)
    return client, f"/p/{session.id}/"


@pytest.fixture
def narrow(browser: Browser, served: tuple[FlaskClient, str]) -> Iterator[Page]:
    """A screen of 320 px whose requests the client answers."""
    client, _ = served

    def answer(route: Route) -> None:
        accept = {"Accept": route.request.headers.get("accept", "*/*")}
        with client.get(route.request.url, headers=accept) as given:
            route.fulfill(status=given.status_code, headers=dict(given.headers), body=given.data)

    context = browser.new_context(viewport={"width": 320, "height": 800})
    context.route("**/*", answer)
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("path", ["", "home", "error"])
def test_page_in_a_language_40_percent_longer_does_not_overflow_a_narrow_screen(
    narrow: Page, served: tuple[FlaskClient, str], path: str
) -> None:
    where = {"": served[1], "home": "/", "error": "/nothing-here"}[path]
    narrow.goto(f"{HOST}{where}?language=fr")
    assert narrow.locator("html").get_attribute("lang") == "fr"
    assert "ñandú" in narrow.inner_text("body")
    assert narrow.evaluate("document.documentElement.scrollWidth") <= 320


def test_no_word_of_the_page_escapes_the_catalogue(narrow: Page, served: tuple[FlaskClient, str]) -> None:
    """Every heading, term and column title of the pseudo page has the pseudo-language's accents."""
    narrow.goto(f"{HOST}{served[1]}?language=fr")
    titles = narrow.locator("h2, dt, th[scope=col], summary, button").all_text_contents()
    units = {"mg/dL", "µmol/L"}
    plain = [t.strip() for t in titles if t.strip() and t.strip() not in units and t.isascii()]
    assert plain == []
