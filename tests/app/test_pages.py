import json
import re
from dataclasses import replace
from datetime import datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.configured.ehrs import ehrs_from
from app.configured.settings import Settings
from app.languages.reader import add_languages
from app.launched.sessions import cookie_name
from app.patient_page.routes import pages_blueprint
from app.services import AppServices, open_services
from app.watching.switches import Switch, Switches
from app.web.error_pages import register_error_pages
from app.web.security_headers import add_security_headers
from launch.context import LaunchContext, Tokens
from model.analytes import Analyte
from model.artifact import load_bundled_model
from model.assessment import ModelIdentity, Prediction, Reason
from model.recalibration import recalibrated, recalibration_from_json
from model.snapshot import Incomplete, PatientSnapshot, Rejected
from patient_context.errors import PatientMismatch, UpstreamUnavailable
from tests.builders.assessed import MODEL, NOW, creatinine, prediction, snapshot

REGISTRY = {
    "ehr": [
        {
            "id": "riverside",
            "name": "Riverside EHR",
            "iss": "https://ehr.example.org/fhir",
            "client_id": "aki",
            "frame_ancestors": ["https://ehr.example.org"],
            "reading": {"time_zone": "Europe/Zurich"},
            "page": {"creatinine_unit": "mg/dL"},
        }
    ]
}
CARD = {
    "id": "aki-onset-48h",
    "not_for": ["children", "maintenance dialysis"],
    "performance": [{"test": "hospital B", "auroc": 0.8123, "interval": [0.8, 0.83]}],
}
RISING = snapshot(creatinine(100, 0.9), creatinine(46, 1.0), creatinine(22, 1.5), creatinine(3, 1.9))
STEADY = snapshot(creatinine(100, 0.9), creatinine(46, 0.92), creatinine(3, 0.9))


class FakeModel:
    """Says the same of everybody."""

    identity: ModelIdentity = MODEL

    def onset(self, chart: PatientSnapshot, *, now: datetime) -> Prediction | Reason:
        return prediction(0.137)

    def progression(self, chart: PatientSnapshot, *, now: datetime, current_stage: int) -> Prediction | Reason:
        return prediction(0.37, "high", outcome="KDIGO stage 3 by creatinine")


