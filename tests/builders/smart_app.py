"""A minimal SMART app for tests of the embedded EHR: it shares no code with the product's own client."""

import base64
import hashlib
import json
import secrets
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from flask import Flask
from flask.testing import FlaskClient
from joserfc import jwt
from joserfc.jwk import ECKey
from pydantic import SecretStr
from werkzeug.test import TestResponse

from sandbox.factory import create_sandbox
from sandbox.launches import LaunchContext
from sandbox.services import EhrServices
from sandbox.settings import SandboxSettings

EHR = "http://127.0.0.1:9090"
FHIR = f"{EHR}/fhir"
CALLBACK = "http://127.0.0.1:8080/callback"
TOKEN_URL = f"{EHR}/auth/token"
BASIC_SECRET = "a-secret-of-the-tests"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SCOPES = "launch openid fhirUser online_access patient/Patient.r patient/Observation.rs"
START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Clock:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def pass_time(self, **amount: float) -> None:
        self.now += timedelta(**amount)


class AppKeys:
    """The app's key pair and its JWKS document; counts how often the EHR reads it."""

    def __init__(self) -> None:
        self.reads = 0
        self.broken = False
        self.rotate()

    def rotate(self) -> None:
        self.key = ECKey.generate_key("P-384", {"use": "sig", "alg": "ES384"}, private=True, auto_kid=True)

    def fetch(self, url: str) -> bytes:
        self.reads += 1
        if self.broken:
            raise OSError("no route")
        assert url == "http://127.0.0.1:8080/.well-known/jwks.json"
        return json.dumps({"keys": [dict(self.key.as_dict(private=False))]}).encode()


@dataclass
class Launched:
    """One authorization as the app remembers it."""

    verifier: str
    state: str
    nonce: str
    response: TestResponse

    @property
    def answer(self) -> dict[str, str]:
        query = parse_qs(urlsplit(self.response.headers["Location"]).query)
        return {name: values[0] for name, values in query.items()}

    @property
    def code(self) -> str:
        return self.answer["code"]


@dataclass
class SmartApp:
    """Drives one EHR in process as one of the registered clients."""

    ehr: Flask
    clock: Clock
    keys: AppKeys
    client_id: str = "aki-sentinel-public"
    http: FlaskClient = field(init=False)

    def __post_init__(self) -> None:
        self.http = self.ehr.test_client()

    @property
    def services(self) -> EhrServices:
        services: EhrServices = self.ehr.extensions["ehr"]
        return services

    def new_launch(self, **context: Any) -> str:
        values = {"practitioner_id": "okafor-ada", "patient_id": "10000032", "encounter_id": "enc-1"} | context
        return self.services.launches.put(LaunchContext(**values))

    def authorize(self, *, method: str = "GET", **changes: str | None) -> Launched:
        """Send an authorization request; a change to None leaves the parameter out."""
        verifier = secrets.token_urlsafe(48)
        parameters: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": CALLBACK,
            "scope": SCOPES,
            "state": secrets.token_urlsafe(16),
            "aud": FHIR,
            "nonce": secrets.token_urlsafe(16),
            "code_challenge": s256(verifier),
            "code_challenge_method": "S256",
        }
        if "launch" not in changes:
            parameters["launch"] = self.new_launch()
        sent = {name: value for name, value in (parameters | changes).items() if value is not None}
        if method == "GET":
            response = self.http.get("/auth/authorize", query_string=sent)
        else:
            response = self.http.post("/auth/authorize", data=sent)
        return Launched(verifier, sent.get("state", ""), sent.get("nonce", ""), response)

    def redeem(self, launched: Launched, **changes: str | None) -> TestResponse:
        form: dict[str, str | None] = {
            "grant_type": "authorization_code",
            "code": launched.answer.get("code"),
            "redirect_uri": CALLBACK,
            "code_verifier": launched.verifier,
        }
        return self.token(form | changes)

    def refresh(self, refresh_token: str, **changes: str | None) -> TestResponse:
        return self.token({"grant_type": "refresh_token", "refresh_token": refresh_token} | changes)

    def token(self, form: dict[str, str | None], path: str = "/auth/token") -> TestResponse:
        """Post with this client's own way of authenticating."""
        headers = {}
        if self.client_id.endswith("-basic"):
            pair = base64.b64encode(f"{self.client_id}:{BASIC_SECRET}".encode()).decode()
            headers["Authorization"] = f"Basic {pair}"
        elif self.client_id.endswith("-public"):
            form = {"client_id": self.client_id} | form
        else:
            proof = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": self.assertion()}
            form = proof | form
        sent = {name: value for name, value in form.items() if value is not None}
        return self.http.post(path, data=sent, headers=headers)

    def assertion(self, header: dict[str, Any] | None = None, **claims: Any) -> str:
        now = int(self.clock().timestamp())
        body: dict[str, Any] = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": TOKEN_URL,
            "exp": now + 240,
            "iat": now,
            "jti": secrets.token_urlsafe(16),
        }
        body |= claims
        sent = {name: value for name, value in body.items() if value is not None}
        head = {"alg": "ES384", "typ": "JWT", "kid": self.keys.key.kid} | (header or {})
        head = {name: value for name, value in head.items() if value is not None}
        return jwt.encode(head, sent, self.keys.key, algorithms=["ES384"])

    def bearer(self, token: str) -> Any:
        return self.services.tokens.access(token)


def s256(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


@cache
def _kept_keys() -> tempfile.TemporaryDirectory[str]:
    """Making an RSA key is slow; every EHR of a test run may share one."""
    return tempfile.TemporaryDirectory()


def new_smart_app(client_id: str = "aki-sentinel-public", **settings: Any) -> SmartApp:
    """A fresh EHR with a clock and keys of its own, and an app registered with it."""
    clock, keys = Clock(), AppKeys()
    values = {"basic_client_secret": SecretStr(BASIC_SECRET), "state_dir": Path(_kept_keys().name)} | settings
    ehr = create_sandbox(SandboxSettings(**values), clock=clock, fetch=keys.fetch)
    ehr.config["TESTING"] = True
    return SmartApp(ehr, clock, keys, client_id)
