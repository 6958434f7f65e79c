"""Finding an EHR's authorization server, and refusing what it may not point at (SL-8..16)."""

from collections.abc import Callable

import pytest
import requests
from werkzeug.wrappers import Response

from launch.discovery import Discovery, capability_configuration, smart_configuration
from launch.errors import EhrMisconfigured, EhrUnavailable
from launch.registry import EhrRegistration
from tests.builders.fake_ehr import FakeEhr, json_response
from tests.builders.registrations import local_registration, registration

WELL_KNOWN = "/fhir/.well-known/smart-configuration"


@pytest.fixture
def discovery(clock: Callable[[], object]) -> Discovery:
    return Discovery(lambda _: requests.Session(), clock)  # type: ignore[arg-type]


def test_the_well_known_document_is_looked_for_below_the_whole_fhir_base(
    ehr: FakeEhr, discovery: Discovery
) -> None:
    found = discovery.configuration(local_registration(ehr.base_url))
    assert found.token_endpoint == ehr.token_endpoint
    assert ehr.paths() == [WELL_KNOWN]
    assert ehr.asked[0].headers["Accept"] == "application/json"


def test_a_configuration_is_kept_for_minutes_and_then_read_again(
    ehr: FakeEhr, discovery: Discovery, clock
) -> None:
    held = local_registration(ehr.base_url)
    discovery.configuration(held)
    discovery.configuration(held)
    assert len(ehr.asked) == 1
    clock.advance(minutes=6)
    discovery.configuration(held)
    assert len(ehr.asked) == 2


def test_json_is_read_whatever_its_content_type(ehr: FakeEhr, discovery: Discovery) -> None:
    body = json_response(ehr.configuration()).data
    ehr.answers[WELL_KNOWN] = lambda _: Response(body, mimetype="text/plain")
    assert discovery.configuration(local_registration(ehr.base_url)).token_endpoint == ehr.token_endpoint


@pytest.mark.parametrize("answer", [Response(status=404), Response("<html>login</html>", mimetype="text/html")])
def test_an_old_server_is_found_by_its_capability_statement(
    ehr: FakeEhr, discovery: Discovery, answer: Response
) -> None:
    uris = [
        {"url": "authorize", "valueUri": f"{ehr.base_url}/auth/authorize"},
        {"url": "token", "valueUri": ehr.token_endpoint},
    ]
    oauth = {"url": "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris", "extension": uris}
    ehr.answers[WELL_KNOWN] = lambda _: answer
    ehr.answers["/fhir/metadata"] = lambda _: json_response({"rest": [{"security": {"extension": [oauth]}}]})
    found = discovery.configuration(local_registration(ehr.base_url))
    assert found.token_endpoint == ehr.token_endpoint
    assert found.scope_syntax == "v1"


@pytest.mark.parametrize("statement", [{}, {"rest": None}, {"rest": [{"security": []}]}, {"rest": ["x"]}])
def test_a_capability_statement_without_endpoints_is_a_misconfigured_ehr(statement: dict[str, object]) -> None:
    with pytest.raises(EhrMisconfigured, match="authorize is missing"):
        capability_configuration(statement, registration())


def test_an_ehr_that_fails_or_cannot_be_reached_is_unavailable(ehr: FakeEhr, discovery: Discovery) -> None:
    ehr.answers[WELL_KNOWN] = lambda _: Response(status=503)
    with pytest.raises(EhrUnavailable, match="status 503"):
        discovery.configuration(local_registration(ehr.base_url))
    with pytest.raises(EhrUnavailable, match="ConnectionError"):
        discovery.configuration(local_registration("http://127.0.0.1:9"))


def test_relative_endpoints_are_resolved_against_the_fhir_base() -> None:
    published = {"authorization_endpoint": "auth/authorize", "token_endpoint": "/oauth2/token"}
    found = smart_configuration(published, registration())
    assert found.authorization_endpoint == "https://ehr.example.org/fhir/r4/auth/authorize"
    assert found.token_endpoint == "https://ehr.example.org/oauth2/token"


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://ehr.example.org/token",
        "https://evil.test/token",
        "//evil.test/token",
        "https://ehr.example.org@evil.test/token",
        "https://ehr.example.org:8443/token",
        "javascript:alert(1)",
        "https://ehr.example.org/token#x",
    ],
)
@pytest.mark.parametrize("field", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
def test_an_endpoint_outside_the_trusted_origins_is_refused(endpoint: str, field: str) -> None:
    good = "https://ehr.example.org/oauth2/x"
    published = {"authorization_endpoint": good, "token_endpoint": good, field: endpoint}
    with pytest.raises(EhrMisconfigured, match=f"{field} is outside the trusted origins"):
        smart_configuration(published, registration())


def test_an_authorization_server_elsewhere_is_trusted_only_when_listed() -> None:
    elsewhere = "https://login.example.org/oauth2/token"
    published = {"authorization_endpoint": elsewhere, "token_endpoint": elsewhere}
    listed: EhrRegistration = registration(trusted_origins=["https://login.example.org"])
    assert smart_configuration(published, listed).token_endpoint == elsewhere


def test_special_headers_go_out_with_discovery(ehr: FakeEhr, discovery: Discovery) -> None:
    discovery.configuration(local_registration(ehr.base_url, discovery_headers={"Epic-Client-ID": "abc"}))
    assert ehr.asked[0].headers["Epic-Client-Id"] == "abc"


def test_an_ehr_that_does_not_announce_pkce_is_named_in_the_log(
    ehr: FakeEhr, discovery: Discovery, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("WARNING")  # a command tested before may have asked for less
    discovery.configuration(local_registration(ehr.base_url))
    assert "PKCE" not in caplog.text
    silent = {**ehr.configuration(), "code_challenge_methods_supported": ["plain"]}
    ehr.answers[WELL_KNOWN] = lambda _: json_response(silent)
    discovery.configuration(local_registration(ehr.base_url, id="silent"))
    assert "PKCE is not announced and sent all the same: ehr=silent" in caplog.text
