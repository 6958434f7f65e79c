"""One launch per vendor's dialect, as documented (VN-10, 18, 23, 27, 30, 34; SL-11, 13, 25, 35..52).

These are our readings of published facts, not the vendors' servers; docs/vendors.md says so for each.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from joserfc import jwt

from launch.client import ClientSettings, LaunchClient
from launch.context import ContextReference, LaunchContext
from launch.errors import IdentityRejected
from launch.keys import ClientKeys, new_key
from launch.registry import EhrRegistry
from tests.builders.fake_ehr import FakeEhr, json_response
from tests.builders.registrations import local_registration

READ_V1 = "launch openid fhirUser patient/Patient.read patient/Observation.read"


@dataclass(frozen=True)
class Dialect:
    """How one vendor differs. Texts may hold {base}, the address of the EHR."""

    entry: dict[str, Any] = field(default_factory=dict)
    published: dict[str, Any] = field(default_factory=dict)
    """Changes to smart-configuration; None takes a field away."""
    only_statement: bool = False
    token: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] | None = field(default_factory=dict)
    """Changes to the id_token's claims; None: there is no id_token."""
    without_kid: bool = False
    openid_configuration_at: str | None = None
    asks: str = ""
    """Scopes that must be among those asked for."""
    sees: Callable[[LaunchContext], bool] = lambda context: context.user is not None


OKTA = "{base}/oauth2/default"
DIALECTS = {
    "epic": Dialect(
        entry={
            "discovery_headers": {"Epic-Client-ID": "0000-aki"},
            "id_token_issuer": "{base}/oauth2",
            "authorize_method": "post",
            "signing_alg": "RS384",
        },
        token={
            "token_type": "bearer",
            "expires_in": 3240,
            "scope": READ_V1,
            "__epic.dstu2.patient": "TnOZ.elPXC6zcBNFMcFA7A5KZbYxo2",
            "location": "loc-1",
            "loginDepartment": "dep-1",
            "appointment": "appt-1",
        },
        claims={"iss": "{base}/oauth2", "fhirUser": "{base}/oauth2/api/FHIR/R4/Practitioner/7"},
        asks="patient/Observation.rs",
        sees=lambda c: c.user is not None and c.user.fhir_user is None and c.user.label == "clinician-7",
    ),
    "epic-before-2021": Dialect(
        only_statement=True,
        token={"scope": READ_V1, "token_type": "bearer"},
        claims=None,
        asks="patient/Observation.read",
        sees=lambda c: c.user is None,
    ),
    "oracle-health": Dialect(
        entry={"id_token_issuer": "{base}/oidc/tenants/ec2458f2"},
        token={
            "expires_in": 570,
            "scope": READ_V1 + " online_access",
            "username": "portal",
            "tenant": "ec2458f2",
            "need_patient_banner": False,
            "active_ttl": 600,
        },
        claims={"iss": "{base}/oidc/tenants/ec2458f2"},
        sees=lambda c: c.tenant == "ec2458f2" and not c.need_patient_banner,
    ),
    "athenahealth": Dialect(
        entry={"id_token_issuer": OKTA, "allow_missing_nonce": True},
        published={"issuer": OKTA, "jwks_uri": None},
        openid_configuration_at="/oauth2/default",
        token={"scope": "launch openid fhirUser patient/Patient.r patient/Observation.rs", "ah-practice": "x"},
        claims={"iss": OKTA, "nonce": None, "fhirUser": "Practitioner/a-1959.N-1"},
        sees=lambda c: c.user is not None and c.user.fhir_user == "Practitioner/a-1959.N-1",
    ),
    "meditech": Dialect(
        published={"capabilities": ["launch-ehr"], "code_challenge_methods_supported": None},
        token={"scope": READ_V1, "expires_in": "3600"},
        claims=None,
        asks="patient/Observation.read",
        sees=lambda c: c.user is None,
    ),
    "relative-endpoints": Dialect(
        published={"authorization_endpoint": "/auth/authorize", "token_endpoint": "../auth/token"},
    ),
    "no-kid-in-the-token": Dialect(without_kid=True),
    "smart-launcher": Dialect(
        token={
            "need_patient_banner": True,
            "smart_style_url": "{base}/style.json",
            "intent": "reconcile-medications",
            "encounter": "e1",
            "fhirContext": [{"reference": "ImagingStudy/1"}, {"reference": "Patient/other"}],
        },
        sees=lambda c: (
            c.encounter == "e1"
            and c.intent == "reconcile-medications"
            and c.fhir_context == (ContextReference("ImagingStudy/1"),)
        ),
    ),
    "cds-card": Dialect(
        token={"appContext": '{"from":"card"}'}, sees=lambda c: c.app_context == '{"from":"card"}'
    ),
    "aws-healthlake-v1": Dialect(
        published={"capabilities": ["launch-standalone", "permission-v1"], "issuer": None},
        token={"scope": READ_V1},
        asks="patient/Observation.read",
    ),
}


