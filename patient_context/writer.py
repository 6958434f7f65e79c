"""Writes one resource to the EHR because somebody asked for it, and reads it back (FH-18, FH-20, FH-21).

What cannot be known is said: a connection that broke after sending leaves `Unconfirmed`, never "failed", because
the resource may stand in the chart. Nothing is retried by itself (SL-71).
"""

import time
from dataclasses import dataclass, field
from typing import Any, Final

import requests

from patient_context import strict_json
from patient_context.errors import JsonRefused, UpstreamUnavailable
from patient_context.fhir_server import FhirServer, ReadFailed
from patient_context.queries import ScopeLevel, ScopeSyntax
from patient_context.reader import FhirAccess
from patient_context.shapes import Json, fhir_id, member, objects, text

DEFAULT_DEADLINE_SECONDS: Final = 15.0
#: Every form `writing` and `writing_forms` build for a clinician.
WRITTEN_TYPES: Final = ("RiskAssessment", "Observation", "DocumentReference", "Communication", "ServiceRequest")
_TIMEOUT_SECONDS: Final = 10.0
_FHIR_JSON: Final = "application/fhir+json"
_CHANGED_BY_SERVERS: Final = frozenset({"id", "meta", "text", "contained", "resourceType"})
#: What was written before says the same at an earlier time.
_TIMES: Final = frozenset({"occurrenceDateTime", "effectiveDateTime", "authoredOn", "date", "sent"})
_TAKEN_BACK: Final = frozenset({"entered-in-error", "revoked", "cancelled", "superseded"})
_WORDS_LIMIT: Final = 300


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the EHR says it can create, and which types it can search by identifier."""

    creatable: frozenset[str]
    identifiable: frozenset[str]


@dataclass(frozen=True, slots=True)
class Written:
    """It is in the chart. `reference` is None when the EHR did not say where.

    `verified` is None when it could not be read back; `altered` names elements the EHR stored differently.
    """

    reference: str | None
    verified: bool | None = None
    altered: tuple[str, ...] = ()
    existed: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """The EHR said no, so nothing was written. `words` are the EHR's own: for the page, never for a log."""

    status: int
    words: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """Sent, but no answer that could be understood: it may or may not stand in the chart."""

    code: str


WriteResult = Written | Refused | Unconfirmed


def writing_scopes(syntax: ScopeSyntax = "v1", level: ScopeLevel = "patient") -> tuple[str, ...]:
    """What writing needs beside reading: to create, to read back, to find what is there already."""
    if syntax == "v1":
        new = (f"{level}/{name}.read" for name in WRITTEN_TYPES if name != "Observation")
        return (*new, *(f"{level}/{name}.write" for name in WRITTEN_TYPES))
    return tuple(f"{level}/{name}.{'c' if name == 'Observation' else 'crs'}" for name in WRITTEN_TYPES)


def may_create(granted: frozenset[str] | None, resource_type: str) -> bool:
    """Whether granted scopes, v1 (`.write`, `.*`) or v2 (a `c`), allow creating a type. Unknown grants do not."""
    return granted is not None and any(_creates(scope, resource_type) for scope in granted)


def _creates(scope: str, resource_type: str) -> bool:
    context, _, rest = scope.partition("/")
    name, _, access = rest.partition("?")[0].partition(".")
    if context not in ("patient", "user") or name not in (resource_type, "*"):
        return False
    return access in ("write", "*") or (access.isalpha() and access not in ("read", "write") and "c" in access)


