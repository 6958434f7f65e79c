"""The EHR's CDS Hooks client against a CDS service of our own, over real HTTP."""

import html
import json
import re
import threading
from collections.abc import Iterator

import pytest
from flask import Flask, Response, request
from joserfc import jwt
from joserfc.jwk import KeySet
from werkzeug.serving import make_server

from sandbox.cds_cards import read_cards, render_markdown
from sandbox.cds_prefetch import fill_prefetch, prefetch_tokens, resolve_template
from tests.builders.smart_app import FHIR, SmartApp, new_smart_app

PATIENT = "10000032"
SERVICE = {
    "id": "kidneys",
    "hook": "patient-view",
    "title": "Kidneys",
    "description": "Looks at kidneys.",
    "prefetch": {
        "patient": "Patient/{{context.patientId}}",
        "creatinine": "Observation?patient={{context.patientId}}&code=http://loinc.org|2160-0&_sort=-date&_count=2",
        "user": "Practitioner/{{userPractitionerId}}",
        "nobody": "Condition/dx-99999999-1",
        "later": "Observation?date=ge{{today() - 3 days}}",
        "unknown_type": "Spaceship?patient={{context.patientId}}",
    },
}
CARD = {
    "uuid": "c-1",
    "summary": "Creatinine <b>doubled</b>",
    "indicator": "warning",
    "detail": "**Look** <script>alert(1)</script>",
    "source": {"label": "Test service"},
    "links": [{"label": "Open the app", "url": "http://127.0.0.1:8080/launch", "type": "smart"}],
    "overrideReasons": [{"code": "known", "system": "urn:test", "display": "Known already"}],
}


