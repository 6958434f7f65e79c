"""The journeys of a certification suite for SMART App Launch 2.2 clients, played by hand in each client variant.

The suite's server (`tests/builders/client_suite.py`) judges every request this app sends; a run is passed when it
has found nothing and has seen every step. The second half shows that it does find what is wrong (SL-17..37, 66,
74, 75, 80, 86).
"""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import ECKey

from app.factory import create_app
from app.services import AppServices, open_services
from launch.backend import BackendServices
from launch.discovery import Discovery
from tests.builders.client_suite import PATIENT, TOKEN_SECONDS, ClientSuite, running_suite
from tests.builders.clock import Clock
from tests.builders.fake_ehr import running
from tests.builders.registrations import local_ehrs, settings_for
from tests.builders.smart_world import Late
from tests.builders.suite_checks import Registered, assertion_faults, authorization_faults, verifier_faults
from tests.builders.two_servers import Browser

SECRET = "a secret: with a colon"
METHODS: dict[str, dict[str, Any]] = {
    "public": {"auth_method": "public"},
    "symmetric": {"auth_method": "client_secret_basic", "client_secret": SECRET},
    "asymmetric-ES384": {"auth_method": "private_key_jwt", "signing_alg": "ES384"},
    "asymmetric-RS384": {"auth_method": "private_key_jwt", "signing_alg": "RS384"},
}
BACKEND = {"client_id": "aki-nightly", "signing_alg": "RS384", "scopes": ["system/Patient.rs"]}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@dataclass(frozen=True)
class Run:
    """The suite, the app it tests, and a browser."""

    suite: ClientSuite
    app_url: str
    app: AppServices
    browser: Browser

    def launch(self) -> requests.Response:
        """From the suite's button, or this app's own, to wherever it ends."""
        if self.suite.launch is None:
            begun = self.browser.get(f"{self.app_url}/launch/standalone?ehr=suite")
        else:
            query = f"iss={self.suite.aud}&launch={self.suite.launch}"
            begun = self.browser.get(f"{self.app_url}/launch?{query}")
        return self.browser.follow(begun)

    def session(self, page: requests.Response) -> Any:
        host = self.app_url.partition("//")[2]
        return self.app.sessions.open(page.url.rstrip("/").rsplit("/", 1)[1], self.browser.cookies[host])


@contextmanager
def _run(suite: ClientSuite, method: str, clock: Clock, state_dir: Path, **entry: Any) -> Iterator[Run]:
    late = Late()
    with running_suite(suite), running(late) as app_url:
        table = {
            "id": "suite",
            "name": "Certification suite",
            "iss": suite.fhir_base,
            "client_id": "aki-sentinel",
            "networks": ["127.0.0.0/8"],
            "allow_http": True,
            "refresh": "online_access",
            "authorize_method": "post" if suite.by_post else "auto",
            **METHODS[method],
            **entry,
        }
        services = open_services(settings_for(state_dir, public_url=app_url), ehrs=local_ehrs(table), clock=clock)
        late.application = create_app(services=services)
        suite.client = _registered(method, app_url)
        try:
            yield Run(suite, app_url, services, Browser())
        finally:
            services.engine.dispose()


def _registered(method: str, app_url: str) -> Registered:
    """The client as a tester types it into the suite's form."""
    return Registered(
        "aki-sentinel",
        method.partition("-")[0],  # type: ignore[arg-type]
        f"{app_url}/callback",
        secret=SECRET,
        alg=method.partition("-")[2],
        jwks=lambda: requests.get(f"{app_url}/.well-known/jwks.json", timeout=30).json(),
    )


@pytest.mark.parametrize(("syntax", "by_post"), [("v2", False), ("v1", True)], ids=["v2-get", "v1-post"])
@pytest.mark.parametrize("launch", ["launch-0001", None], ids=["ehr-launch", "standalone"])
@pytest.mark.parametrize("method", METHODS)
def test_launch_reading_refresh_and_end_give_the_suite_nothing_to_complain_of(
    method: str, launch: str | None, syntax: str, by_post: bool, clock: Clock, tmp_path: Path
) -> None:
    suite = ClientSuite(clock, launch=launch, syntax=syntax, by_post=by_post)
    with _run(suite, method, clock, tmp_path) as run:
        page = run.launch()
        session = run.session(page)
        assert (session.patient_id, session.fhir_user) == (PATIENT, "Practitioner/7")
        clock.advance(seconds=TOKEN_SECONDS)
        assert run.browser.get(page.url).status_code == page.status_code == 200
        ended = run.browser.post(f"{page.url}end", {"csrf_token": session.csrf_token})
    assert ended.status_code == 200
    assert suite.faults == []
    steps = {name: count for name, count in suite.served.items() if name != "fhir"}
    assert steps == {"discovery": 2, "authorize": 1, "authorization_code": 1, "refresh_token": 1, "revoke": 2}
    assert suite.served["fhir"] >= 10


