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
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import requests

from sandbox.cds_answers import Answer, cards_of, failure_words, read_answer, read_capped
from sandbox.cds_cards import Card
from sandbox.cds_dialects import CdsDialect, extras
from sandbox.cds_prefetch import fill_prefetch, prefetch_tokens
from sandbox.cds_signing import SERVICE_CLIENT_ID, SignedToken, Signer
from sandbox.launches import LaunchContext
from sandbox.loopback import LoopbackFhir
from sandbox.services import EhrServices
from sandbox.tokens import Grant

FHIR_TOKEN_LIFE = timedelta(minutes=5)
FHIR_SCOPE = "patient/*.read"
EHR_ITSELF = "embedded-ehr"
REDACTED = "(redacted)"
"""Stands where the FHIR access token was, and in an edited request where a fresh one is to be."""

_TIMEOUT = (2.0, 10.0)


@dataclass(frozen=True, slots=True)
class CdsService:
    """One entry of the app's discovery document."""

    id: str
    hook: str
    title: str
    description: str
    prefetch: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a tester may change about a call."""

    dialect: CdsDialect
    with_prefetch: bool = True
    with_fhir_access: bool = True


@dataclass(frozen=True, slots=True)
class Exchange:
    """One hook call, fit to be shown: tokens are taken out of the request, which is text where it was no JSON."""

    service: CdsService
    url: str
    request: Any
    token: SignedToken
    answer: Answer
    prefetch_left_out: Mapping[str, str]
    cards: tuple[Card, ...] = ()
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """Feedback as it was sent, and the answer."""

    url: str
    body: Mapping[str, Any]
    answer: Answer


class CdsClient:
    """Calls the app's CDS services on behalf of a clinician."""

    def __init__(self, services: EhrServices, fhir: LoopbackFhir, session: requests.Session) -> None:
        self._services = services
        self._fhir = fhir
        self._session = session
        self.signer = Signer(services)
        self.base = f"{services.settings.app_url}/cds-services"

    def discover(self) -> tuple[tuple[CdsService, ...], Answer]:
        """The app's services; none, with the reason in the answer, when it cannot be read."""
        proof = self.signer.sign(self.base, self._services.settings.vendor.dialect)
        answer = self._send("GET", self.base, None, proof)
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
        body, left_out = self.compose(service, launch, context, wishes)
        return self._post(service, _compact(body), without_tokens(body), wishes.dialect, left_out=left_out)

    def compose(
        self, service: CdsService, launch: LaunchContext, context: Mapping[str, Any], wishes: Wishes
    ) -> tuple[dict[str, Any], dict[str, str]]:
        """The request with a FHIR token of its own, and why a key of the prefetch was left out."""
        token = self._fhir_token(launch)
        user = f"Practitioner/{launch.practitioner_id}"
        body = self._request(service, launch, context, token, wishes)
        left_out: dict[str, str] = {}
        if service.prefetch and wishes.with_prefetch:
            prefetch, left_out = fill_prefetch(
                service.prefetch, prefetch_tokens(context, user), lambda query: self._fhir(query, token)
            )
            body["prefetch"] = _as_site_names(prefetch, wishes.dialect)
        return body, left_out

    def send_edited(
        self, service: CdsService, launch: LaunchContext, text: str, dialect: CdsDialect, flaw: str = ""
    ) -> Exchange:
        """Send what a tester wrote, as it stands; only `REDACTED` becomes a token for this patient."""
        body = text.replace(REDACTED, self._fhir_token(launch)).encode()
        return self._post(service, body, _as_json(text), dialect, flaw=flaw)

    def apply(self, launch: LaunchContext, resources: Sequence[Mapping[str, Any]]) -> list[str]:
        """Add what an accepted suggestion creates to this patient's chart; one line of outcome per resource."""
        grant = Grant(secrets.token_urlsafe(16), EHR_ITSELF, "patient/*.cruds", launch)
        token = self._services.tokens.issue_access_token(grant, grant.scope, FHIR_TOKEN_LIFE)
        return [_outcome_words(resource, *self._fhir.create(resource, token)) for resource in resources]

    def send_feedback(self, service_id: str, item: Mapping[str, Any], dialect: CdsDialect | None = None) -> Told:
        """Tell the service what became of a card."""
        dialect = dialect or self._services.settings.vendor.dialect
        said = dict(item)
        if "overrideReason" in said:
            said[dialect.feedback_reason_key] = said.pop("overrideReason")
        url = f"{self.base}/{service_id}/feedback"
        body = {"feedback": [said]}
        return Told(url, body, self._send("POST", url, _compact(body), self.signer.sign(url, dialect)))

    def _post(
        self,
        service: CdsService,
        body: bytes,
        shown: Any,
        dialect: CdsDialect,
        *,
        flaw: str = "",
        left_out: Mapping[str, str] | None = None,
    ) -> Exchange:
        url = f"{self.base}/{service.id}"
        proof = self.signer.sign(url, dialect, flaw)
        answer = self._send("POST", url, body, proof)
        cards, error = cards_of(answer)
        return Exchange(service, url, shown, proof, answer, left_out or {}, cards, error)

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

    def _send(self, method: str, url: str, body: bytes | None, proof: SignedToken) -> Answer:
        headers = {"Accept": "application/json"}
        if proof.text:
            headers["Authorization"] = f"Bearer {proof.text}"
        if body is not None:
            headers["Content-Type"] = "application/json"
        started = time.perf_counter()
        try:
            with self._session.request(
                method, url, data=body, headers=headers, timeout=_TIMEOUT, stream=True, allow_redirects=False
            ) as response:
                text = read_capped(response)
                elapsed = (time.perf_counter() - started) * 1000
                return read_answer(response.status_code, text, elapsed)
        except (requests.RequestException, ValueError) as error:
            elapsed = (time.perf_counter() - started) * 1000
            return Answer(None, None, elapsed, failure_words(error))


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


def _compact(body: Any) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()


def _as_json(text: str) -> Any:
    """What was written as JSON, or the text itself."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
