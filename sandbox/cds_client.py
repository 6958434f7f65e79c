"""The EHR's side of CDS Hooks: discovery, signed calls with prefetch and a short FHIR token, feedback.

CDS Hooks 2.0, "Trusting CDS Clients" (CH-47..CH-51) and "Prefetch". Calls go from the server, not the browser.
"""

from __future__ import annotations

import copy
import json
import secrets
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import requests
from joserfc import jwt

from sandbox.cds_cards import Card, read_cards
from sandbox.cds_dialects import CdsDialect, extras
from sandbox.cds_prefetch import fill_prefetch, prefetch_tokens
from sandbox.launches import LaunchContext
from sandbox.loopback import LoopbackFhir
from sandbox.services import EhrServices
from sandbox.tokens import Grant

FHIR_TOKEN_LIFE = timedelta(minutes=5)
SERVICE_CLIENT_ID = "aki-sentinel"
FHIR_SCOPE = "patient/*.read"
EHR_ITSELF = "embedded-ehr"
REDACTED = "(redacted)"

_TIMEOUT = (2.0, 10.0)
_MAX_BYTES = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class CdsService:
    """One entry of the app's discovery document."""

    id: str
    hook: str
    title: str
    description: str
    prefetch: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back over HTTP: JSON, or why there is none."""

    status: int | None
    body: Any
    milliseconds: float
    error: str | None = None


@dataclass(frozen=True, slots=True)
class SignedToken:
    """The JWT of one call; header and claims may be shown, the token itself never."""

    text: str = field(repr=False)
    header: Mapping[str, Any]
    claims: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a tester may change about a call."""

    dialect: CdsDialect
    with_prefetch: bool = True
    with_fhir_access: bool = True


@dataclass(frozen=True, slots=True)
class Exchange:
    """One hook call, fit to be shown: tokens are taken out of the request."""

    service: CdsService
    url: str
    request: Mapping[str, Any]
    token: SignedToken
    answer: Answer
    prefetch_left_out: Mapping[str, str]
    cards: tuple[Card, ...] = ()
    error: str | None = None


class CdsClient:
    """Calls the app's CDS services on behalf of a clinician."""

    def __init__(self, services: EhrServices, fhir: LoopbackFhir, session: requests.Session) -> None:
        self._services = services
        self._fhir = fhir
        self._session = session
        self._base = f"{services.settings.app_url}/cds-services"

    def discover(self) -> tuple[tuple[CdsService, ...], Answer]:
        """The app's services; none, with the reason in the answer, when it cannot be read."""
        proof = self.sign(self._base, self._services.settings.vendor.dialect)
        answer = self._send("GET", self._base, None, proof)
        entries = answer.body.get("services") if isinstance(answer.body, dict) else None
        if answer.error is None and not isinstance(entries, list):
            answer = Answer(answer.status, answer.body, answer.milliseconds, "discovery holds no list of services")
        services = (_read_service(entry) for entry in entries or () if isinstance(entry, dict))
        return tuple(service for service in services if service), answer

    def call(
        self,
        service: CdsService,
        launch: LaunchContext,
        context: Mapping[str, Any],
        wishes: Wishes | None = None,
    ) -> Exchange:
        """Call one service for the patient and user of `launch`; `context` is the hook's own."""
        wishes = wishes or Wishes(self._services.settings.vendor.dialect)
        url = f"{self._base}/{service.id}"
        token = self._fhir_token(launch)
        user = f"Practitioner/{launch.practitioner_id}"
        body = self._request(service, launch, context, token, wishes)
        left_out: dict[str, str] = {}
        if service.prefetch and wishes.with_prefetch:
            prefetch, left_out = fill_prefetch(
                service.prefetch, prefetch_tokens(context, user), lambda query: self._fhir(query, token)
            )
            body["prefetch"] = _as_site_names(prefetch, wishes.dialect)
        proof = self.sign(url, wishes.dialect)
        answer = self._send("POST", url, body, proof)
        cards, error = _cards_of(answer)
        return Exchange(service, url, without_tokens(body), proof, answer, left_out, cards, error)

    def apply(self, launch: LaunchContext, resources: Sequence[Mapping[str, Any]]) -> list[str]:
        """Add what an accepted suggestion creates to this patient's chart; one line of outcome per resource."""
        grant = Grant(secrets.token_urlsafe(16), EHR_ITSELF, "patient/*.cruds", launch)
        token = self._services.tokens.issue_access_token(grant, grant.scope, FHIR_TOKEN_LIFE)
        return [_outcome_words(resource, *self._fhir.create(resource, token)) for resource in resources]

    def send_feedback(self, service_id: str, item: Mapping[str, Any], dialect: CdsDialect | None = None) -> Answer:
        """Tell the service what became of a card."""
        dialect = dialect or self._services.settings.vendor.dialect
        said = dict(item)
        if "overrideReason" in said:
            said[dialect.feedback_reason_key] = said.pop("overrideReason")
        url = f"{self._base}/{service_id}/feedback"
        return self._send("POST", url, {"feedback": [said]}, self.sign(url, dialect))

    def sign(self, audience: str, dialect: CdsDialect) -> SignedToken:
        """The JWT that proves this EHR to the service at `audience`."""
        settings, key = self._services.settings, self._services.keys.for_algorithm(dialect.algorithm)
        now = int(self._services.clock().timestamp())
        header = {"alg": dialect.algorithm, "typ": "JWT", "kid": str(key.kid), "jku": settings.jwks_uri}
        claims: dict[str, Any] = {
            "iss": settings.cds_issuer,
            "aud": audience,
            "iat": now,
            "exp": now + dialect.token_life_seconds,
            "jti": str(uuid.uuid4()),
        }
        if dialect.nbf_before_iat_seconds is not None:
            claims["nbf"] = now - dialect.nbf_before_iat_seconds
        if dialect.names_subject:
            claims["sub"] = SERVICE_CLIENT_ID
        if settings.tenant:
            claims["tenant"] = settings.tenant
        return SignedToken(jwt.encode(header, claims, key, algorithms=[dialect.algorithm]), header, claims)

    def _request(
        self, service: CdsService, launch: LaunchContext, context: Mapping[str, Any], token: str, wishes: Wishes
    ) -> dict[str, Any]:
        authorization = {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": int(FHIR_TOKEN_LIFE.total_seconds()),
            "scope": wishes.dialect.scope(),
            "subject": SERVICE_CLIENT_ID,
        }
        if launch.patient_id:
            authorization["patient"] = launch.patient_id
        body: dict[str, Any] = {
            "hook": wishes.dialect.fires(service.hook),
            "hookInstance": str(uuid.uuid4()),
            "fhirServer": self._services.settings.iss,
            "fhirAuthorization": authorization,
            "context": dict(context),
            **extras(wishes.dialect, service.hook),
        }
        if not wishes.with_fhir_access:
            del body["fhirAuthorization"]
        return body

    def _fhir_token(self, launch: LaunchContext) -> str:
        grant = Grant(secrets.token_urlsafe(16), SERVICE_CLIENT_ID, FHIR_SCOPE, launch)
        return self._services.tokens.issue_access_token(grant, FHIR_SCOPE, FHIR_TOKEN_LIFE)

    def _send(self, method: str, url: str, body: Any, proof: SignedToken) -> Answer:
        headers = {"Accept": "application/json", "Authorization": f"Bearer {proof.text}"}
        started = time.perf_counter()
        try:
            with self._session.request(
                method, url, json=body, headers=headers, timeout=_TIMEOUT, stream=True, allow_redirects=False
            ) as response:
                text = _read_capped(response)
                elapsed = (time.perf_counter() - started) * 1000
                return _read_answer(response.status_code, text, elapsed)
        except (requests.RequestException, ValueError) as error:
            elapsed = (time.perf_counter() - started) * 1000
            return Answer(None, None, elapsed, _reason(error))