@pytest.mark.parametrize("spelling", ["{base}/fhir/", "HTTP://{host}/fhir"], ids=["slash", "upper-case"])
def test_the_suite_gets_its_own_spelling_of_the_fhir_base_as_aud(
    spelling: str, clock: Clock, tmp_path: Path
) -> None:
    suite = ClientSuite(clock)
    with _run(suite, "public", clock, tmp_path) as run:
        suite.aud = spelling.format(base=suite.base_url, host=suite.base_url.partition("//")[2])
        assert run.launch().status_code == 200
    assert suite.faults == []


def test_backend_services_give_the_suite_nothing_to_complain_of(clock: Clock, tmp_path: Path) -> None:
    suite = ClientSuite(clock)
    with _run(suite, "asymmetric-RS384", clock, tmp_path, backend=BACKEND) as run:
        suite.client = replace(suite.client, client_id="aki-nightly")
        session_for = run.app.outbound.for_launch
        keys, discovery = run.app.client_keys, Discovery(session_for, clock)
        backend = BackendServices(keys, discovery, session_for=session_for, clock=clock)
        registration = run.app.ehrs.by_id("suite").launch
        first = backend.tokens(registration)
        clock.advance(seconds=TOKEN_SECONDS)
        assert backend.tokens(registration).access_token != first.access_token
    assert suite.faults == []
    assert suite.served["client_credentials"] == 2


@pytest.mark.parametrize(
    "reply",
    [
        {"resourceType": "Patient", "id": "someone-else", "birthDate": "1990-01-01"},
        {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": {"resourceType": "Practitioner"}}]},
        {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "not-supported"}]},
        {"echo": "one fixed body"},
    ],
    ids=["resource", "foreign-entry", "outcome", "no-fhir"],
)
def test_one_fixed_nonsense_body_for_every_search_is_survived_and_called_neither_low_nor_normal(
    reply: dict[str, Any], clock: Clock, tmp_path: Path
) -> None:
    suite = ClientSuite(clock, search_reply=reply)
    with _run(suite, "public", clock, tmp_path) as run:
        page = run.launch()
    assert page.status_code in (200, 502)
    assert "Low risk" not in page.text
    assert "No AKI" not in page.text
    assert suite.faults == []


KEY = ECKey.generate_key("P-384", {"kid": "k1", "alg": "ES384"})
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CLIENT = Registered(
    "aki", "asymmetric", "https://aki/callback", alg="ES384", jwks=lambda: {"keys": [KEY.as_dict(private=False)]}
)
TOKEN_ENDPOINT = "https://suite/auth/token"


def _assertion(header: dict[str, Any] | None = None, **claims: Any) -> str:
    usual = {"iss": "aki", "sub": "aki", "aud": TOKEN_ENDPOINT, "exp": int(NOW.timestamp()) + 240, "jti": "j1"}
    merged = {name: value for name, value in {**usual, **claims}.items() if value is not None}
    return jwt.encode({"alg": "ES384", "kid": "k1", "typ": "JWT", **(header or {})}, merged, KEY, ["ES384"])


@pytest.mark.parametrize(
    ("header", "claims", "fault"),
    [
        ({}, {"iss": "other"}, "claim iss is wrong"),
        ({}, {"sub": "other"}, "claim sub is wrong"),
        ({}, {"aud": "https://suite/auth"}, "claim aud is wrong"),
        ({}, {"aud": [TOKEN_ENDPOINT]}, "claim aud is wrong"),
        ({}, {"exp": int(NOW.timestamp()) + 301}, "exp is past or more than five minutes ahead"),
        ({}, {"exp": int(NOW.timestamp())}, "exp is past or more than five minutes ahead"),
        ({}, {"iat": int(NOW.timestamp()) + 1}, "iat lies ahead or more than five minutes before exp"),
        ({}, {"jti": None}, "jti is missing"),
        ({}, {"jti": "used"}, "jti is missing or was used before"),
        ({}, {"scope": "x"}, "scope does not belong here"),
        ({"typ": "jwt"}, {}, "typ is not JWT"),
        ({"kid": "k2"}, {}, "0 published keys have this kid"),
        ({"x5u": "https://evil.test"}, {}, "header x5u does not belong here"),
    ],
)
def test_the_suite_finds_a_wrong_assertion(header: dict[str, Any], claims: dict[str, Any], fault: str) -> None:
    seen = {"used"}
    found = assertion_faults(_assertion(header, **claims), CLIENT, audience=TOKEN_ENDPOINT, now=NOW, seen=seen)
    assert fault in list(found)
    assert list(assertion_faults(_assertion(), CLIENT, audience=TOKEN_ENDPOINT, now=NOW, seen=set())) == []


