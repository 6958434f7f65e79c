"""The endpoints over HTTP: status codes, OperationOutcomes, CORS, no empty element, never a 500."""

import io
import logging
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model.snapshot import PatientSnapshot
from tests.builders.cds import (
    EHR,
    PUBLIC_URL,
    RISING,
    client,
    creatinine,
    full_prefetch,
    hook_body,
    token,
)
from tests.cds_hooks.conftest import Bench

BuildBench = Callable[..., Bench]
STEADY = full_prefetch(creatinine("c1", 0.9, 40), creatinine("c2", 0.9, 2), setting="AMB")


def code_of(answer: Any) -> str:
    outcome = answer.get_json()
    assert outcome["resourceType"] == "OperationOutcome"
    (issue,) = outcome["issue"]
    assert issue["severity"] == "error"
    return str(issue["details"]["coding"][0]["code"])


def empty_elements(value: Any, path: str = "$") -> list[str]:
    """Paths of null or empty elements; `cards: []` alone is allowed (requirement 3)."""
    if path == "$.cards" and value == []:
        return []
    if value is None or value in ("", [], {}):
        return [path]
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [hit for name, part in parts for hit in empty_elements(part, f"{path}.{name}")]


class TestDiscovery:
    """Requirements 4 to 14, 29, 36; CH-1 to CH-11."""

    def test_it_describes_the_service_without_a_token(self, bench: BuildBench) -> None:
        answer = bench().app.test_client().get("/cds-services")
        assert answer.status_code == 200
        assert answer.content_type == "application/json"
        services = answer.get_json()["services"]
        assert [(service["id"], service["hook"]) for service in services] == [
            ("aki-patient-view", "patient-view"),
            ("aki-order-select", "order-select"),
            ("aki-order-sign", "order-sign"),
            ("aki-encounter-discharge", "encounter-discharge"),
        ]
        for service in services:
            assert service["prefetch"]["patient"] == "Patient/{{context.patientId}}"
            assert "http://loinc.org|2160-0" in service["prefetch"]["creatinine"]
        assert empty_elements(answer.get_json()) == []

    def test_it_ignores_a_token_whatever_it_is(self, bench: BuildBench) -> None:
        headers = {"Authorization": "Bearer nonsense"}
        assert bench().app.test_client().get("/cds-services", headers=headers).status_code == 200

    def test_templates_name_context_fields_only(self, bench: BuildBench) -> None:
        """Requirements 55, 56 and 59; CH-6: no chains, no includes, nothing of 3.0."""
        services = bench().app.test_client().get("/cds-services").get_json()["services"]
        for template in (one for service in services for one in service["prefetch"].values()):
            assert template.count("{{") == template.count("{{context.patientId}}") == 1
            assert "_include" not in template

    def test_a_site_without_loinc_gets_templates_by_category(self, bench: BuildBench) -> None:
        answer = bench(prefetch_variant="category").app.test_client().get("/cds-services")
        assert "category=laboratory" in answer.get_json()["services"][0]["prefetch"]["creatinine"]

    def test_the_version_spoken_is_said_only_where_a_client_expects_what_the_3_0_ballot_adds(
        self, bench: BuildBench
    ) -> None:
        def versions(**changes: Any) -> set[Any]:
            answer = bench(client(**changes)).app.test_client().get("/cds-services")
            return {service.get("version") for service in answer.get_json()["services"]}

        assert versions() == {None}
        assert versions(cds_hooks_3=True) == {"2.0.1"}

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
    def test_other_methods_are_405(self, bench: BuildBench, method: str) -> None:
        answer = bench().app.test_client().open("/cds-services", method=method)
        assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, OPTIONS")
        assert code_of(answer) == "method-not-allowed"


PATHS = ("/cds-services", "/cds-services/aki-patient-view", "/cds-services/aki-patient-view/feedback")
ASK = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}


