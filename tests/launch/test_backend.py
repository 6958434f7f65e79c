"""Backend services: a token for the app itself, fetched ahead of its end (SL-80, SL-81)."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from pydantic import ValidationError

from launch.backend import BackendServices
from launch.discovery import Discovery
from launch.errors import EhrMisconfigured, TokenRefused
from launch.keys import ClientKeys, new_key
from launch.registry import EhrRegistration
from tests.builders.fake_ehr import FakeEhr, json_response
from tests.builders.registrations import local_registration, registration

BACKEND = {
    "client_id": "nightly",
    "signing_alg": "RS384",
    "scopes": ["system/Patient.rs", "system/Observation.rs"],
}
GRANT = {"access_token": "bt-1", "token_type": "bearer", "expires_in": 300, "refresh_token": "never-used"}


@pytest.fixture
def backend(clock) -> BackendServices:
    session = requests.Session()
    keys = ClientKeys([new_key("ES384"), new_key("RS384")])
    return BackendServices(keys, Discovery(lambda _: session, clock), session_for=lambda _: session, clock=clock)


@pytest.fixture
def hospital(ehr: FakeEhr) -> EhrRegistration:
    ehr.token_response = dict(GRANT)
    return local_registration(ehr.base_url, auth_method="public", backend=BACKEND)


def _asked(ehr: FakeEhr) -> list[dict[str, str]]:
    return [dict(each.form) for each in ehr.asked if each.path == "/auth/token"]


def test_a_request_names_its_system_scopes_and_proves_itself_with_its_own_key(ehr, hospital, backend) -> None:
    tokens = backend.tokens(hospital)
    (form,) = _asked(ehr)
    assert (form["grant_type"], form["scope"]) == ("client_credentials", "system/Patient.rs system/Observation.rs")
    assert form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    assert "client_secret" not in form
    assert tokens.refresh_token is None
    assert tokens.scopes == set(BACKEND["scopes"])


def test_a_token_serves_until_a_minute_before_its_end(ehr, hospital, backend, clock) -> None:
    first = backend.tokens(hospital)
    clock.advance(seconds=239)
    assert backend.tokens(hospital) is first
    clock.advance(seconds=1)
    ehr.token_response["access_token"] = "bt-2"
    assert backend.tokens(hospital).access_token == "bt-2"
    assert len(_asked(ehr)) == 2
    assertions = {form["client_assertion"] for form in _asked(ehr)}
    assert len(assertions) == 2


def test_many_threads_share_one_request(ehr, hospital, backend) -> None:
    together = threading.Barrier(8)

    def work(_: int) -> str:
        together.wait()
        return backend.tokens(hospital).access_token

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(work, range(8))) == {"bt-1"}
    assert len(_asked(ehr)) == 1


def test_a_refusal_is_told_as_such_and_not_kept(ehr, hospital, backend) -> None:
    ehr.answers["/auth/token"] = lambda _: json_response({"error": "unauthorized_client"}, 400)
    with pytest.raises(TokenRefused, match="unauthorized_client"):
        backend.tokens(hospital)
    del ehr.answers["/auth/token"]
    assert backend.tokens(hospital).access_token == "bt-1"


def test_an_ehr_without_a_backend_client_is_never_asked(ehr, backend) -> None:
    with pytest.raises(EhrMisconfigured, match="backend"):
        backend.tokens(local_registration(ehr.base_url))
    assert ehr.asked == []


@pytest.mark.parametrize("scopes", [[], ["patient/Patient.rs"], ["system/Patient.rs openid"]])
def test_only_system_scopes_can_be_registered_for_it(scopes: list[str]) -> None:
    with pytest.raises(ValidationError):
        registration(backend={"client_id": "nightly", "scopes": scopes})
