"""The embedded EHR over real HTTP: the app's keys come from a real JWKS URL, tokens open the FHIR server."""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from flask import Flask, Response, redirect
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from werkzeug.serving import make_server

from sandbox.authorization_assertions import fetch_jwks
from sandbox.factory import create_sandbox
from sandbox.settings import SandboxSettings


@contextmanager
def serving(app: Flask, port: int = 0) -> Iterator[str]:
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def app_key() -> RSAKey:
    return RSAKey.generate_key(2048, {"use": "sig", "alg": "RS384"}, private=True, auto_kid=True)


@pytest.fixture(scope="module")
def app_url(app_key) -> Iterator[str]:
    app = Flask("app-of-the-test")

    @app.get("/.well-known/jwks.json")
    def jwks() -> dict:
        return {"keys": [dict(app_key.as_dict(private=False))]}

    @app.get("/large")
    def large() -> Response:
        return Response(b" " * 100_000)

    @app.get("/elsewhere")
    def elsewhere() -> Response:
        return redirect("/.well-known/jwks.json")

    with serving(app) as url:
        yield url


def free_port() -> int:
    server = make_server("127.0.0.1", 0, Flask("none"))
    port = server.server_port
    server.server_close()
    return port


@pytest.fixture(scope="module")
def ehr_url(app_url) -> Iterator[str]:
    port = free_port()
    app = create_sandbox(SandboxSettings(base_url=f"http://127.0.0.1:{port}", app_url=app_url))
    with serving(app, port) as url:
        yield url


def test_the_whole_launch_from_the_chart_to_the_patient_record(ehr_url, app_url, app_key):
    http = requests.Session()
    started = http.post(f"{ehr_url}/patients/10000032/launch", allow_redirects=False, timeout=10)
    sent = {name: values[0] for name, values in parse_qs(urlsplit(started.headers["Location"]).query).items()}
    configuration = http.get(f"{sent['iss']}/.well-known/smart-configuration", timeout=10).json()

    verifier = secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {
        "response_type": "code",
        "client_id": "aki-sentinel",
        "redirect_uri": f"{app_url}/callback",
        "scope": "launch openid fhirUser patient/Patient.rs patient/Observation.rs",
        "state": secrets.token_urlsafe(16),
        "aud": sent["iss"],
        "launch": sent["launch"],
        "nonce": "n-1",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    answer = http.get(configuration["authorization_endpoint"], params=asked, allow_redirects=False, timeout=10)
    assert answer.status_code == 303
    code = parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0]

    now = int(time.time())
    endpoint = configuration["token_endpoint"]
    claims = {"iss": "aki-sentinel", "sub": "aki-sentinel", "aud": endpoint, "exp": now + 240, "jti": "one"}
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": asked["redirect_uri"],
        "code_verifier": verifier,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": jwt.encode(
            {"alg": "RS384", "kid": app_key.kid, "typ": "JWT"}, claims, app_key, algorithms=["RS384"]
        ),
    }
    token = http.post(endpoint, data=form, timeout=10)
    assert token.status_code == 200
    body = token.json()
    assert body["patient"] == "10000032"

    keys = KeySet.import_key_set(http.get(configuration["jwks_uri"], timeout=10).json())
    identity = jwt.decode(body["id_token"], keys, algorithms=["RS256"]).claims
    assert (identity["iss"], identity["aud"], identity["nonce"]) == (sent["iss"], "aki-sentinel", "n-1")

    headers = {"Authorization": f"Bearer {body['access_token']}"}
    patient = http.get(f"{sent['iss']}/Patient/{body['patient']}", headers=headers, timeout=10).json()
    assert patient["id"] == "10000032"
    assert http.get(identity["fhirUser"], headers=headers, timeout=10).json()["resourceType"] == "Practitioner"
    assert http.get(f"{sent['iss']}/Patient/10001217", headers=headers, timeout=10).status_code == 404

    replay = http.post(endpoint, data=form, timeout=10)
    assert replay.status_code == 400


def test_discovery_may_be_read_from_any_origin_and_cached(ehr_url):
    response = requests.get(f"{ehr_url}/fhir/.well-known/smart-configuration", timeout=10)
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "max-age" in response.headers["Cache-Control"]
    assert response.json()["issuer"] == f"{ehr_url}/fhir"


def test_keys_are_read_within_limits(app_url):
    assert json.loads(fetch_jwks(f"{app_url}/.well-known/jwks.json"))["keys"]
    for path in ("/large", "/elsewhere", "/nothing"):
        with pytest.raises(ValueError, match="JWKS"):
            fetch_jwks(f"{app_url}{path}")
    with pytest.raises(OSError, match="refused"):
        fetch_jwks("http://127.0.0.1:9/jwks.json")
