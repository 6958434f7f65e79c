"""A certification suite's server: EHR, authorization server and FHIR server in one, which judges the client.

It answers as SMART App Launch 2.2 says and writes every fault of the client into `faults`; `served` counts what
was asked, so that a test can tell a client without faults from one that never came.
"""

import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, Final
from urllib.parse import urlencode

from joserfc import jwt
from joserfc.jwk import RSAKey
from werkzeug.wrappers import Request, Response

from tests.builders.fake_ehr import json_response, running
from tests.builders.suite_checks import (
    Registered,
    authentication_faults,
    authentication_fields,
    authorization_faults,
    parameter_faults,
    verifier_faults,
)

PATIENT: Final = "p1"
TOKEN_SECONDS: Final = 300
_GRANT_FIELDS: Final = {
    "authorization_code": {"grant_type", "code", "redirect_uri", "code_verifier"},
    "refresh_token": {"grant_type", "refresh_token"},
    "client_credentials": {"grant_type", "scope"},
}
_EMPTY: Final = {"resourceType": "Bundle", "type": "searchset", "entry": []}


@cache
def _signing_key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "suite-1", "alg": "RS256", "use": "sig"})


@dataclass
class ClientSuite:
    """One run. `launch` is None for a standalone launch; `aud` is the FHIR base as the launch spells it."""

    now: Callable[[], datetime]
    launch: str | None = "launch-0001"
    syntax: str = "v2"
    by_post: bool = False
    base_url: str = ""
    client: Registered = field(default_factory=lambda: Registered("", "public", ""))
    aud: str = ""
    search_reply: dict[str, Any] = field(default_factory=lambda: dict(_EMPTY))
    faults: list[str] = field(default_factory=list)
    served: Counter[str] = field(default_factory=Counter)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    jtis: set[str] = field(default_factory=set)
    access_token: str = ""
    refresh_token: str = ""
    scope: str = ""

    @property
    def fhir_base(self) -> str:
        return f"{self.base_url}/fhir"

    @property
    def token_endpoint(self) -> str:
        return f"{self.base_url}/auth/token"

    def __call__(self, environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        match request.path:
            case "/fhir/.well-known/smart-configuration":
                answer = self._configuration(request)
            case "/auth/authorize":
                answer = self._authorize(request)
            case "/auth/token":
                answer = self._token(request)
            case "/auth/revoke":
                answer = self._revoke(request)
            case "/jwks.json":
                answer = json_response({"keys": [_signing_key().as_dict(private=False)]})
            case _:
                answer = self._fhir(request)
        return answer(environ, start_response)

    def _note(self, step: str, faults: Iterator[str] | list[str]) -> None:
        self.served[step] += 1
        self.faults += [f"{step}: {fault}" for fault in faults]

    def _configuration(self, request: Request) -> Response:
        accepts = "application/json" in request.headers.get("Accept", "")
        bare = "Authorization" not in request.headers
        self._note(
            "discovery", [] if accepts and bare and request.method == "GET" else ["is no plain GET of JSON"]
        )
        return json_response(
            {
                "issuer": self.fhir_base,
                "jwks_uri": f"{self.base_url}/jwks.json",
                "authorization_endpoint": f"{self.base_url}/auth/authorize",
                "token_endpoint": self.token_endpoint,
                "revocation_endpoint": f"{self.base_url}/auth/revoke",
                "grant_types_supported": list(_GRANT_FIELDS),
                "code_challenge_methods_supported": ["S256"],
                "capabilities": ["launch-ehr", "launch-standalone", "authorize-post", f"permission-{self.syntax}"],
            }
        )

    def _authorize(self, request: Request) -> Response:
        by_post = request.method == "POST"
        pairs = list((request.form if by_post else request.args).items(multi=True))
        sent = dict(pairs)
        faults = list(
            authorization_faults(pairs, self.client, aud=self.aud, launch=self.launch, syntax=self.syntax)
        )
        if by_post != self.by_post or (by_post and request.query_string):
            faults.append("was not sent by the expected method alone")
        faults += [
            f"{name} was used before" for name in ("state", "code_challenge") if sent.get(name) in self.used
        ]
        self.used |= {sent.get("state", ""), sent.get("code_challenge", "")}
        self._note("authorize", faults)
        code = secrets.token_urlsafe(24)
        self.codes[code] = sent
        query = urlencode({"code": code, "state": sent.get("state", "")})
        return Response(status=303, headers={"Location": f"{self.client.redirect_uri}?{query}"})

    def _token(self, request: Request) -> Response:
        pairs, sent = list(request.form.items(multi=True)), request.form.to_dict()
        grant = sent.get("grant_type", "")
        own = _GRANT_FIELDS.get(grant, {"grant_type"})
        faults = [*self._form_faults(request, pairs, own)]
        asked = self.codes.pop(sent.get("code", ""), None)
        if grant == "authorization_code":
            faults += self._code_faults(sent, asked)
        elif grant == "refresh_token" and sent.get("refresh_token") != self.refresh_token:
            faults.append("refresh_token is not the last one given")
        self._note(grant or "token", faults)
        self.access_token = secrets.token_urlsafe(24)
        self.scope = sent.get("scope") or (asked or {}).get("scope") or self.scope
        answer = {
            "access_token": self.access_token,
            "token_type": "Bearer",
            "expires_in": TOKEN_SECONDS,
            "scope": self.scope,
        }
        if grant != "client_credentials":
            self.refresh_token = secrets.token_urlsafe(24)
            answer |= {"patient": PATIENT, "refresh_token": self.refresh_token}
        if asked is not None and "nonce" in asked:
            answer["id_token"] = self._id_token(asked["nonce"])
        return json_response(answer)

    def _form_faults(self, request: Request, pairs: list[tuple[str, str]], own: set[str]) -> Iterator[str]:
        """A request to the authorization server's own endpoints: its form, and the client's proof."""
        if request.method != "POST" or request.mimetype != "application/x-www-form-urlencoded":
            yield "is no form POST"
        if request.query_string or request.cookies or "Referer" in request.headers:
            yield "carries more than its form"
        yield from parameter_faults(pairs, {*own, *authentication_fields(self.client)})
        yield from authentication_faults(
            dict(pairs),
            request.headers.get("Authorization"),
            self.client,
            audience=self.token_endpoint,
            now=self.now(),
            seen=self.jtis,
        )

    def _code_faults(self, sent: dict[str, str], asked: dict[str, str] | None) -> Iterator[str]:
        if asked is None:
            yield "code was never given, or is used twice"
            return
        if sent.get("redirect_uri") != asked.get("redirect_uri"):
            yield "redirect_uri is another than before"
        yield from verifier_faults(sent.get("code_verifier", ""), asked.get("code_challenge", ""))

    def _id_token(self, nonce: str) -> str:
        issued = int(self.now().timestamp())
        claims = {"iss": self.fhir_base, "sub": "clinician-7", "aud": self.client.client_id, "nonce": nonce}
        claims |= {"fhirUser": f"{self.fhir_base}/Practitioner/7"}
        times = {"iat": issued, "exp": issued + TOKEN_SECONDS}
        return jwt.encode({"alg": "RS256", "kid": "suite-1"}, {**claims, **times}, _signing_key(), ["RS256"])

    def _revoke(self, request: Request) -> Response:
        pairs = list(request.form.items(multi=True))
        faults = [*self._form_faults(request, pairs, {"token", "token_type_hint"})]
        if dict(pairs).get("token") not in (self.access_token, self.refresh_token):
            faults.append("token is none of this launch")
        self._note("revoke", faults)
        return Response(status=200)

    def _fhir(self, request: Request) -> Response:
        kind, _, resource_id = request.path.removeprefix("/fhir/").partition("/")
        self._note("fhir", self._read_faults(request, kind, resource_id))
        if kind == "Patient" and resource_id == PATIENT:
            return json_response({"resourceType": "Patient", "id": PATIENT, "birthDate": "1950-02-01"})
        return Response(status=404) if resource_id or kind == "metadata" else json_response(self.search_reply)

    def _read_faults(self, request: Request, kind: str, resource_id: str) -> Iterator[str]:
        if request.headers.get("Authorization") != f"Bearer {self.access_token}":
            yield f"{kind} was read without the current bearer token"
        if self.access_token in request.full_path or "access_token" in request.args:
            yield "the token is in the address"
        if "application/fhir+json" not in request.headers.get("Accept", ""):
            yield f"{kind} was not asked for as FHIR JSON"
        if not any(each.partition("/")[2].partition(".")[0] == kind for each in self.scope.split()):
            yield f"{kind} was read without a scope"
        if not resource_id and request.args.get("patient", "").removeprefix("Patient/") != PATIENT:
            yield f"{kind} was searched beyond the patient of the launch"


@contextmanager
def running_suite(suite: ClientSuite) -> Iterator[ClientSuite]:
    """Serve a suite that knows its own address."""
    with running(suite) as base_url:
        suite.base_url = base_url
        suite.aud = suite.aud or suite.fhir_base
        yield suite
