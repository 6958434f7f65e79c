"""Writing to the chart: the preview, the click, and what became of it, against an EHR over real HTTP."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse
from werkzeug.wrappers import Request, Response

from app.configured.ehrs import ehrs_from
from app.configured.settings import Settings
from app.languages.reader import add_languages
from app.launched.sessions import cookie_name
from app.patient_page.drafts import Draft, WriteDrafts
from app.patient_page.routes import pages_blueprint
from app.services import AppServices, open_services
from app.web.error_pages import register_error_pages
from launch.context import LaunchContext, Tokens
from model.assessment import ModelIdentity, Prediction, Reason
from model.snapshot import PatientSnapshot
from tests.builders.assessed import MODEL, NOW, creatinine, prediction, snapshot
from tests.builders.fake_ehr import FakeEhr, json_response

ALL = ("RiskAssessment", "Observation", "DocumentReference", "Communication", "ServiceRequest")
RISING = snapshot(creatinine(100, 0.9), creatinine(46, 1.0), creatinine(22, 1.5), creatinine(3, 1.9))


class FakeModel:
    identity: ModelIdentity = MODEL

    def onset(self, chart: PatientSnapshot, *, now: Any) -> Prediction | Reason:
        return prediction(0.137)

    def progression(self, chart: PatientSnapshot, *, now: Any, current_stage: int) -> Prediction | Reason:
        return prediction(0.37, "high")


@dataclass
class WritableEhr:
    """The FHIR side of an EHR that can be written to; `on_create` bends what a create is answered."""

    ehr: FakeEhr
    creatable: tuple[str, ...] = ALL
    stored: dict[str, dict[str, Any]] = field(default_factory=dict)
    on_create: Callable[[Request], Response] | None = None
    change: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ehr.answers["/fhir/metadata"] = lambda _: json_response(self._statement())
        for kind in (*ALL, "Provenance"):
            self.ehr.answers[f"/fhir/{kind}"] = self._on_type

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [each for path, each in self.stored.items() if path.startswith(f"/fhir/{kind}/")]

    def _statement(self) -> dict[str, Any]:
        search = [{"name": "identifier", "type": "token"}]
        types = [{"type": t, "interaction": [{"code": "create"}], "searchParam": search} for t in self.creatable]
        return {"resourceType": "CapabilityStatement", "rest": [{"mode": "server", "resource": types}]}

    def _on_type(self, request: Request) -> Response:
        if request.method == "GET":
            kind = request.path.rpartition("/")[2]
            value = request.args["identifier"].partition("|")[2]
            held = [e for e in self.of(kind) if any(i["value"] == value for i in e["identifier"])]
            return json_response({"resourceType": "Bundle", "entry": [{"resource": each} for each in held]})
        if self.on_create is not None:
            return self.on_create(request)
        return self.keep(request)

    def keep(self, request: Request) -> Response:
        path = f"{request.path}/new-{len(self.stored) + 1}"
        resource = {**json.loads(request.get_data()), "id": path.rpartition("/")[2], **self.change}
        self.stored[path] = resource
        self.ehr.answers[path] = lambda _: json_response(resource)
        return Response(status=201, headers={"Location": f"{self.ehr.base_url}{path}/_history/1"})


@pytest.fixture
def chart(ehr: FakeEhr) -> WritableEhr:
    return WritableEhr(ehr)


@pytest.fixture
def services(ehr: FakeEhr, tmp_path: Path) -> AppServices:
    table = {
        "id": "riverside",
        "name": "Riverside EHR",
        "iss": ehr.fhir_base,
        "client_id": "aki",
        "allow_http": True,
        "networks": ["127.0.0.0/8"],
        "write_back": True,
    }
    settings = Settings(development=True, state_dir=tmp_path)
    opened = open_services(settings, ehrs=ehrs_from({"ehr": [table]}, development=True), clock=lambda: NOW)
    return replace(opened, model=FakeModel(), site_models={"riverside": FakeModel()})


@pytest.fixture
def client(services: AppServices) -> FlaskClient:
    app = Flask("app", static_folder=None)
    register_error_pages(app)
    add_languages(app, services.ehrs)
    app.register_blueprint(pages_blueprint(services, read_chart=lambda *_, **__: RISING))
    app.add_url_rule("/launch/standalone", "launch.launch_standalone", lambda: "")
    return app.test_client()


@dataclass
class Visit:
    """One launch, and the ways a clinician clicks through it."""

    client: FlaskClient
    url: str

    def preview(self, kind: str = "assessment") -> TestResponse:
        return self.client.get(f"{self.url}write/{kind}")

    def click(self, preview: TestResponse, kind: str = "assessment", **changes: str) -> TestResponse:
        form = dict(re.findall(r'name="(csrf_token|draft)" value="([^"]+)"', preview.text))
        return self.client.post(f"{self.url}write/{kind}", data={**form, **changes}, follow_redirects=True)


@pytest.fixture
def visit(client: FlaskClient, services: AppServices, ehr: FakeEhr) -> Callable[..., Visit]:
    def launched(*scopes: str) -> Visit:
        granted = frozenset(scopes or ("patient/*.cruds",))
        tokens = Tokens("token", NOW + timedelta(hours=1), granted)
        start = LaunchContext("riverside", ehr.fhir_base, "p1", tokens, encounter="e9")
        session, ticket = services.sessions.start(start)
        client.set_cookie(cookie_name(session.id), ticket.secret, secure=True, httponly=True)
        return Visit(client, f"https://localhost/p/{session.id}/")

    return launched


def test_preview_writes_nothing_and_shows_words_and_json(chart: WritableEhr, visit: Callable[..., Visit]) -> None:
    html = visit().preview().text
    assert chart.stored == {}
    assert "Nothing is written yet" in html
    assert "Artificial Intelligence asserted" in html
    assert "&#34;probabilityDecimal&#34;: 37.0" in html


def test_click_writes_exactly_what_the_preview_showed_and_tells_the_ehrs_id(
    chart: WritableEhr, visit: Callable[..., Visit]
) -> None:
    launch = visit()
    preview = launch.preview()
    result = launch.click(preview)
    [written] = chart.of("RiskAssessment")
    shown = re.search(r'<pre class="json"[^>]*>(.*?)</pre>', preview.text, re.DOTALL)
    assert shown is not None
    assert json.loads(shown[1].replace("&#34;", '"').replace("&gt;", ">")) == {
        name: value for name, value in written.items() if name != "id"
    }
    assert written["prediction"][0]["probabilityDecimal"] == 37.0
    assert written["encounter"] == {"reference": "Encounter/e9"}
    assert "RiskAssessment/new-1" in result.text
    assert "yes, it is this one" in result.text
    assert "Almeida, Rosalind" in result.text


def test_second_click_and_reload_write_no_second_copy(chart: WritableEhr, visit: Callable[..., Visit]) -> None:
    launch = visit()
    preview = launch.preview()
    first = launch.click(preview)
    again = launch.click(preview)
    assert "RiskAssessment/new-1" in again.text
    assert launch.client.get(first.request.path, base_url="https://localhost").status_code == 200
    assert len(chart.stored) == 1


def test_of_two_clicks_that_found_the_draft_unsent_together_one_writes(
    chart: WritableEhr, visit: Callable[..., Visit], monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = WriteDrafts.open

    def overtaken(drafts: WriteDrafts, draft_id: str, launch_id: str) -> Draft:
        draft = looked(drafts, draft_id, launch_id)
        drafts.claim(draft)  # the other click, between this one's look and its claim
        return draft

    monkeypatch.setattr(WriteDrafts, "open", overtaken)
    launch = visit()
    assert "Being written" in launch.click(launch.preview()).text
    assert chart.stored == {}


def test_what_this_launch_has_written_is_not_offered_again_until_it_says_something_else(
    chart: WritableEhr, visit: Callable[..., Visit]
) -> None:
    launch = visit()
    launch.click(launch.preview())
    again = launch.preview().text
    assert "Written already" in again
    assert "RiskAssessment/new-1" in again
    assert 'name="draft"' not in again


def test_what_another_launch_has_written_is_found_by_its_identifier_and_not_written_twice(
    chart: WritableEhr, visit: Callable[..., Visit]
) -> None:
    for launch in (visit(), visit()):
        result = launch.click(launch.preview())
    assert "no second copy was made" in result.text
    assert len(chart.stored) == 1


def test_what_was_in_the_chart_before_is_not_called_written_now_nor_altered_by_its_earlier_time(
    chart: WritableEhr, visit: Callable[..., Visit]
) -> None:
    first = visit()
    assert "Written to the chart" in first.click(first.preview()).text
    for stored in chart.stored.values():
        stored["occurrenceDateTime"] = "2026-11-21T09:00:00Z"
    second = visit()
    result = second.click(second.preview()).text
    assert "Written already" in result
    assert "Written to the chart" not in result
    assert "Stored otherwise" not in result


@pytest.mark.parametrize("forged", ["", "x", "ä"])
def test_click_without_the_launchs_token_writes_nothing(
    chart: WritableEhr, visit: Callable[..., Visit], forged: str
) -> None:
    launch = visit()
    assert launch.click(launch.preview(), csrf_token=forged).status_code == 403
    assert chart.stored == {}


def test_draft_of_another_launch_is_not_written(chart: WritableEhr, visit: Callable[..., Visit]) -> None:
    first, second = visit(), visit()
    theirs = re.search(r'name="draft" value="([^"]+)"', first.preview().text)
    assert theirs is not None
    assert second.click(second.preview(), draft=theirs[1]).status_code == 404
    assert chart.stored == {}


@pytest.mark.parametrize(
    ("creatable", "scopes", "form"),
    [
        (ALL, ("patient/*.cruds",), "RiskAssessment"),
        (ALL, ("patient/Observation.c",), "Observation"),
        (ALL, ("patient/Observation.rs", "patient/Communication.write"), "Communication"),
        (("DocumentReference", "Communication"), ("patient/*.*",), "DocumentReference"),
        (("Communication",), ("user/*.cruds",), "Communication"),
    ],
)
def test_form_is_the_first_the_ehr_takes_and_the_launch_may_create(
    chart: WritableEhr, visit: Callable[..., Visit], creatable: tuple[str, ...], scopes: tuple[str, ...], form: str
) -> None:
    chart.creatable = creatable
    launch = visit(*scopes)
    launch.click(launch.preview())
    [written] = chart.stored.values()
    assert written["resourceType"] == form
    assert written["meta"]["security"][0]["code"] == "AIAST"
    assert written["subject"] == {"reference": "Patient/p1"}


@pytest.mark.parametrize(
    ("creatable", "scopes"), [(("ServiceRequest",), ("patient/*.cruds",)), (ALL, ("patient/*.rs",)), (ALL, ("x",))]
)
def test_where_nothing_can_be_written_the_page_says_so(
    chart: WritableEhr, visit: Callable[..., Visit], creatable: tuple[str, ...], scopes: tuple[str, ...]
) -> None:
    chart.creatable = creatable
    text = visit(*scopes).preview().text
    assert "Nothing to write" in text
    assert 'name="draft"' not in text


def test_repeat_creatinine_is_a_draft_due_a_day_after_the_last(
    chart: WritableEhr, visit: Callable[..., Visit]
) -> None:
    launch = visit()
    result = launch.click(launch.preview("repeat-creatinine"), "repeat-creatinine")
    [order] = chart.of("ServiceRequest")
    assert (order["status"], order["intent"]) == ("draft", "order")
    assert order["occurrenceDateTime"] == "2026-11-22T11:05:00+00:00"
    assert "ServiceRequest/new-1" in result.text


def test_refusal_of_the_ehr_is_shown_in_its_own_words_and_may_be_tried_again(
    chart: WritableEhr, visit: Callable[..., Visit]
) -> None:
    outcome = {"resourceType": "OperationOutcome", "issue": [{"details": {"text": "Note type <b>not</b> known"}}]}
    chart.on_create = lambda _: json_response(outcome, 422)
    launch = visit()
    result = launch.click(launch.preview())
    assert "Note type &lt;b&gt;not&lt;/b&gt; known" in result.text
    chart.on_create = None
    assert "Written to the chart" in launch.click(result).text


def test_broken_answer_is_not_called_failed_and_a_second_try_finds_the_first_copy(
    chart: WritableEhr, visit: Callable[..., Visit]
) -> None:
    def keeps_and_breaks(request: Request) -> Response:
        chart.keep(request)
        return Response(status=503)

    chart.on_create = keeps_and_breaks
    launch = visit()
    result = launch.click(launch.preview())
    assert "It may or may not stand in the chart" in result.text
    assert "no second copy was made" in launch.click(result).text
    assert len(chart.stored) == 1


def test_what_the_ehr_stored_otherwise_is_told(chart: WritableEhr, visit: Callable[..., Visit]) -> None:
    chart.change = {"status": "preliminary"}
    launch = visit()
    assert re.search(r"Stored otherwise</dt><dd>status<", launch.click(launch.preview()).text)


def test_resource_that_comes_back_under_another_patient_is_not_called_verified(
    chart: WritableEhr, visit: Callable[..., Visit]
) -> None:
    chart.change = {"subject": {"reference": "Patient/p2"}}
    launch = visit()
    assert "is not what was written" in launch.click(launch.preview()).text


def test_each_write_is_in_the_audit_trail_before_and_after(
    chart: WritableEhr, visit: Callable[..., Visit], services: AppServices
) -> None:
    launch = visit()
    launch.click(launch.preview())
    told = [event["outcome"] for event in services.audit.events() if event["action"] == "write-back"]
    assert told == ["asked RiskAssessment", "written RiskAssessment/new-1"]


def test_provenance_follows_where_the_ehr_takes_it(chart: WritableEhr, visit: Callable[..., Visit]) -> None:
    chart.creatable = (*ALL, "Provenance")
    launch = visit()
    launch.click(launch.preview())
    [made] = chart.of("Provenance")
    assert made["target"] == [{"reference": "RiskAssessment/new-1"}]
    assert made["reason"][0]["coding"][0]["code"] == "AIAST"


def test_ehr_without_write_back_has_no_such_pages_and_no_such_links(
    services: AppServices, visit: Callable[..., Visit], ehr: FakeEhr
) -> None:
    registration = services.ehrs.by_id("riverside").launch.model_dump(mode="json") | {"write_back": False}
    kept = {name: registration[name] for name in ("id", "name", "iss", "client_id", "allow_http", "networks")}
    silent = replace(services, ehrs=ehrs_from({"ehr": [kept]}, development=True))
    app = Flask("app", static_folder=None)
    register_error_pages(app)
    add_languages(app, services.ehrs)
    app.register_blueprint(pages_blueprint(silent, read_chart=lambda *_, **__: RISING))
    app.add_url_rule("/launch/standalone", "launch.launch_standalone", lambda: "")
    launch = visit()
    client = app.test_client()
    name = cookie_name(launch.url.rstrip("/").rpartition("/")[2])
    cookie = launch.client.get_cookie(name)
    assert cookie is not None
    client.set_cookie(name, cookie.value, secure=True)
    assert client.get(f"{launch.url}write/assessment").status_code == 404
    page = client.get(launch.url).text
    assert "/write/" not in page
    assert "Writing to Riverside EHR is switched off" in page
    assert "SITUATION" in page
