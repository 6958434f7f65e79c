"""The FHIR R4 server over HTTP: routes, content negotiation, CORS, errors as OperationOutcome, simulated faults.

Needs of the rest of the EHR: `authorize(header)` reads the Authorization header and returns an Access (see
`sandbox.records.Access`), or raises AccessDenied(401, ...). The blueprint is registered below `/fhir`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from flask import Blueprint, Response, request
from werkzeug.exceptions import HTTPException

from sandbox import manners, spoiling
from sandbox.capability import SecurityUrls, capability_statement
from sandbox.definitions import offered
from sandbox.errors import AccessDenied, RequestRefused
from sandbox.faults import Faults
from sandbox.outcomes import outcome
from sandbox.practitioners import PRACTITIONERS
from sandbox.profiles import STANDARD
from sandbox.records import Access, Records
from sandbox.store import PatientStore
from sandbox.vendor import VendorProfile

Resource = dict[str, Any]
Authorize = Callable[[str | None], Access]

FHIR_JSON = "application/fhir+json"
MAXIMUM_BODY = 1024 * 1024
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
_JSON_TYPES = ("application/fhir+json", "application/json", "application/json+fhir")
_JSON_FORMATS = ("json", "application/json", "application/fhir+json", "application/json+fhir", "text/json")


def _utc_now() -> datetime:
    return datetime.now(UTC)


def fhir_blueprint(
    store: PatientStore,
    authorize: Authorize,
    *,
    base_url: str,
    security_urls: SecurityUrls | None = None,
    practitioners: Mapping[str, Resource] | None = None,
    faults: Faults | None = None,
    clock: Callable[[], datetime] = _utc_now,
    pause: Callable[[float], None] = time.sleep,
    profile: VendorProfile = STANDARD,
    end_token: Callable[[str | None], None] = lambda _: None,
) -> Blueprint:
    """The FHIR server as a blueprint below the profile's path; `base_url` is its public address.

    `end_token` ends the access token of an Authorization header, for a simulated fault.
    """
    base_url = base_url.rstrip("/")
    server = _Server(
        records=Records(store, base_url, _staff() if practitioners is None else practitioners, profile),
        authorize=authorize,
        statement=capability_statement(base_url, security_urls, store.now, profile),
        faults=faults or Faults(),
        clock=clock,
        pause=pause,
        end_token=end_token,
    )
    blueprint = Blueprint("fhir", __name__, url_prefix=profile.fhir_path)
    blueprint.add_url_rule("/metadata", "metadata", server.metadata)
    blueprint.add_url_rule("/<type_>", "type", server.on_type, methods=_METHODS)
    blueprint.add_url_rule("/<type_>/_search", "post_search", server.on_post_search, methods=_METHODS)
    blueprint.add_url_rule("/<type_>/<id_>", "instance", server.on_instance, methods=_METHODS)
    blueprint.add_url_rule("/<type_>/<id_>/_history/1", "version", server.on_instance, methods=_METHODS)
    blueprint.add_url_rule("", "base", server.on_base, methods=_METHODS)
    blueprint.add_url_rule("/", "base_slash", server.on_base, methods=_METHODS)
    blueprint.add_url_rule("/<path:rest>", "unknown", server.unknown, methods=_METHODS)
    blueprint.register_error_handler(RequestRefused, _refused)
    blueprint.register_error_handler(AccessDenied, _denied)
    blueprint.register_error_handler(HTTPException, _http_error)
    blueprint.after_request(_allow_cross_origin)
    return blueprint


def _staff() -> dict[str, Resource]:
    return {practitioner.id: practitioner.to_fhir() for practitioner in PRACTITIONERS}


@dataclass(frozen=True, slots=True)
class _Server:
    """The view functions and what they share."""

    records: Records
    authorize: Authorize
    statement: Resource = field(repr=False)
    faults: Faults
    clock: Callable[[], datetime]
    pause: Callable[[float], None]
    end_token: Callable[[str | None], None]

    def metadata(self) -> Response:
        asks_for_nothing = str(request.accept_mimetypes) in ("", "*/*") and "_format" not in request.args
        if self.records.profile.xml_without_accept and asks_for_nothing:
            return Response(manners.to_xml(self.statement), content_type="application/fhir+xml; charset=utf-8")
        _check_negotiation()
        return _respond(self.statement)

    def on_type(self, type_: str) -> Response:
        """`GET` searches, `POST` creates."""
        _allow("GET", "HEAD", "POST")
        access = self._enter(type_)
        if request.method == "POST":
            return self._create(access, type_)
        return self._search(access, type_, list(request.args.items(multi=True)))

    def on_post_search(self, type_: str) -> Response:
        _allow("POST")
        access = self._enter(type_)
        if request.mimetype != "application/x-www-form-urlencoded":
            raise RequestRefused(415, "not-supported", "A search is posted as application/x-www-form-urlencoded.")
        return self._search(access, type_, [*request.args.items(multi=True), *request.form.items(multi=True)])

    def on_instance(self, type_: str, id_: str) -> Response:
        _allow("GET", "HEAD")
        access = self._enter(type_)
        resource = self.records.read(access, type_, id_)
        response = _respond(resource)
        response.set_etag(resource["meta"]["versionId"], weak=True)
        response.make_conditional(request)
        return self._spoiled(type_, response)

    def on_base(self) -> Response:
        """Nothing, but for vendors whose page links stand on the bare base (VN-33)."""
        link = self.records.profile.next_link
        type_, _, token = request.args.get(link.parameter, "").partition(".")
        if not link.on_base or not token:
            return self.unknown()
        _allow("GET", "HEAD")
        return self._search(self._enter(type_), type_, [(link.parameter, token)])

    def unknown(self, rest: str = "") -> Response:  # noqa: ARG002  # the path, which Flask passes
        self.authorize(request.headers.get("Authorization"))
        raise RequestRefused(404, "not-found", "This FHIR server has nothing at this address.")

    def _enter(self, type_: str) -> Access:
        """Everything that is checked before a type's resources are looked at."""
        spoiling.delay(self.faults, type_, self.pause)
        if type_ == ".well-known":
            raise RequestRefused(404, "not-found", "This server does not publish that document.")
        second_page = self.records.profile.next_link.parameter in request.args
        header = request.headers.get("Authorization")
        if second_page and self.faults.take("token_ends_while_paging"):
            self.end_token(header)
        access = self.authorize(header)
        _check_negotiation()
        if type_ not in offered(self.records.profile):
            raise RequestRefused(404, "not-supported", "This resource type is not served here.")
        manners.check_type(self.records.profile, type_)
        spoiling.refuse(self.faults, type_, second_page=second_page)
        return access

    def _search(self, access: Access, type_: str, pairs: list[tuple[str, str]]) -> Response:
        strict = "handling=strict" in request.headers.get("Prefer", "").replace(" ", "")
        unsorted = self.faults.is_on("unsorted")
        pairs = [(n, t) for n, t in pairs if not (unsorted and n == "_sort")]
        overlap = 1 if self.faults.is_on("repeats") else 0
        bundle = self.records.search(access, type_, pairs, strict=strict, sorted_=not unsorted, overlap=overlap)
        bundle["meta"] = {"lastUpdated": self.clock().isoformat(timespec="milliseconds")}
        return self._spoiled(type_, _respond(spoiling.spoil(self.faults, self.records, type_, bundle)))

    def _create(self, access: Access, type_: str) -> Response:
        if offered(self.records.profile)[type_].creatable and request.mimetype not in _JSON_TYPES:
            raise RequestRefused(415, "not-supported", f"Send the resource as {FHIR_JSON}.")
        if (request.content_length or 0) > MAXIMUM_BODY:
            raise RequestRefused(413, "too-long", "The body is larger than this server takes.")
        now = self.clock()
        unless = request.headers.get("If-None-Exist", "")
        kept, is_new = self.records.create(access, type_, request.get_data(), at=now, unless=unless)
        status = 201 if is_new else 200
        preference = request.headers.get("Prefer", "").replace(" ", "")
        if "return=minimal" in preference:
            response = Response(status=status)
        elif "return=OperationOutcome" in preference:
            words = "Created." if is_new else "Nothing was created: it is here already."
            response = _respond(outcome("informational", words, severity="information"), status)
        else:
            response = _respond(kept, status)
        response.headers["Location"] = f"{self.records.base_url}/{type_}/{kept['id']}/_history/1"
        response.headers["Last-Modified"] = format_datetime(now.astimezone(UTC), usegmt=True)
        response.set_etag("1", weak=True)
        return response

    def _spoiled(self, type_: str, response: Response) -> Response:
        return spoiling.spoil_text(self.faults, type_, response)