def test_the_suite_finds_a_published_private_key_and_a_forged_signature() -> None:
    careless = replace(CLIENT, jwks=lambda: {"keys": [KEY.as_dict(private=True)]})
    judged = {"audience": TOKEN_ENDPOINT, "now": NOW}
    found = list(assertion_faults(_assertion(), careless, seen=set(), **judged))  # type: ignore[arg-type]
    assert found == ["the key set holds a private member"]
    head, body, _ = _assertion().split(".")
    forged = f"{head}.{body}.{base64.urlsafe_b64encode(bytes(96)).decode()}"
    found = list(assertion_faults(forged, CLIENT, seen=set(), **judged))  # type: ignore[arg-type]
    assert found == ["the signature is not that of the published key"]


GOOD = {
    "response_type": "code",
    "client_id": "aki",
    "redirect_uri": "https://aki/callback",
    "scope": "launch openid fhirUser patient/Patient.r patient/Observation.rs",
    "state": "s" * 43,
    "aud": "https://suite/fhir",
    "launch": "l1",
    "nonce": "n",
    "code_challenge": "c" * 43,
    "code_challenge_method": "S256",
}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"aud": "https://suite/fhir/"}, "aud is wrong"),
        ({"launch": None}, "launch is missing"),
        ({"nonce": None}, "nonce is missing"),
        ({"state": "1"}, "state holds too little randomness"),
        ({"code_challenge_method": "plain"}, "code_challenge_method is wrong"),
        ({"code_challenge": "c" * 42 + "="}, "code_challenge is no unpadded base64url SHA-256"),
        ({"client_secret": "x"}, "client_secret does not belong here"),
        ({"scope": "openid patient/Observation.sr launch"}, "scope patient/Observation.sr is not v2"),
        ({"scope": "openid patient/Observation.read launch"}, "scope patient/Observation.read is not v2"),
        ({"scope": "openid patient/Patient.r"}, "scope launch is missing"),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
def test_the_suite_finds_a_wrong_authorization_request(change: dict[str, str | None], fault: str) -> None:
    sent = [(name, value) for name, value in {**GOOD, **change}.items() if value is not None]
    judged: dict[str, Any] = {"aud": "https://suite/fhir", "launch": "l1", "syntax": "v2"}
    assert fault in list(authorization_faults(sent, CLIENT, **judged))
    assert list(authorization_faults(list(GOOD.items()), CLIENT, **judged)) == []
    twice = [*GOOD.items(), ("state", GOOD["state"])]
    assert list(authorization_faults(twice, CLIENT, **judged)) == ["state is sent 2 times"]


def test_the_suite_finds_a_verifier_that_is_short_or_not_the_one_behind_the_challenge() -> None:
    assert len(list(verifier_faults("v", "c" * 43))) == 2
    assert list(verifier_faults("v" * 43, "qW6d4TkmVYBpb3l3blTQ2VUkTDjjfRn3ffcV0YIpxnY")) == [
        "code_verifier is not the one behind the challenge"
    ]


@pytest.mark.parametrize(
    ("form", "header", "fault"),
    [
        ({"client_id": "aki-sentinel"}, {}, "authorization_code: client_id does not belong here"),
        ({}, {}, "authorization_code: the Authorization header is wrong"),
        ({}, {"Cookie": "a=b"}, "authorization_code: carries more than its form"),
        ({}, {"Referer": "https://aki/callback?code=c"}, "authorization_code: carries more than its form"),
        ({"code": "reused"}, {}, "authorization_code: code was never given, or is used twice"),
    ],
)
def test_the_suite_finds_a_wrong_token_request(
    form: dict[str, str], header: dict[str, str], fault: str, clock: Clock
) -> None:
    suite = ClientSuite(clock, client=Registered("aki-sentinel", "symmetric", "https://aki/callback", SECRET))
    sent = {"grant_type": "authorization_code", "code": "c", "redirect_uri": "https://aki/callback"}
    with running_suite(suite):
        requests.post(
            suite.token_endpoint, data={**sent, "code_verifier": "v" * 43, **form}, headers=header, timeout=30
        )
        requests.get(f"{suite.fhir_base}/Observation?patient=another&access_token=x", timeout=30)
    assert fault in suite.faults
    assert "fhir: Observation was read without the current bearer token" in suite.faults
    assert "fhir: the token is in the address" in suite.faults
    assert "fhir: Observation was searched beyond the patient of the launch" in suite.faults