class FakeService:
    """Remembers what it was sent and answers what it is told to."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, dict | None]] = []
        self.services: object = {"services": [SERVICE]}
        self.answer: tuple[int, object] = (200, {"cards": [CARD]})
        self.wsgi = Flask("fake-cds")
        self.wsgi.add_url_rule("/cds-services", view_func=self.discovery)
        self.wsgi.add_url_rule("/cds-services/<path:rest>", view_func=self.service, methods=["POST"])

    def _remember(self) -> None:
        token = request.headers["Authorization"].removeprefix("Bearer ")
        self.seen.append((request.path, token, request.get_json(silent=True)))

    def discovery(self) -> Response:
        self._remember()
        return Response(json.dumps(self.services), content_type="application/json")

    def service(self, rest: str) -> Response:
        self._remember()
        status, body = self.answer
        if status == 307:
            return Response(status=307, headers={"Location": str(body)})
        text = body if isinstance(body, str) else json.dumps(body)
        return Response(text, status, content_type="application/json")

    def last(self) -> tuple[str, str, dict]:
        path, token, body = self.seen[-1]
        assert body is not None
        return path, token, body


@pytest.fixture
def fake() -> Iterator[tuple[FakeService, str]]:
    service = FakeService()
    server = make_server("127.0.0.1", 0, service.wsgi, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield service, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def ehr(fake) -> SmartApp:
    return new_smart_app(app_url=fake[1], tenant="meadowbrook")


def panel(ehr: SmartApp, query: str = "") -> str:
    response = ehr.http.get(f"/patients/{PATIENT}/cds{query}", headers={"X-Fragment": "1"})
    assert response.status_code == 200
    return response.text


def claims(ehr: SmartApp, token: str) -> jwt.Token:
    keys = KeySet.import_key_set(ehr.http.get("/fhir/.well-known/jwks.json").json)
    return jwt.decode(token, keys, algorithms=["ES384"])


def test_every_call_proves_the_ehr_to_exactly_the_url_called(ehr, fake):
    service, url = fake
    panel(ehr)
    ehr.http.post(f"/patients/{PATIENT}/cds/kidneys/feedback", data={"card": "c-1", "outcome": "overridden"})
    tokens = [claims(ehr, token) for _, token, _ in service.seen]
    base = f"{url}/cds-services"
    assert [token.claims["aud"] for token in tokens] == [base, f"{base}/kidneys", f"{base}/kidneys/feedback"]
    assert len({token.claims["jti"] for token in tokens}) == len(tokens)
    now = int(ehr.clock().timestamp())
    for token in tokens:
        assert token.header["alg"] == "ES384"
        assert token.header["typ"] == "JWT"
        assert token.header["jku"] == f"{FHIR}/.well-known/jwks.json"
        assert token.claims["iss"] == FHIR
        assert token.claims["tenant"] == "meadowbrook"
        assert (token.claims["iat"], token.claims["exp"]) == (now, now + 300)


def test_prefetch_is_answered_by_the_fhir_server(ehr, fake):
    panel(ehr)
    path, _, body = fake[0].last()
    assert path == "/cds-services/kidneys"
    prefetch = body["prefetch"]
    assert prefetch["patient"]["id"] == PATIENT
    assert prefetch["user"]["id"] == "okafor-ada"
    assert prefetch["nobody"] is None
    found = [entry["resource"] for entry in prefetch["creatinine"]["entry"]]
    assert len(found) == 2
    assert found[0]["effectiveDateTime"] > found[1]["effectiveDateTime"]
    assert {"later", "unknown_type"}.isdisjoint(prefetch)


def test_the_request_carries_context_and_a_short_token_that_opens_this_chart_only(ehr, fake):
    panel(ehr)
    _, _, body = fake[0].last()
    assert body["hook"] == "patient-view"
    assert body["fhirServer"] == FHIR
    assert body["context"]["userId"] == "Practitioner/okafor-ada"
    assert body["context"]["patientId"] == PATIENT
    authorization = body["fhirAuthorization"]
    assert authorization["expires_in"] == 300
    assert authorization["subject"] == "aki-sentinel"
    assert authorization["patient"] == PATIENT
    access = ehr.bearer(authorization["access_token"])
    assert access.compartment("Observation", "search") == PATIENT
    assert not access.permits("Observation", "create")
    ehr.clock.pass_time(minutes=5)
    assert ehr.bearer(authorization["access_token"]) is None


def test_cards_are_shown_with_markdown_and_without_markup_of_the_service(ehr, fake):
    page = panel(ehr)
    assert "Creatinine &lt;b&gt;doubled&lt;/b&gt;" in page
    assert "<strong>Look</strong>" in page
    assert "<script>" not in page
    assert "cds-warning" in page
    assert "Open the app" in page
    assert "Known already" in page


def test_the_wire_view_hides_the_token(ehr, fake):
    page = panel(ehr)
    _, _, body = fake[0].last()
    assert "(redacted)" in page
    assert body["fhirAuthorization"]["access_token"] not in page
    assert body["hookInstance"] in page


def test_feedback_is_sent_as_the_specification_words_it(ehr, fake):
    url = f"/patients/{PATIENT}/cds/kidneys/feedback"
    form = {"card": "c-1", "outcome": "overridden", "reason": "urn:test|known"}
    assert "The app was told." in ehr.http.post(url, data=form).text
    path, _, body = fake[0].last()
    assert path == "/cds-services/kidneys/feedback"
    assert body == {
        "feedback": [
            {
                "card": "c-1",
                "outcome": "overridden",
                "outcomeTimestamp": "2026-03-01T12:00:00Z",
                "overrideReason": {"reason": {"code": "known", "system": "urn:test"}},
            }
        ]
    }
    ehr.http.post(url, data={"card": "c-1", "outcome": "accepted", "suggestion": "s-1"})
    assert fake[0].last()[2]["feedback"][0]["acceptedSuggestions"] == [{"id": "s-1"}]
    assert ehr.http.post(url, data={"card": "c-1", "outcome": "ignored"}).status_code == 400


def order_for(patient_id: str) -> dict:
    return {
        "resourceType": "ServiceRequest",
        "status": "draft",
        "intent": "proposal",
        "code": {"text": "Creatinine"},
        "subject": {"reference": f"Patient/{patient_id}"},
    }


def test_an_accepted_suggestion_adds_its_order_to_the_chart(ehr, fake):
    suggestion = {
        "uuid": "s-1",
        "label": "Order creatinine",
        "actions": [{"type": "create", "description": "Draft an order", "resource": order_for(PATIENT)}],
    }
    fake[0].answer = (200, {"cards": [CARD | {"suggestions": [suggestion]}]})
    actions = html.unescape(re.search(r'name="actions" value="([^"]+)"', panel(ehr))[1])
    form = {"card": "c-1", "outcome": "accepted", "suggestion": "s-1", "actions": actions}
    page = ehr.http.post(f"/patients/{PATIENT}/cds/kidneys/feedback", data=form).text
    assert re.search(r"Added to the chart: ServiceRequest/new-\S+\. The app was told\.", page)


@pytest.mark.parametrize(
    ("description", "shown"), [("Order creatinine", 1), ("Draft an order for a serum creatinine", 2)]
)
def test_a_description_is_shown_beside_its_button_only_where_it_tells_more(ehr, fake, description, shown):
    action = {"type": "create", "description": description, "resource": order_for(PATIENT)}
    suggestion = {"uuid": "s-1", "label": "Order creatinine", "actions": [action]}
    fake[0].answer = (200, {"cards": [CARD | {"suggestions": [suggestion]}]})
    offered = panel(ehr).partition('class="cds-suggestions"')[2].partition('class="cds-links"')[0]
    assert len(re.findall(r"<(?:button|span)", offered)) == shown


def test_a_suggestion_cannot_write_into_another_chart(ehr):
    page = accept(ehr, {"type": "create", "resource": order_for("10001217")})
    assert "Not added to the chart" in page


def accept(ehr, *actions):
    form = {"card": "c-1", "outcome": "accepted", "suggestion": "s-1", "actions": json.dumps(actions)}
    return ehr.http.post(f"/patients/{PATIENT}/cds/kidneys/feedback", data=form).text


def draft(ehr, **form):
    form = {"service": "orders", **form}
    return ehr.http.post(f"/patients/{PATIENT}/drafts", data=form, follow_redirects=True).text


def drafted(ehr):
    return re.findall(r'data-draft="([^"]+)"', draft(ehr))


@pytest.fixture
def orders(fake):
    fake[0].services = {"services": [{"id": "orders", "hook": "order-sign", "description": "d"}]}
    return fake[0]


def test_a_draft_order_is_begun_shown_and_taken_away(ehr, orders):
    assert "None. An order service is asked once there is one." in panel(ehr, "?service=orders")
    assert "ibuprofen" in draft(ehr, drug="5640")
    draft(ehr, drug="11124")
    assert drafted(ehr) == ["MedicationRequest/draft-1", "MedicationRequest/draft-2"]
    draft(ehr, remove="MedicationRequest/draft-1")
    assert drafted(ehr) == ["MedicationRequest/draft-2"]


def test_an_accepted_deletion_removes_the_draft_and_nothing_else(ehr, orders):
    draft(ehr, drug="5640")
    draft(ehr, drug="11124")
    page = accept(ehr, {"type": "delete", "resourceId": "MedicationRequest/draft-1"})
    assert "Removed from the draft orders: MedicationRequest/draft-1. The app was told." in page
    assert 'data-removed="MedicationRequest/draft-1"' in page
    assert drafted(ehr) == ["MedicationRequest/draft-2"]
    sent = orders.last()[2]["context"]["draftOrders"]["entry"]
    assert [entry["resource"]["id"] for entry in sent] == ["draft-2"]


def test_deletion_by_a_list_of_ids_is_understood(ehr, orders):
    draft(ehr, drug="5640")
    accept(ehr, {"type": "delete", "resourceId": ["MedicationRequest/draft-1"]})
    assert drafted(ehr) == []


def test_a_deletion_of_what_is_no_draft_is_refused_in_words(ehr, orders):
    draft(ehr, drug="5640")
    page = accept(ehr, {"type": "delete", "resourceId": f"Patient/{PATIENT}"})
    assert f"Not removed: Patient/{PATIENT} is no draft order here." in page
    assert drafted(ehr) == ["MedicationRequest/draft-1"]


@pytest.mark.parametrize(
    ("change", "words", "text"),
    [
        ({}, "Draft order changed: MedicationRequest/draft-1.", "paracetamol"),
        ({"id": "draft-9"}, "Not changed: MedicationRequest/draft-9 is no draft order here.", "ibuprofen"),
        ({"subject": {"reference": "Patient/10001217"}}, "Not changed", "ibuprofen"),
    ],
)
def test_an_update_changes_a_draft_of_this_patient_only(ehr, orders, change, words, text):
    draft(ehr, drug="5640")
    changed = {
        "resourceType": "MedicationRequest",
        "id": "draft-1",
        "subject": {"reference": f"Patient/{PATIENT}"},
        "medicationCodeableConcept": {"text": "paracetamol"},
        **change,
    }
    assert words in accept(ehr, {"type": "update", "resource": changed})
    assert text in draft(ehr)


def test_drafts_belong_to_one_patient(ehr, orders):
    draft(ehr, drug="5640")
    assert "data-draft=" not in ehr.http.get("/patients/10001217/cds?service=orders").text


@pytest.mark.parametrize("actions", ["{", "{}", "[1]", "[" * 100_000])
def test_a_broken_form_does_nothing(ehr, actions):
    form = {"card": "c-1", "outcome": "accepted", "actions": actions}
    assert ehr.http.post(f"/patients/{PATIENT}/cds/kidneys/feedback", data=form).status_code == 400


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((200, {"cards": []}), "No cards"),
        ((412, {"resourceType": "OperationOutcome"}), "answered 412."),
        ((412, {"issue": [{"diagnostics": "No creatinine."}]}), "answered 412 (No creatinine)"),
        ((412, {"issue": [7, {"details": {"text": "<b>Nothing"}}]}), "answered 412 (&lt;b&gt;Nothing)"),
        ((500, "<html>oops</html>"), "without readable JSON"),
        ((401, ""), "answered 401"),
        ((200, {"cartes": []}), "no list of cards"),
        ((200, "[[[["), "without readable JSON"),
        ((200, {"cards": [None, 7, {"summary": 5, "indicator": "hard-stop", "links": "x"}]}), "(no summary)"),
        ((307, "https://evil.example/"), "answered 307"),
    ],
)
def test_whatever_the_service_answers_the_panel_says_what_happened(ehr, fake, answer, words):
    fake[0].answer = answer
    assert words in panel(ehr)


def test_an_answer_too_large_is_refused(ehr, fake):
    fake[0].answer = (200, {"cards": [{"summary": "x" * 3_000_000}]})
    assert "larger than 2 MB" in panel(ehr)


@pytest.mark.parametrize("services", [{"services": []}, {"services": "x"}, [], {"services": [{"id": 5}, "x"]}])
def test_without_services_the_panel_says_so(ehr, fake, services):
    fake[0].services = services
    assert "services cannot be read" in panel(ehr)


def test_an_app_that_is_down_is_named_as_such():
    ehr = new_smart_app(app_url="http://127.0.0.1:9")
    assert "cannot be reached; is the app running?" in panel(ehr)


def test_order_hooks_carry_a_draft_order_and_its_selection(ehr, fake):
    service = fake[0]
    service.services = {"services": [{"id": "orders", "hook": "order-select", "description": "d"}]}
    draft(ehr, drug="11124")
    _, _, body = service.last()
    order = body["context"]["draftOrders"]["entry"][0]["resource"]
    assert order["medicationCodeableConcept"]["coding"][0]["code"] == "11124"
    assert body["context"]["selections"] == [f"MedicationRequest/{order['id']}"]
    assert "prefetch" not in body


def test_a_fault_of_the_fhir_server_leaves_the_key_out(ehr, fake):
    ehr.services.faults.turn_on("login_page", "Observation")
    page = panel(ehr)
    assert "creatinine" not in fake[0].last()[2]["prefetch"]
    assert "the FHIR server answered 502" in page


# --- pure parts -------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "query"),
    [
        ("Patient/{{context.patientId}}", "Patient/p1"),
        ("Patient/{{ context.patientId }}", "Patient/p1"),
        ("Observation?patient={{context.patientId}}&_count=5", "Observation?patient=p1&_count=5"),
        ("Practitioner/{{userPractitionerId}}", "Practitioner/u1"),
        ("Patient/{{userPatientId}}", None),
        ("Observation?date=ge{{today() - 90 days}}", None),
        ("https://evil.example/{{context.patientId}}", None),
        ("../admin", None),
        ("Patient/{{context.patientId}}/$everything", None),
        ("", None),
    ],
)
def test_templates_resolve_or_are_left_out(template, query):
    tokens = prefetch_tokens({"patientId": "p1", "draftOrders": {}}, "Practitioner/u1")
    assert resolve_template(template, tokens) == query


def test_one_failing_query_does_not_hide_the_others():
    answers = {"Patient/1": (200, {"id": "1"}), "Patient/2": (404, None), "Condition?x=1": (403, None)}
    templates = {"a": "Patient/1", "b": "Patient/2", "c": "Condition?x=1"}
    found, left_out = fill_prefetch(templates, {}, answers.__getitem__)
    assert found == {"a": {"id": "1"}, "b": None}
    assert left_out == {"c": "the FHIR server answered 403"}


@pytest.mark.parametrize(
    "text",
    [
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "![x](https://evil.example/pixel.png)",
        "<a href='javascript:alert(1)'>x</a>",
        "[x](data:text/html,<script>alert(1)</script>)",
        "`<script>`",
    ],
)
def test_markdown_brings_no_markup_along(text):
    rendered = str(render_markdown(text))
    assert "<script" not in rendered
    assert "<img" not in rendered
    assert 'href="javascript' not in rendered
    assert 'href="data:' not in rendered


def test_links_that_are_no_web_links_are_dropped_and_cards_come_most_urgent_first():
    link = {"label": "x", "url": "javascript:alert(1)", "type": "absolute"}
    cards = read_cards(
        {
            "cards": [
                {"summary": "a", "indicator": "info", "links": [link]},
                {"summary": "b", "indicator": "critical"},
            ]
        }
    )
    assert [card.summary for card in cards] == ["b", "a"]
    assert cards[1].links == ()
