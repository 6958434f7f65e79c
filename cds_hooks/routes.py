"""The HTTP face: GET /cds-services and POST /cds-services/<id>. The only module here that knows Flask's request.

Order of checks, cheapest and least revealing first: address, method, caller, media type, size, body.
"""

import logging
import secrets
import time
from collections.abc import Mapping
from typing import Any

import msgspec
from flask import Blueprint, Response, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from cds_hooks.answers import Answer
from cds_hooks.caller import Caller, CallerCheck
from cds_hooks.chart import ChartSource
from cds_hooks.cors import allow_origin, answer_preflight
from cds_hooks.discharge import answer_discharge
from cds_hooks.discovery import discovery_document
from cds_hooks.errors import (
    BodyNotJson,
    BodyTooLarge,
    CallerRefused,
    CdsError,
    DataUnavailable,
    MethodRefused,
    RequestUnreadable,
    ServiceFailed,
    UnknownService,
    operation_outcome,
)
from cds_hooks.hook_request import HookRequest, read_hook_request
from cds_hooks.keys import TrustedKeys
from cds_hooks.order_review import answer_orders
from cds_hooks.patient_view import answer_patient_view
from cds_hooks.services import (
    ENCOUNTER_DISCHARGE,
    LIVE,
    OFF,
    PATIENT_VIEW,
    SERVICES,
    CardShown,
    CdsDependencies,
    CdsEvent,
    Service,
)
from model.caution_table import caution_table
from model.drug_table import drug_table
from patient_context.errors import JsonRefused
from patient_context.queries import prefetch_templates
from patient_context.strict_json import loads

DISCOVERY_PATH = "/cds-services"
DISCOVERY_METHODS = "GET, OPTIONS"
SERVICE_METHODS = "POST, OPTIONS"
_ANY_METHOD = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

_log = logging.getLogger(__name__)


def cds_blueprint(deps: CdsDependencies) -> Blueprint:
    """The CDS Hooks endpoints. Exempt it from CSRF protection: its callers carry a JWT, no cookie."""
    drug_table(), caution_table()  # read now, not during the first call (CH-24)
    blueprint = Blueprint("cds_hooks", __name__)
    endpoint = ServiceEndpoint(deps)
    discovery = discovery_document(SERVICES.values(), prefetch_templates(deps.prefetch_variant))
    if deps.clients.unauthenticated is not None:
        _log.warning("CDS SERVICES ACCEPT CALLS WITHOUT A TOKEN (development): anybody may ask about any patient")

    def discover() -> Response:
        if request.method == "OPTIONS":
            return answer_preflight(DISCOVERY_METHODS, deps.clients)
        if request.method not in {"GET", "HEAD"}:
            raise MethodRefused(DISCOVERY_METHODS)
        return _json(discovery)

    def serve(service_id: str, rest: str = "") -> Response:
        service = SERVICES.get(service_id)
        if service is None or rest:
            raise UnknownService
        if request.method == "OPTIONS":
            return answer_preflight(SERVICE_METHODS, deps.clients)
        if request.method != "POST":
            raise MethodRefused(SERVICE_METHODS)
        return endpoint.answer(service)

    for path in ("/<service_id>", "/<service_id>/<path:rest>"):
        blueprint.add_url_rule(f"{DISCOVERY_PATH}{path}", "serve", serve, methods=_ANY_METHOD)
    blueprint.add_url_rule(DISCOVERY_PATH, "discover", discover, methods=_ANY_METHOD)
    blueprint.register_error_handler(CdsError, _refuse)
    blueprint.register_error_handler(Exception, _fail)
    blueprint.after_request(lambda response: allow_origin(response, deps.clients))
    return blueprint