class ChartWriter:
    """One patient's chart at one EHR, for one act of writing."""

    def __init__(
        self,
        access: FhirAccess,
        session: requests.Session,
        *,
        deadline_seconds: float = DEFAULT_DEADLINE_SECONDS,
    ) -> None:
        self._access = access
        self._session = session
        self._server = FhirServer(
            access.base_url, access.access_token, session, time.monotonic() + deadline_seconds
        )

    def capabilities(self) -> Capabilities:
        """From the CapabilityStatement. Raises UpstreamUnavailable."""
        try:
            statement = self._server.read_json("metadata")
        except ReadFailed as failure:
            raise UpstreamUnavailable(failure.code, "The EHR did not say what it can take.") from None
        types = [each for rest in objects(statement.get("rest")) for each in objects(rest.get("resource"))]
        return Capabilities(
            frozenset(name for each in types if (name := text(each.get("type"))) and _offers_create(each)),
            frozenset(name for each in types if (name := text(each.get("type"))) and _finds_identifier(each)),
        )

    def write(self, resource: Json, capabilities: Capabilities) -> WriteResult:
        """Create the resource unless one with its identifier is there already, then read it back."""
        existing = self._existing(resource, capabilities)
        if existing is not None:
            return self._verified(resource, existing, existed=True)
        result = self._create(resource)
        if isinstance(result, Written) and result.reference is not None:
            return self._verified(resource, result.reference, existed=False)
        return result

    def add(self, resource: Json) -> WriteResult:
        """Create a resource that needs no verification, such as a Provenance."""
        return self._create(resource)

    def _existing(self, resource: Json, capabilities: Capabilities) -> str | None:
        """The reference of a resource with the same identifier and subject; None also where none can be sought."""
        kind, identifier = str(resource["resourceType"]), next(iter(objects(resource.get("identifier"))), None)
        if identifier is None or kind not in capabilities.identifiable:
            return None
        subject = text(member(resource, "subject").get("reference")) or ""
        query = requests.models.PreparedRequest()
        query.prepare_url(
            f"{self._access.base_url.rstrip('/')}/{kind}",
            {"identifier": f"{identifier['system']}|{identifier['value']}", "patient": subject.rpartition("/")[2]},
        )
        try:
            bundle = self._server.read_json(str(query.url))
        except ReadFailed:
            return None
        found = (member(entry, "resource") for entry in objects(bundle.get("entry")))
        standing = (each for each in found if each.get("status") not in _TAKEN_BACK)
        ids = (fhir_id(each.get("id")) for each in standing if _same_identity(each, resource))
        return next((f"{kind}/{each}" for each in ids if each), None)

    def _create(self, resource: Json) -> WriteResult:
        kind = str(resource["resourceType"])
        headers = {"Accept": _FHIR_JSON, "Content-Type": _FHIR_JSON, "Prefer": "return=representation"}
        if self._access.access_token:
            headers["Authorization"] = f"Bearer {self._access.access_token}"
        timeout = min(self._server.seconds_left(), _TIMEOUT_SECONDS)
        if timeout <= 0:
            return Refused(0, "There was no time left to send it.")
        try:
            answer = self._session.post(
                self._server.address_of(kind),
                json=resource,
                headers=headers,
                timeout=timeout,
                allow_redirects=False,
            )
        except ReadFailed:
            return Refused(0, "The address of the EHR is not usable.")
        except requests.RequestException as error:
            return Unconfirmed("timeout" if isinstance(error, requests.Timeout) else "connection")
        if 400 <= answer.status_code < 500:
            return Refused(answer.status_code, _words(answer.content))
        if answer.status_code not in (200, 201):
            return Unconfirmed(f"http-{answer.status_code}")
        return Written(_reference(kind, answer))

    def _verified(self, resource: Json, reference: str, *, existed: bool) -> Written:
        try:
            found = self._server.read_json(reference)
        except ReadFailed:
            return Written(reference, verified=None, existed=existed)
        own = _CHANGED_BY_SERVERS | _TIMES if existed else _CHANGED_BY_SERVERS
        sent = {name: value for name, value in resource.items() if name not in own}
        altered = tuple(sorted(name for name, value in sent.items() if found.get(name) != value))
        return Written(reference, _same_identity(found, resource), altered, existed)


def _offers_create(resource: Json) -> bool:
    return any(each.get("code") == "create" for each in objects(resource.get("interaction")))


def _finds_identifier(resource: Json) -> bool:
    return any(each.get("name") == "identifier" for each in objects(resource.get("searchParam")))


def _same_identity(found: Json, sent: Json) -> bool:
    """Type, subject and (where sent) identifier agree: it is this resource, in this patient's chart."""
    if found.get("resourceType") != sent["resourceType"]:
        return False
    if not (text(member(found, "subject").get("reference")) or "").endswith(str(sent["subject"]["reference"])):
        return False
    wanted = {(each.get("system"), each.get("value")) for each in objects(sent.get("identifier"))}
    held = {(each.get("system"), each.get("value")) for each in objects(found.get("identifier"))}
    return wanted <= held


def _reference(kind: str, answer: requests.Response) -> str | None:
    """`Type/id` from Location (absolute or relative, with or without history), else from the body (FH-21)."""
    path = answer.headers.get("Location", "").split("/_history/", 1)[0].rstrip("/").split("/")
    if len(path) >= 2 and path[-2] == kind and fhir_id(path[-1]):
        return f"{kind}/{path[-1]}"
    body = _body(answer.content)
    found = fhir_id(body.get("id")) if body.get("resourceType") == kind else None
    return f"{kind}/{found}" if found else None


def _words(content: bytes) -> str:
    """What an OperationOutcome says, in one line."""
    issues = objects(_body(content).get("issue"))
    told = [text(member(each, "details").get("text")) or text(each.get("diagnostics")) or "" for each in issues]
    return " ".join(part for part in told if part)[:_WORDS_LIMIT]


def _body(content: bytes) -> dict[str, Any]:
    try:
        found = strict_json.loads(content)
    except JsonRefused:
        return {}
    return found if isinstance(found, dict) else {}