class FakeReader:
    """Gives one chart, or raises, and remembers what it was asked."""

    def __init__(self) -> None:
        self.answer: PatientSnapshot | Exception = RISING
        self.asked: list[dict[str, Any]] = []

    def __call__(self, access: Any, **asked: Any) -> PatientSnapshot:
        self.asked.append({"access": access, **asked})
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Page(HTMLParser):
    """What a test asks of a page: its text, headings, and attributes a strict CSP forbids."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.headings: list[int] = []
        self.forbidden: list[str] = []
        self.ids: list[str] = []
        self.lang: str | None = None
        self._text: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag == "html":
            self.lang = given.get("lang")
        if given.get("id"):
            self.ids.append(str(given["id"]))
        self.forbidden += [f"{tag} {name}" for name in given if name == "style" or name.startswith("on")]
        if tag == "style" or (tag == "script" and not given.get("src")):
            self.forbidden.append(tag)

    def handle_data(self, data: str) -> None:
        self._text.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self._text))


@pytest.fixture
def reader() -> FakeReader:
    return FakeReader()


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> AppServices:
    settings = Settings(development=True, state_dir=tmp_path_factory.mktemp("state"))
    opened = open_services(settings, ehrs=ehrs_from(REGISTRY, development=True), clock=lambda: NOW)
    return replace(opened, model=FakeModel(), site_models={"riverside": FakeModel()})


@pytest.fixture
def app(services: AppServices, reader: FakeReader) -> Flask:
    return page_app(services, reader)


def page_app(services: AppServices, reader: FakeReader) -> Flask:
    """The pages alone."""
    app = Flask("app", static_folder=None)
    register_error_pages(app)
    add_languages(app, services.ehrs)
    add_security_headers(app, services.ehrs, is_https=True)
    app.register_blueprint(pages_blueprint(services, read_chart=reader, read_card=lambda: CARD))
    app.add_url_rule("/launch/standalone", "launch.launch_standalone", lambda: "")
    return app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def launched(client: FlaskClient, services: AppServices, patient: str = "p1", **context: Any) -> str:
    """The address of a new launch whose cookie the client holds."""
    tokens = Tokens("token", NOW + timedelta(hours=1), frozenset({"patient/*.rs"}))
    start = LaunchContext("riverside", "https://ehr.example.org/fhir", patient, tokens, **context)
    session, ticket = services.sessions.start(start)
    client.set_cookie(cookie_name(session.id), ticket.secret, secure=True, httponly=True)
    return f"https://localhost/p/{session.id}/"


def test_patient_page_names_patient_stage_baseline_risk_and_reasons(
    client: FlaskClient, services: AppServices
) -> None:
    page = Page(client.get(launched(client, services)).text)
    for words in (
        "Almeida, Rosalind",
        "2 Mar 1948 (78 y)",
        "10005-3211",
        "Read from Riverside EHR at 15:05",
        "AKI stage 2",
        "0.9 mg/dL",
        "lowest of the last 7 days",
        "37%",
        "About 37 in 100 patients like this",
        "threshold of 20%",
        "Haemoglobin",
        "Observation/hb-3",
        "aki-onset-48h",
        "Research software",
    ):
        assert words in page.text


@pytest.mark.parametrize("mode", ["off", "shadow"])
def test_a_prediction_the_site_has_switched_off_shows_why_and_keeps_the_stage(
    services: AppServices, reader: FakeReader, mode: Any
) -> None:
    class Switched(Switches):
        def switch(self, ehr_id: str, part: Any = "prediction") -> Switch:
            return Switch(mode, NOW - timedelta(days=2), "creatinine assay changed", "cli:ops")

    switched = replace(services, switches=Switched(services.engine))
    client = page_app(switched, reader).test_client()
    page = Page(client.get(launched(client, switched)).text).text
    assert "AKI stage 2" in page
    assert "creatinine assay changed" in page
    assert "No number" in page
    assert "since 19 November 2026, 15:05" in page
    for shown in ("37%", "in 100 patients", "Low risk", "Moderate risk", "High risk"):
        assert shown not in page


def test_the_interval_the_cautions_and_the_recalibration_stand_beside_the_number(
    services: AppServices, reader: FakeReader
) -> None:
    overlay = recalibration_from_json(
        {
            "schema": 1,
            "site": "Ward <4>",
            "method": "slope",
            "created_on": "2026-02-01",
            "expires_on": "2027-02-01",
            "base_model": {"sha256": load_bundled_model().identity.sha256},
            "heads": {"aki-onset-48h": {"curve": {"knots": [[0.0, -0.4]], "slope": 0.9}}},
        },
        sha256="ab" * 32,
    )
    bent = replace(services, site_models={"riverside": recalibrated(load_bundled_model(), overlay)})
    potassium = replace(creatinine(1, 9.4), analyte=Analyte.POTASSIUM, source="Observation/k")
    reader.answer = replace(STEADY, series={**STEADY.series, Analyte.POTASSIUM: (potassium,)})
    client = page_app(bent, reader).test_client()
    html = client.get(launched(client, bent)).text
    text = Page(html).text
    assert re.search(r"80% interval: \d+% to \d+%", text)
    assert "Unlike the patients the model learned from" in text
    assert "Potassium, 9.4 mmol/L, is above what the model learned from" in text
    assert "Recalibration to this site" in text
    assert "Recalibrated to Ward <4> on 2026-02-01, good to 2027-02-01" in text
    assert "Ward <4>" not in html
    assert not Page(html).forbidden


def test_every_creatinine_of_the_window_stands_in_the_table(client: FlaskClient, services: AppServices) -> None:
    text = Page(client.get(launched(client, services)).text).text
    for value in ("0.9", "1.0", "1.5", "1.9", "133"):
        assert value in text


@pytest.mark.parametrize(
    "chart", [RISING, STEADY, snapshot(), PatientSnapshot("p1", NOW)], ids=["aki", "0", "no", "empty"]
)
def test_page_needs_no_inline_style_or_script_and_has_its_headings_in_order(
    client: FlaskClient, services: AppServices, reader: FakeReader, chart: PatientSnapshot
) -> None:
    reader.answer = chart
    answer = client.get(launched(client, services))
    page = Page(answer.text)
    assert answer.status_code == 200
    assert page.forbidden == []
    assert page.lang == "en"
    assert page.headings[0] == 1
    assert all(step <= 1 for step in (b - a for a, b in zip(page.headings, page.headings[1:], strict=False)))
    assert len(page.ids) == len(set(page.ids))


def test_each_window_is_a_plain_link_to_the_same_page(client: FlaskClient, services: AppServices) -> None:
    url = launched(client, services)
    html = client.get(url + "?window=48h").text
    path = url.removeprefix("https://localhost")
    for key in ("48h", "7d", "90d", "all"):
        assert f'href="{path}?window={key}#course"' in html
    assert re.search(r'\?window=48h#course" aria-current="true"', html)


def test_names_in_the_chart_are_escaped(client: FlaskClient, services: AppServices, reader: FakeReader) -> None:
    reader.answer = replace(
        RISING,
        name="<script>alert(1)</script>",
        rejected=(Rejected("Observation/<b>", "x", "<img src=x onerror=alert(1)>"),),
        incomplete=(Incomplete("<i>part</i>", "x", "<u>why</u>"),),
    )
    html = client.get(launched(client, services)).text
    assert "<script>alert" not in html
    assert "<img" not in html
    assert "<u>" not in html
    assert "<i>" not in html


def test_two_launches_in_one_browser_read_each_its_own_patient(
    client: FlaskClient, services: AppServices, reader: FakeReader
) -> None:
    first = launched(client, services)
    second = launched(client, services, patient="p2")
    for url in (first, second, first):
        assert client.get(url).status_code == 200
    assert [asked["patient_id"] for asked in reader.asked] == ["p1", "p2", "p1"]


def test_page_of_another_browser_shows_nothing(
    client: FlaskClient, app: Flask, services: AppServices, reader: FakeReader
) -> None:
    answer = app.test_client().get(launched(client, services))
    assert answer.status_code == 403
    assert "Almeida" not in answer.text
    assert reader.asked == []


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (UpstreamUnavailable("timeout", "The EHR did not answer."), 504),
        (PatientMismatch("patient-mismatch", "Another patient came back."), 502),
    ],
)
def test_chart_that_cannot_be_read_is_an_error_page_and_never_low_risk(
    client: FlaskClient, services: AppServices, reader: FakeReader, failure: Exception, status: int
) -> None:
    reader.answer = failure
    answer = client.get(launched(client, services))
    assert answer.status_code == status
    assert "What to do" in answer.text
    assert "No AKI" not in answer.text
    assert "Low risk" not in answer.text


def test_page_may_be_framed_by_its_ehr_only_and_is_never_stored(
    client: FlaskClient, services: AppServices
) -> None:
    answer = client.get(launched(client, services))
    assert "frame-ancestors https://ehr.example.org" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"


def test_page_of_an_ended_session_can_still_be_read_inside_the_ehrs_frame(client: FlaskClient) -> None:
    answer = client.get("https://localhost/p/000000000000000000000000/")
    assert answer.status_code == 403
    assert "frame-ancestors https://ehr.example.org" in answer.headers["Content-Security-Policy"]


def test_each_look_at_a_patient_is_recorded(client: FlaskClient, services: AppServices) -> None:
    client.get(launched(client, services, patient="p-seen"))
    seen = [event for event in services.audit.events() if event.get("patient_id") == "p-seen"]
    assert [(event["action"], event["ehr_id"]) for event in seen] == [("chart-viewed", "riverside")]


def test_a_look_names_the_chart_entries_it_rests_on_and_no_value(
    client: FlaskClient, services: AppServices, reader: FakeReader
) -> None:
    reader.answer = replace(
        RISING,
        incomplete=(Incomplete("labs", "upstream-unavailable", "No answer."),),
        not_read=(Incomplete("drugs_given", "forbidden", "Not permitted."),),
    )
    client.get(launched(client, services, patient="p-inputs"))
    (seen,) = [event for event in services.audit.events() if event.get("patient_id") == "p-inputs"]
    assert seen["inputs"][0] == "Observation/cr-3"
    assert set(seen["inputs"]) >= {m.source for m in RISING.series[Analyte.CREATININE]}
    assert seen["unread"] == ["drugs_given: forbidden", "labs: upstream-unavailable"]
    assert "1.9" not in json.dumps(seen["inputs"])


def test_a_look_in_vain_is_recorded_with_its_cause(
    client: FlaskClient, services: AppServices, reader: FakeReader
) -> None:
    reader.answer = UpstreamUnavailable("upstream-unavailable", "The EHR does not answer.")
    assert client.get(launched(client, services, patient="p-vain")).status_code == 504
    (seen,) = [event for event in services.audit.events() if event.get("patient_id") == "p-vain"]
    assert (seen["action"], seen["outcome"]) == ("chart-not-shown", "upstream-unavailable")


def test_compact_banner_still_names_patient_and_birth_date(client: FlaskClient, services: AppServices) -> None:
    html = client.get(launched(client, services, need_patient_banner=False)).text
    text = Page(html.partition("</header>")[0]).text
    assert "Almeida, Rosalind" in text
    assert "2 Mar 1948" in text
    assert "10005-3211" not in text


def test_home_lists_each_registered_ehr_with_its_standalone_launch(client: FlaskClient) -> None:
    html = client.get("/").text
    assert "Riverside EHR" in html
    assert 'href="/launch/standalone?ehr=riverside"' in html


def test_stylesheet_script_and_icon_are_served_from_here_and_small(client: FlaskClient) -> None:
    for name, limit in (("page.css", 60_000), ("page.js", 5_000), ("icon.svg", 2_000)):
        with client.get(f"/static/{name}") as answer:
            assert answer.status_code == 200
            assert len(answer.data) < limit
            assert b"http://" not in answer.data.replace(b"http://www.w3.org/2000/svg", b"")


def test_model_card_is_a_page_for_people(client: FlaskClient) -> None:
    page = Page(client.get("/model", headers={"Accept": "text/html"}).text)
    for words in ("Not for", "maintenance dialysis", "hospital B", "0.8123", "0.8 to 0.83"):
        assert words in page.text
    assert page.forbidden == []


def test_model_card_is_json_for_programs(client: FlaskClient) -> None:
    assert client.get("/model", headers={"Accept": "application/json"}).get_json() == CARD