class TestCors:
    """Requirement 208; CH-56."""

    @pytest.mark.parametrize("path", PATHS)
    def test_a_registered_origin_may_call_without_a_token_in_the_preflight(
        self, bench: BuildBench, path: str
    ) -> None:
        headers = {"Origin": "https://sandbox.example.org", **ASK}
        answer = bench().app.test_client().options(path, headers=headers)
        assert answer.status_code == 204
        assert answer.headers["Access-Control-Allow-Origin"] == "https://sandbox.example.org"
        assert answer.headers["Access-Control-Allow-Headers"] == "Authorization, Content-Type"
        assert "Access-Control-Allow-Credentials" not in answer.headers
        assert "Origin" in answer.headers["Vary"]

    @pytest.mark.parametrize("path", PATHS)
    @pytest.mark.parametrize(
        "origin", ["https://evil.example.org", "null", "https://sandbox.example.org.evil.org"]
    )
    def test_any_other_origin_is_told_nothing(self, bench: BuildBench, path: str, origin: str) -> None:
        answer = bench().app.test_client().options(path, headers={"Origin": origin, **ASK})
        assert [name for name in dict(answer.headers) if name.startswith("Access-Control")] == []

    def test_answers_and_refusals_name_the_origin_too(self, bench: BuildBench) -> None:
        """A browser shows a 401 to its page only when the answer allows the origin."""
        headers = {"Origin": "https://sandbox.example.org"}
        for bearer in (None, "nonsense"):
            answer = bench().post(hook_body(prefetch=RISING), bearer=bearer, headers=headers)
            assert answer.headers["Access-Control-Allow-Origin"] == "https://sandbox.example.org"


BAD_JSON = {
    "empty": b"",
    "cut off": b'{"hook": "patient-view"',
    "NaN": b'{"hook": NaN}',
    "Infinity": b'{"x": -Infinity}',
    "1e400": b'{"x": 1e400}',
    "not UTF-8": b'{"hook": "\xff"}',
    "deep lists": b"[" * 200_000,
    "deep objects": b'{"a":' * 100_000,
    "a lone surrogate": b'{"hook": "\\ud800"}',
    "two values": b"{} {}",
    "a web page": b"<html></html>",
}


