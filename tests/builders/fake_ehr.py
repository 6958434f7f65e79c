"""A small EHR over real HTTP whose every answer a test may bend, and which writes down what it was asked."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

Answer = Callable[[Request], Response]


@cache
def _ec_key() -> ECKey:
    return ECKey.generate_key("P-384", {"kid": "ehr-1", "alg": "ES384"})


@cache
def _rsa_key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "ehr-rsa", "alg": "RS256"})


@dataclass(frozen=True)
class Asked:
    """One request the EHR received."""

    method: str
    path: str
    form: Mapping[str, str]
    headers: Mapping[str, str]


@dataclass
class FakeEhr:
    """FHIR base, authorization server and key set in one. `answers` replaces what a path says."""

    base_url: str = ""
    key: ECKey = field(default_factory=_ec_key)
    rsa_key: RSAKey = field(default_factory=_rsa_key)
    asked: list[Asked] = field(default_factory=list)
    answers: dict[str, Answer] = field(default_factory=dict)
    token_response: dict[str, Any] = field(default_factory=dict)

    @property
    def fhir_base(self) -> str:
        return f"{self.base_url}/fhir"

    @property
    def token_endpoint(self) -> str:
        return f"{self.base_url}/auth/token"

    def configuration(self) -> dict[str, Any]:
        return {
            "issuer": self.fhir_base,
            "authorization_endpoint": f"{self.base_url}/auth/authorize",
            "token_endpoint": self.token_endpoint,
            "jwks_uri": f"{self.base_url}/jwks.json",
            "capabilities": ["launch-ehr", "permission-v2"],
            "code_challenge_methods_supported": ["S256"],
        }

    def jwks(self) -> dict[str, Any]:
        return {"keys": [self.key.as_dict(private=False), self.rsa_key.as_dict(private=False)]}

    def id_token(self, *, nonce: str | None, now: datetime, client_id: str = "aki-sentinel", **claims: Any) -> str:
        issued_at = int(now.timestamp())
        body = {
            "iss": self.fhir_base,
            "sub": "clinician-7",
            "aud": client_id,
            "iat": issued_at,
            "exp": issued_at + 300,
            "nonce": nonce,
            "fhirUser": f"{self.fhir_base}/Practitioner/7",
        }
        body |= claims
        return jwt.encode(
            {"alg": "ES384", "kid": "ehr-1"}, {k: v for k, v in body.items() if v is not None}, self.key, ["ES384"]
        )

    def paths(self) -> list[str]:
        return [each.path for each in self.asked]

    def __call__(self, environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        self.asked.append(Asked(request.method, request.path, request.form.to_dict(), dict(request.headers)))
        answer = self.answers.get(request.path, self._usual)
        return answer(request)(environ, start_response)

    def _usual(self, request: Request) -> Response:
        match request.path:
            case "/fhir/.well-known/smart-configuration":
                return json_response(self.configuration())
            case "/jwks.json":
                return json_response(self.jwks())
            case "/auth/token":
                return json_response(self.token_response)
        return Response(status=404)


def json_response(body: Any, status: int = 200) -> Response:
    return Response(json.dumps(body), status=status, mimetype="application/json")


@contextmanager
def running(wsgi: Any) -> Iterator[str]:
    """Serve a WSGI application on a free port of 127.0.0.1; yields its address."""
    server = make_server("127.0.0.1", 0, wsgi, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def running_fake_ehr() -> Iterator[FakeEhr]:
    """A fake EHR that answers."""
    ehr = FakeEhr()
    with running(ehr) as base_url:
        ehr.base_url = base_url
        yield ehr