def _allow(*methods: str) -> None:
    if request.method not in methods:
        raise RequestRefused(405, "not-supported", f"{request.method} is not offered here.")


def _check_negotiation() -> None:
    """JSON only: refuse a client that accepts nothing of it (406)."""
    format_ = request.args.get("_format")
    if format_ is not None and format_.replace(" ", "+").partition(";")[0] not in _JSON_FORMATS:
        raise RequestRefused(406, "not-supported", "This server writes JSON only.")
    accepted = request.accept_mimetypes
    if format_ is None and accepted and not any(accepted.quality(mime) > 0 for mime in _JSON_TYPES):
        raise RequestRefused(406, "not-supported", "This server writes JSON only.")


def _respond(resource: Resource, status: int = 200) -> Response:
    text = json.dumps(resource, ensure_ascii=False, separators=(",", ":"))
    return Response(text, status=status, content_type=f"{FHIR_JSON}; charset=utf-8")


def _refused(error: RequestRefused) -> Response:
    response = _respond(outcome(error.code, error.text), error.status)
    if error.status == 405:
        response.headers["Allow"] = "GET, POST"
    if error.status == 503:
        response.headers["Retry-After"] = "2"
    return response


def _denied(error: AccessDenied) -> Response:
    response = _respond(outcome(error.code, error.text, vendor_code=error.vendor_code), error.status)
    if error.status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="fhir"'
    return response


def _http_error(error: HTTPException) -> Response:
    status = error.code or 500
    code = "too-long" if status == 413 else "not-supported" if status < 500 else "exception"
    return _respond(outcome(code, error.name), status)


def _allow_cross_origin(response: Response) -> Response:
    """Any origin may call with a token of its own; no cookie is ever read here."""
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Access-Control-Allow-Methods"] = "GET, POST, OPTIONS"
    response.headers["Access-Control-Allow-Headers"] = (
        "Authorization, Content-Type, Accept, Prefer, If-None-Match, If-None-Exist"
    )
    response.headers["Access-Control-Expose-Headers"] = (
        "Location, Content-Location, ETag, Last-Modified, Retry-After"
    )
    response.headers["Cache-Control"] = "no-store"
    return response