class TestStatusCodes:
    """CH-12 to CH-17, requirement 54."""

    @pytest.mark.parametrize(
        "path",
        ["unknown", "aki-patient-view/x", "aki-patient-view/feedback/x", "unknown/feedback", "AKI-patient-view"],
    )
    def test_an_unknown_address_is_404_before_anything_else(self, bench: BuildBench, path: str) -> None:
        answer = bench().post(hook_body(), path=path, bearer="")
        assert (answer.status_code, code_of(answer)) == (404, "unknown-service")

    def test_get_on_a_service_is_405(self, bench: BuildBench) -> None:
        answer = bench().app.test_client().get("/cds-services/aki-patient-view")
        assert (answer.status_code, answer.headers["Allow"]) == (405, "POST, OPTIONS")

    @pytest.mark.parametrize("bearer", ["", "nonsense", "a.b.c"])
    def test_a_caller_without_proof_gets_the_same_401_whatever_the_reason(
        self, bench: BuildBench, bearer: str
    ) -> None:
        answer = bench().post(hook_body(prefetch=RISING), bearer=bearer)
        expired = bench().post(hook_body(), bearer=token(exp=1, iat=0))
        assert answer.status_code == expired.status_code == 401
        assert answer.data == expired.data
        assert answer.headers["WWW-Authenticate"] == "Bearer"

    def test_a_caller_is_refused_before_its_body_is_read(self, bench: BuildBench) -> None:
        assert bench().post(b"{not json", bearer="nonsense").status_code == 401

    def test_a_token_for_this_url_does_not_open_another(self, bench: BuildBench) -> None:
        wrong = token(aud=f"{PUBLIC_URL}/cds-services")
        assert bench().post(hook_body(prefetch=RISING), bearer=wrong).status_code == 401

    def test_the_host_header_does_not_decide_the_audience(self, bench: BuildBench) -> None:
        """CH-49: behind a proxy the configured public URL counts, never what the request claims."""
        wrong = token(aud="https://evil.example.org/cds-services/aki-patient-view")
        headers = {"Host": "evil.example.org", "X-Forwarded-Host": "evil.example.org"}
        assert bench().post(hook_body(prefetch=RISING), bearer=wrong, headers=headers).status_code == 401
        assert bench().post(hook_body(prefetch=RISING), headers=headers).status_code == 200

    @pytest.mark.parametrize(
        "content_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16"]
    )
    def test_another_media_type_is_415(self, bench: BuildBench, content_type: str) -> None:
        assert bench().post(hook_body(), content_type=content_type).status_code == 415

    def test_a_compressed_body_is_415(self, bench: BuildBench) -> None:
        assert bench().post(hook_body(), headers={"Content-Encoding": "gzip"}).status_code == 415

    def test_json_with_a_charset_is_read(self, bench: BuildBench) -> None:
        answer = bench().post(hook_body(prefetch=RISING), content_type="application/json; charset=UTF-8")
        assert answer.status_code == 200

    def test_a_body_above_the_limit_is_413(self, bench: BuildBench) -> None:
        answer = bench(max_body_bytes=1000).post(hook_body(padding="x" * 1000))
        assert (answer.status_code, code_of(answer)) == (413, "body-too-large")

    def test_a_chunked_body_above_the_limit_is_413(self, bench: BuildBench) -> None:
        web = bench(max_body_bytes=1000).app.test_client()
        answer = web.post(
            "/cds-services/aki-patient-view",
            input_stream=io.BytesIO(b" " * 5000),
            headers={"Authorization": f"Bearer {token()}", "Transfer-Encoding": "chunked"},
            content_type="application/json",
            environ_overrides={"wsgi.input_terminated": True},
        )
        assert answer.status_code == 413

    @pytest.mark.parametrize("body", BAD_JSON.values(), ids=BAD_JSON.keys())
    def test_bad_json_is_400(self, bench: BuildBench, body: bytes) -> None:
        assert bench().post(body).status_code == 400

    def test_another_hook_is_400(self, bench: BuildBench) -> None:
        answer = bench().post(hook_body(hook="order-sign", prefetch=RISING))
        assert (answer.status_code, code_of(answer)) == (400, "hook-mismatch")

    def test_an_unregistered_fhir_server_is_403_and_nothing_is_sent(self, bench: BuildBench) -> None:
        at = bench()
        authorization = {"access_token": "secret", "token_type": "Bearer", "expires_in": 60}
        answer = at.post(hook_body(fhirServer="https://evil.example.org/fhir", fhirAuthorization=authorization))
        assert (answer.status_code, code_of(answer)) == (403, "fhir-server-not-registered")
        assert at.session.asked == []

    def test_an_unregistered_fhir_server_is_refused_even_when_nothing_need_be_fetched(
        self, bench: BuildBench
    ) -> None:
        answer = bench().post(hook_body(fhirServer="https://evil.example.org/fhir", prefetch=RISING))
        assert answer.status_code == 403

    def test_nothing_reachable_is_412(self, bench: BuildBench) -> None:
        answer = bench().post(hook_body())
        assert (answer.status_code, code_of(answer)) == (412, "not-supplied")
        assert empty_elements(answer.get_json()) == []

    def test_412_becomes_empty_cards_only_where_the_client_asked_for_it(self, bench: BuildBench) -> None:
        at = bench(client(empty_instead_of_412=True))
        answer = at.post(hook_body())
        said = {"cards": [], "extension": {"aki-sentinel.cards": "not-assessed"}}
        assert (answer.status_code, answer.get_json()) == (200, said)
        assert (at.events[0].status, at.events[0].reason) == (412, "not-supplied")  # the record keeps the truth

    def test_another_patient_in_the_prefetch_is_422(self, bench: BuildBench) -> None:
        stranger = {"resourceType": "Patient", "id": "p-2", "birthDate": "1950-01-01"}
        answer = bench().post(hook_body(prefetch={**RISING, "patient": stranger}))
        assert (answer.status_code, code_of(answer)) == (422, "patient-mismatch")

    def test_our_own_fault_is_500_with_an_incident_and_nothing_of_the_chart(
        self, bench: BuildBench, caplog: pytest.LogCaptureFixture
    ) -> None:
        def broken(snapshot: PatientSnapshot, now: Any, ehr_id: str) -> Any:
            raise KeyError("Jane Canary 1950-05-01")

        with caplog.at_level(logging.DEBUG):
            answer = bench(assess=broken).post(hook_body(prefetch=RISING))
        assert (answer.status_code, code_of(answer)) == (500, "internal-error")
        incident = answer.get_json()["issue"][0]["details"]["text"].split()[-1].rstrip(".")
        assert incident in caplog.text
        assert "Canary" not in caplog.text + answer.get_data(as_text=True)

    def test_when_the_record_cannot_be_kept_nothing_is_shown(self, bench: BuildBench) -> None:
        def full(event: Any) -> None:
            raise OSError("disk full")

        assert bench(record=full).post(hook_body(prefetch=RISING)).status_code == 500