def _filled(value: Any, base: str) -> Any:
    if isinstance(value, str):
        return value.replace("{base}", base)
    if isinstance(value, dict):
        return {name: _filled(each, base) for name, each in value.items()}
    return value


def _speak(ehr: FakeEhr, dialect: Dialect) -> None:
    """Bend the fake EHR to a dialect."""
    document = {**ehr.configuration(), **_filled(dialect.published, ehr.base_url)}
    document = {name: value for name, value in document.items() if value is not None}
    well_known = "/fhir/.well-known/smart-configuration"
    if dialect.only_statement:
        uris = [{"url": "authorize", "valueUri": f"{ehr.base_url}/auth/authorize"}]
        uris.append({"url": "token", "valueUri": ehr.token_endpoint})
        address = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
        statement = {"rest": [{"security": {"extension": [{"url": address, "extension": uris}]}}]}
        ehr.answers["/fhir/metadata"] = lambda _: json_response(statement)
        ehr.answers[well_known] = lambda _: json_response({}, 404)
    else:
        ehr.answers[well_known] = lambda _: json_response(document)
    if dialect.openid_configuration_at:
        keys_at = {"jwks_uri": f"{ehr.base_url}/jwks.json"}
        path = f"{dialect.openid_configuration_at}/.well-known/openid-configuration"
        ehr.answers[path] = lambda _: json_response(keys_at)


def _id_token(ehr: FakeEhr, dialect: Dialect, nonce: str, now: datetime) -> str:
    token = ehr.id_token(**{"nonce": nonce, "now": now, **_filled(dialect.claims, ehr.base_url)})
    if not dialect.without_kid:
        return token
    return jwt.encode({"alg": "ES384"}, jwt.decode(token, ehr.key, ["ES384"]).claims, ehr.key, ["ES384"])


@cache
def _client_keys() -> ClientKeys:
    return ClientKeys([new_key("ES384"), new_key("RS384")])


def _launched(ehr: FakeEhr, dialect: Dialect, clock: Any) -> tuple[LaunchContext, dict[str, str]]:
    """The context a launch ends with, and what the authorization server was asked."""
    _speak(ehr, dialect)
    session = requests.Session()
    hospital = local_registration(ehr.base_url, **_filled(dialect.entry, ehr.base_url))
    client = LaunchClient(
        EhrRegistry([hospital]),
        _client_keys(),
        session_for=lambda _: session,
        clock=clock,
        settings=ClientSettings(
            "https://aki/callback",
            lambda syntax, _: tuple(
                f"patient/{n}.{'rs' if syntax == 'v2' else 'read'}" for n in ("Patient", "Observation")
            ),
        ),
    )
    begun = client.begin(ehr.fhir_base, "eyJ.opaque.launch")
    assert begun.by_form == (hospital.authorize_method == "post")
    asked = {name: values[0] for name, values in parse_qs(urlsplit(begun.url).query).items()}
    ehr.token_response = {"access_token": "at", "token_type": "Bearer", "patient": "p1"}
    ehr.token_response |= _filled(dialect.token, ehr.base_url)
    if dialect.claims is not None:
        ehr.token_response["id_token"] = _id_token(ehr, dialect, asked["nonce"], clock())
    return client.finish(begun.pending, {"code": "c", "state": begun.state}), asked


@pytest.mark.parametrize("name", DIALECTS)
def test_a_launch_succeeds_in_the_dialect_of(ehr: FakeEhr, clock, name: str) -> None:
    dialect = DIALECTS[name]
    context, asked = _launched(ehr, dialect, clock)
    assert context.patient == "p1"
    assert context.fhir_base_url == ehr.fhir_base
    assert dialect.sees(context)
    assert set(dialect.asks.split()) <= set(asked["scope"].split())
    assert asked["aud"] == ehr.fhir_base
    assert asked["code_challenge_method"] == "S256"
    headers = dialect.entry.get("discovery_headers", {})
    for asked_before in ehr.asked[:1] if not dialect.only_statement else ehr.asked[:2]:
        assert all(asked_before.headers.get(key.title()) == value for key, value in headers.items())
    assert ehr.asked[-1].path in ("/auth/token", "/jwks.json")


@pytest.mark.parametrize("name", ["epic", "oracle-health", "athenahealth"])
def test_a_separate_issuer_is_refused_until_the_registry_names_it(ehr: FakeEhr, clock, name: str) -> None:
    dialect = DIALECTS[name]
    entry = {key: value for key, value in dialect.entry.items() if key != "id_token_issuer"}
    published = {**dialect.published, "issuer": "{base}/fhir", "jwks_uri": "{base}/jwks.json"}
    unprepared = Dialect(entry=entry, published=published, token=dialect.token, claims=dialect.claims)
    with pytest.raises(IdentityRejected, match="iss"):
        _launched(ehr, unprepared, clock)


def test_a_missing_nonce_is_refused_where_the_registry_does_not_allow_it(ehr: FakeEhr, clock) -> None:
    with pytest.raises(IdentityRejected, match="nonce"):
        _launched(ehr, Dialect(claims={"nonce": None}), clock)