def _as_site_names(prefetch: Mapping[str, Any], dialect: CdsDialect) -> dict[str, Any]:
    """Prefetch under the names this site chose, and empty results as this dialect says them (VN-3, CH-18)."""
    named = {dialect.prefetch_names.get(key, key): value for key, value in prefetch.items()}
    if not dialect.null_prefetch:
        return named
    return {key: None if _is_empty(value) else value for key, value in named.items()}


def _is_empty(value: Any) -> bool:
    return isinstance(value, dict) and value.get("resourceType") == "Bundle" and not value.get("entry")


def without_tokens(body: Mapping[str, Any]) -> dict[str, Any]:
    """A copy to show, without the access token."""
    shown = copy.deepcopy(dict(body))
    if "fhirAuthorization" in shown:
        shown["fhirAuthorization"]["access_token"] = REDACTED
    return shown


def _outcome_words(resource: Mapping[str, Any], status: int, answer: Any) -> str:
    if status == requests.codes.created and isinstance(answer, dict):
        return f"Added to the chart: {answer.get('resourceType')}/{answer.get('id')}."
    return f"Not added to the chart: {resource.get('resourceType')}, the FHIR server answered {status}."


def _read_service(entry: Mapping[str, Any]) -> CdsService | None:
    if not isinstance(entry.get("id"), str) or not isinstance(entry.get("hook"), str):
        return None
    prefetch = entry.get("prefetch")
    templates = prefetch if isinstance(prefetch, dict) else {}
    return CdsService(
        id=entry["id"],
        hook=entry["hook"],
        title=str(entry.get("title") or entry["id"]),
        description=str(entry.get("description") or ""),
        prefetch={key: value for key, value in templates.items() if isinstance(value, str)},
    )


def _cards_of(answer: Answer) -> tuple[tuple[Card, ...], str | None]:
    if answer.error:
        return (), answer.error
    if answer.status != requests.codes.ok:
        words = _outcome_text(answer.body)
        return (), f"the service answered {answer.status}" + (f" ({words})" if words else "")
    try:
        return read_cards(answer.body), None
    except ValueError as error:
        return (), str(error)


def _outcome_text(body: Any) -> str:
    """What an OperationOutcome says, shortened; empty for anything else."""
    issues = body.get("issue") if isinstance(body, dict) else None
    for issue in issues if isinstance(issues, list) else ():
        details = issue.get("details") if isinstance(issue, dict) else None
        text = details.get("text") if isinstance(details, dict) else None
        text = text or (issue.get("diagnostics") if isinstance(issue, dict) else None)
        if isinstance(text, str):
            return text[:200].rstrip(".")
    return ""


def _read_capped(response: requests.Response) -> bytes:
    body = b""
    for chunk in response.iter_content(65_536):
        body += chunk
        if len(body) > _MAX_BYTES:
            raise ValueError("the answer is larger than 2 MB")
    return body


def _read_answer(status: int, text: bytes, elapsed: float) -> Answer:
    if not text:
        return Answer(status, None, elapsed)
    try:
        return Answer(status, json.loads(text), elapsed)
    except (ValueError, RecursionError):
        return Answer(status, None, elapsed, f"the service answered {status} without readable JSON")


def _reason(error: Exception) -> str:
    if isinstance(error, requests.Timeout):
        return "the service did not answer in time"
    if isinstance(error, requests.ConnectionError):
        return "the service cannot be reached; is the app running?"
    return "the call failed" if isinstance(error, requests.RequestException) else str(error)