class TestAnswers:
    def test_a_rise_gives_one_card(self, bench: BuildBench) -> None:
        at = bench()
        answer = at.post(hook_body(prefetch=RISING))
        (card,) = answer.get_json()["cards"]
        assert card["indicator"] == "warning"
        assert "KDIGO stage 2" in card["summary"]
        assert answer.headers["Cache-Control"] == "no-store"
        assert empty_elements(answer.get_json()) == []

    def test_an_empty_list_of_system_actions_is_sent_only_to_a_client_that_wants_one(
        self, bench: BuildBench
    ) -> None:
        assert "systemActions" not in bench().post(hook_body(prefetch=RISING)).get_json()
        wanted = bench(client(empty_system_actions=True)).post(hook_body(prefetch=RISING)).get_json()
        assert (wanted["systemActions"], len(wanted["cards"])) == ([], 1)

    def test_an_order_is_suggested_by_the_sites_own_code_where_it_has_one(self, bench: BuildBench) -> None:
        at = bench(client(order_codes={"creatinine": "urn:epic:preference-list|LAB113"}))
        (card,) = at.post(hook_body(prefetch=RISING)).get_json()["cards"]
        codings = [one["actions"][0]["resource"]["code"]["coding"] for one in card["suggestions"]]
        assert [[coding["code"] for coding in each] for each in codings] == [
            ["LAB113", "2160-0"],
            ["24356-8"],
            ["306005"],
        ]

    def test_a_steady_creatinine_gives_silence(self, bench: BuildBench) -> None:
        answer = bench().post(hook_body(prefetch=STEADY))
        assert (answer.status_code, answer.get_json()) == (200, {"cards": []})

    def test_every_call_is_recorded_with_who_whom_and_what_was_shown(self, bench: BuildBench) -> None:
        at = bench()
        card = at.post(hook_body(prefetch=RISING)).get_json()["cards"][0]
        at.post(hook_body(prefetch=STEADY))
        at.post(hook_body())
        shown, silent, refused = at.events
        assert (shown.status, shown.user_id, shown.patient_id) == (200, "Practitioner/d-1", "p-1")
        assert [one.uuid for one in shown.cards] == [card["uuid"]]
        assert (silent.status, silent.cards, silent.reason) == (200, (), "no-aki-outpatient")
        assert (refused.status, refused.reason) == (412, "not-supplied")

    def test_cards_in_shadow_are_recorded_and_not_sent(self, bench: BuildBench) -> None:
        at = bench(cards_mode=lambda _: "shadow")
        assert at.post(hook_body(prefetch=RISING)).get_json()["cards"] == []
        (event,) = at.events
        assert (event.cards, event.reason) == ((), "cards-in-shadow")
        assert [one.card.kind.value for one in event.withheld] == ["stage"]

    def test_cards_switched_off_are_not_even_decided(self, bench: BuildBench) -> None:
        at = bench(cards_mode=lambda _: "off", assess=None)
        assert at.post(hook_body(prefetch=RISING)).get_json()["cards"] == []
        assert at.events[0].reason == "cards-switched-off"

    @pytest.mark.parametrize("mode", ["shadow", "off"])
    def test_an_answer_without_cards_by_the_sites_wish_says_so(self, bench: BuildBench, mode: str) -> None:
        """No card may be taken for no finding."""
        at = bench(cards_mode=lambda _: mode)
        assert at.post(hook_body(prefetch=STEADY)).get_json()["extension"] == {"aki-sentinel.cards": mode}
        assert "extension" not in bench().post(hook_body(prefetch=STEADY)).get_json()

    @pytest.mark.parametrize(
        ("modes", "says"),
        [
            ({"ehr-1": "live", "ehr-2": "live"}, None),
            ({"ehr-1": "off", "ehr-2": "off"}, "Switched off by the site: "),
            ({"ehr-1": "shadow", "ehr-2": "shadow"}, "Tried out by the site: "),
            ({"ehr-1": "live", "ehr-2": "off"}, "Switched off or tried out at some sites: "),
            ({"ehr-1": "shadow", "ehr-2": "off"}, "Switched off or tried out at some sites: "),
        ],
    )
    def test_discovery_says_when_cards_are_not_live(
        self, bench: BuildBench, modes: dict[str, str], says: str | None
    ) -> None:
        clients = (client(), client(ehr_id="ehr-2", iss="https://other.example.org/fhir"))
        at = bench(*clients, cards_mode=lambda ehr_id: modes[ehr_id])
        for service in at.app.test_client().get("/cds-services").get_json()["services"]:
            found = service["description"].startswith(says or "Shows") or says is None
            assert found
            assert ("does not mean that nothing was found" in service["description"]) is (says is not None)

    def test_a_record_holds_no_clinical_value(self, bench: BuildBench) -> None:
        at = bench()
        at.post(hook_body(prefetch=full_prefetch(creatinine("c1", 0.91, 40), creatinine("c2", 7.77, 2))))
        assert "7.77" not in repr(at.events)

    def test_an_unregistered_callers_attempt_is_logged_without_its_token(
        self, bench: BuildBench, caplog: pytest.LogCaptureFixture
    ) -> None:
        text = token(iss="https://stranger.example.org", jti="j-77")
        with caplog.at_level(logging.DEBUG):
            bench().post(hook_body(), bearer=text)
        assert "iss-unknown" in caplog.text
        assert "stranger.example.org" in caplog.text
        assert "j-77" in caplog.text
        assert text.split(".")[2] not in caplog.text

    def test_no_patient_no_token_and_no_result_reaches_a_log(
        self, bench: BuildBench, caplog: pytest.LogCaptureFixture
    ) -> None:
        name = {"resourceType": "Patient", "id": "p-1", "name": [{"family": "Canary"}], "birthDate": "1950-05-01"}
        authorization = {"access_token": "canary-token", "token_type": "Bearer", "expires_in": 60}
        body = hook_body(
            prefetch={
                "patient": name,
                "creatinine": {"resourceType": "Bundle", "entry": [{"resource": "canary"}]},
            },
            fhirServer=EHR,
            fhirAuthorization=authorization,
        )
        with caplog.at_level(logging.DEBUG):
            at = bench()
            answer = at.post(body)
        assert at.session.asked, "the FHIR server was asked for the rest"
        for canary in ("Canary", "canary", "canary-token"):
            assert canary not in caplog.text
            assert canary not in answer.get_data(as_text=True)

    def test_the_development_client_is_answered_without_a_token(
        self, bench: BuildBench, caplog: pytest.LogCaptureFixture
    ) -> None:
        at = bench(client(allow_unauthenticated=True), development=True)
        assert "WITHOUT A TOKEN" in caplog.text
        assert at.post(hook_body(prefetch=RISING), bearer="").status_code == 200
        assert at.post(hook_body(prefetch=RISING), bearer="nonsense").status_code == 401


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["resourceType", "entry", "resource", "id", "code", "coding", "system", "valueQuantity", "value", "unit",
         "subject", "reference", "status", "effectiveDateTime", "link", "type", "class", "period", "total"]
    ), inner, max_size=4),
    max_leaves=10,
)  # fmt: skip


def paths(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [here, *(found for name, part in items for found in paths(part, (*here, name)))]


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """A copy with one place replaced."""
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


WHOLE = hook_body(prefetch=RISING, fhirServer=EHR)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(st.sampled_from(paths(WHOLE)), JSON)
def test_a_wrong_type_anywhere_is_answered_never_a_500(
    bench: BuildBench, path: tuple[Any, ...], value: Any
) -> None:
    answer = bench().post(replaced(WHOLE, path, value))
    assert answer.status_code in {200, 400, 403, 412, 422}
    assert empty_elements(answer.get_json()) == []


def test_a_replayed_request_is_401_and_the_first_answer_stands(bench: BuildBench) -> None:
    at, text = bench(), token()
    assert at.post(hook_body(prefetch=RISING), bearer=text).status_code == 200
    assert at.post(hook_body(prefetch=RISING), bearer=text).status_code == 401