class ServiceEndpoint:
    """POST /cds-services/<id>: verifies the caller, reads the body, answers, records."""

    def __init__(self, deps: CdsDependencies) -> None:
        self._deps = deps
        self._check = CallerCheck(
            deps.clients, TrustedKeys(deps.clients.clients, deps.session_for), deps.jti_store
        )

    def answer(self, service: Service) -> Response:
        """The response to the current request. Raises CdsError for everything that is not 200."""
        started = time.monotonic()
        url = f"{self._deps.public_url}{DISCOVERY_PATH}/{service.id}"
        caller = self._check.verify(request.headers.get("Authorization"), url=url, now=self._deps.clock())
        hook: HookRequest | None = None
        try:
            hook = read_hook_request(self._body(), hook=service.hook, client=caller.client)
            answer = self._answer_as_switched(service, hook, caller, started)
        except DataUnavailable as error:
            self._record(service, caller, hook, started, error=error)
            if not caller.client.empty_instead_of_412:
                raise
            answer = Answer()
        except CdsError as error:
            self._record(service, caller, hook, started, error=error)
            raise
        else:
            self._record(service, caller, hook, started, answer=answer)
        return _json({"cards": [card.body for card in answer.cards]})

    def _answer_as_switched(self, service: Service, hook: HookRequest, caller: Caller, started: float) -> Answer:
        """What the site lets be said: with its cards in shadow the record names what would have been shown."""
        mode = self._deps.cards_mode(caller.client.ehr_id)
        if mode == OFF:
            return Answer(reason="cards-switched-off")
        answer = self._decide(service, hook, caller, started)
        if mode == LIVE or not answer.cards:
            return answer
        kinds = ",".join(sorted({card.kind.value for card in answer.cards}))
        return Answer(reason=f"cards-in-shadow: {kinds}", model_sha256=answer.model_sha256)

    def _decide(self, service: Service, hook: HookRequest, caller: Caller, started: float) -> Answer:
        deps, ehr_id = self._deps, caller.client.ehr_id
        source = ChartSource(
            reading=deps.reading_for(ehr_id),
            session=lambda: deps.session_for(ehr_id),
            seconds_left=lambda: deps.budget_seconds - (time.monotonic() - started),
            read=deps.read,
        )
        now = deps.clock()
        if service is PATIENT_VIEW:
            return answer_patient_view(hook, source, deps, ehr_id=ehr_id, now=now)
        if service is ENCOUNTER_DISCHARGE:
            return answer_discharge(hook, source, deps, ehr_id=ehr_id, now=now)
        return answer_orders(service, hook, source, deps, ehr_id=ehr_id, now=now)

    def _body(self) -> Any:
        limit = self._deps.max_body_bytes
        charset = request.mimetype_params.get("charset", "utf-8").lower()
        if request.mimetype != "application/json" or charset not in {"utf-8", "utf8"}:
            raise BodyNotJson
        if request.headers.get("Content-Encoding", "identity") != "identity":
            raise BodyNotJson
        request.max_content_length = limit + 1  # a chunked body is cut there in silence, so one byte more is asked
        try:
            body = request.get_data(cache=False)
            if len(body) > limit:
                raise BodyTooLarge(limit)
            return loads(body)
        except RequestEntityTooLarge as problem:
            raise BodyTooLarge(limit) from problem
        except JsonRefused as problem:
            raise RequestUnreadable(problem.code, "The body is not JSON this service reads.") from problem

    def _record(
        self,
        service: Service,
        caller: Caller,
        hook: HookRequest | None,
        started: float,
        *,
        answer: Answer | None = None,
        error: CdsError | None = None,
    ) -> None:
        cards = answer.cards if answer else ()
        self._deps.record(
            CdsEvent(
                at=self._deps.clock(),
                ehr_id=caller.client.ehr_id,
                service_id=service.id,
                status=error.status if error else 200,
                hook_instance=hook.hook_instance if hook else None,
                user_id=hook.user_id if hook else None,
                patient_id=hook.patient_id if hook else None,
                encounter_id=hook.encounter_id if hook else None,
                jti=caller.jti,
                cards=tuple(CardShown(card.uuid, card.kind, card.indicator) for card in cards),
                reason=error.code if error else (answer.reason if answer else None),
                model_sha256=answer.model_sha256 if answer else None,
                duration_ms=(time.monotonic() - started) * 1000,
            )
        )


def _json(body: Mapping[str, Any], status: int = 200) -> Response:
    response = Response(msgspec.json.encode(body), status=status, mimetype="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response


def _refuse(error: CdsError) -> Response:
    if isinstance(error, CallerRefused):
        _log.warning("cds caller refused: reason=%s iss=%r jti=%r", error.reason, error.iss, error.jti)
    else:
        _log.info("cds call refused: status=%d code=%s", error.status, error.code)
    response = _json(operation_outcome(error), error.status)
    if isinstance(error, CallerRefused):
        response.headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, MethodRefused):
        response.headers["Allow"] = error.allow
    return response


def _fail(error: Exception) -> Response:
    """Our own fault, or Werkzeug's refusal of the bytes. Neither message may hold anything of the request."""
    if isinstance(error, HTTPException):
        return _refuse(RequestUnreadable("body-unreadable", "The request could not be read."))
    incident = secrets.token_hex(6)
    _log.error("cds call failed: incident=%s problem=%s at=%s", incident, type(error).__name__, _place(error))
    failure = ServiceFailed(incident)
    return _json(operation_outcome(failure), failure.status)


def _place(error: Exception) -> str:
    """Where it was raised; not what it says, for an exception's text may quote the chart."""
    trace, place = error.__traceback__, "unknown"
    while trace is not None:
        place = f"{trace.tb_frame.f_globals.get('__name__')}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place
