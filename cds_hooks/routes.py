"""The HTTP face: GET /cds-services, POST /cds-services/<id> and POST /cds-services/<id>/feedback.

Order of checks, cheapest and least revealing first: address, method, caller, media type, size, body.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, request

from cds_hooks.answers import Answer, HookCall
from cds_hooks.caller import Caller, CallerCheck
from cds_hooks.cards import Card
from cds_hooks.chart import ChartSource
from cds_hooks.cors import allow_origin, answer_preflight
from cds_hooks.discharge import answer_discharge
from cds_hooks.discovery import discovery_document
from cds_hooks.errors import CdsError, DataUnavailable, MethodRefused, UnknownService
from cds_hooks.feedback import FeedbackEvent, read_feedback, receipt_outcome
from cds_hooks.hook_request import HookRequest, read_hook_request
from cds_hooks.keys import TrustedKeys
from cds_hooks.order_review import answer_orders
from cds_hooks.patient_view import answer_patient_view
from cds_hooks.record import CardShown, CardWithheld, CdsEvent
from cds_hooks.request_body import read_hook_body, read_json_body
from cds_hooks.responses import fail, json_response, refuse
from cds_hooks.services import (
    ENCOUNTER_DISCHARGE,
    LIVE,
    OFF,
    ORDER_SELECT,
    ORDER_SIGN,
    PATIENT_VIEW,
    SERVICES,
    CdsDependencies,
    Service,
)
from cds_hooks.silence import hold_all_back, hold_back
from model.caution_table import caution_table
from model.drug_table import drug_table
from patient_context.queries import prefetch_templates

DISCOVERY_PATH = "/cds-services"
DISCOVERY_METHODS = "GET, OPTIONS"
SERVICE_METHODS = "POST, OPTIONS"
MODE_EXTENSION = "aki-sentinel.cards"
NOT_ASSESSED = "not-assessed"
MAX_FEEDBACK_BYTES = 1024 * 1024
_ANSWERS: Mapping[str, Callable[[HookCall], Answer]] = {
    PATIENT_VIEW.id: answer_patient_view,
    ORDER_SELECT.id: answer_orders,
    ORDER_SIGN.id: answer_orders,
    ENCOUNTER_DISCHARGE.id: answer_discharge,
}
_ANY_METHOD = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

_log = logging.getLogger(__name__)


def cds_blueprint(deps: CdsDependencies) -> Blueprint:
    """The CDS Hooks endpoints. Exempt it from CSRF protection: its callers carry a JWT, no cookie."""
    drug_table(), caution_table()  # read now, not during the first call (CH-24)
    blueprint = Blueprint("cds_hooks", __name__)
    check = CallerCheck(deps.clients, TrustedKeys(deps.clients.clients, deps.session_for), deps.used_tokens)
    services, feedback = ServiceEndpoint(deps, check), FeedbackEndpoint(deps, check)
    prefetch = prefetch_templates(deps.prefetch_variant)
    if deps.clients.unauthenticated is not None:
        _log.warning("CDS SERVICES ACCEPT CALLS WITHOUT A TOKEN (development): anybody may ask about any patient")

    def discover() -> Response:
        if (preflight := _preflight(DISCOVERY_METHODS, deps)) is not None:
            return preflight
        modes = {deps.cards_mode(client.ehr_id) for client in deps.clients.clients}
        document = discovery_document(SERVICES.values(), prefetch, modes, says_version=deps.clients.cds_hooks_3)
        return json_response(document)

    def serve(service_id: str, rest: str = "") -> Response:
        return _posted(deps, "" if rest else service_id, services.answer)

    def take_feedback(service_id: str) -> Response:
        return _posted(deps, service_id, feedback.take)

    feedback_path = f"{DISCOVERY_PATH}/<service_id>/feedback"
    blueprint.add_url_rule(feedback_path, "feedback", take_feedback, methods=_ANY_METHOD)
    for path in ("/<service_id>", "/<service_id>/<path:rest>"):
        blueprint.add_url_rule(f"{DISCOVERY_PATH}{path}", "serve", serve, methods=_ANY_METHOD)
    blueprint.add_url_rule(DISCOVERY_PATH, "discover", discover, methods=_ANY_METHOD)
    blueprint.register_error_handler(CdsError, refuse)
    blueprint.register_error_handler(Exception, fail)
    blueprint.after_request(lambda response: allow_origin(response, deps.clients))
    return blueprint


def _posted(deps: CdsDependencies, service_id: str, answer: Callable[[Service], Response]) -> Response:
    service = SERVICES.get(service_id)
    if service is None:
        raise UnknownService
    preflight = _preflight(SERVICE_METHODS, deps)
    return answer(service) if preflight is None else preflight


def _preflight(allowed: str, deps: CdsDependencies) -> Response | None:
    """The answer to OPTIONS; None for a method that is allowed. Raises MethodRefused."""
    if request.method == "OPTIONS":
        return answer_preflight(allowed, deps.clients)
    named = {"GET", "HEAD"} if "GET" in allowed else {"POST"}
    if request.method not in named:
        raise MethodRefused(allowed)
    return None


class ServiceEndpoint:
    """POST /cds-services/<id>: verifies the caller, reads the body, answers, records."""

    def __init__(self, deps: CdsDependencies, check: CallerCheck) -> None:
        self._deps = deps
        self._check = check

    def answer(self, service: Service) -> Response:
        """The response to the current request. Raises CdsError for everything that is not 200."""
        started = time.monotonic()
        url = f"{self._deps.public_url}{DISCOVERY_PATH}/{service.id}"
        authorization = request.headers.get("Authorization")
        with self._check.admitted(authorization, url=url, now=self._deps.clock()) as caller:
            answer = self._recorded(service, caller, started)
            return json_response(_cards_body(answer, caller))

    def _recorded(self, service: Service, caller: Caller, started: float) -> Answer:
        """The answer, once it is in the record. Raises CdsError, recorded too."""
        hook: HookRequest | None = None
        try:
            hook = read_hook_request(
                read_hook_body(self._deps.max_body_bytes), hook=service.hook, client=caller.client
            )
            answer = self._answer_as_switched(service, hook, caller, started)
        except DataUnavailable as error:
            self._record(service, caller, hook, started, error=error)
            if not caller.client.empty_instead_of_412:
                raise
            answer = Answer(mode=NOT_ASSESSED)
        except CdsError as error:
            self._record(service, caller, hook, started, error=error)
            raise
        else:
            self._record(service, caller, hook, started, answer=answer)
        return answer

    def _answer_as_switched(self, service: Service, hook: HookRequest, caller: Caller, started: float) -> Answer:
        """What the site lets be said; in shadow the record names what would have been shown."""
        deps, ehr_id = self._deps, caller.client.ehr_id
        mode = deps.cards_mode(ehr_id)
        if mode == OFF:
            return Answer(reason="cards-switched-off", mode=OFF)
        answer = self._decide(service, hook, caller, started)
        policy = deps.card_policy_for(ehr_id)
        asker = hook.user_id if policy.silence_for == "user" else None
        answer = hold_back(
            answer,
            policy,
            lambda since: deps.history(ehr_id=ehr_id, patient_id=hook.patient_id, user_id=asker, since=since),
            deps.clock(),
        )
        return answer if mode == LIVE else replace(hold_all_back(answer, "cards-in-shadow"), mode=mode)

    def _decide(self, service: Service, hook: HookRequest, caller: Caller, started: float) -> Answer:
        deps, ehr_id = self._deps, caller.client.ehr_id
        source = ChartSource(
            reading=deps.reading_for(ehr_id),
            session=lambda: deps.session_for(ehr_id),
            seconds_left=lambda: deps.budget_seconds - (time.monotonic() - started),
            read=deps.read,
        )
        return _ANSWERS[service.id](HookCall(service, hook, source, deps, ehr_id, deps.clock()))

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
        said = answer or Answer()
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
                token=caller.token,
                cards=tuple(_as_recorded(card) for card in said.cards),
                withheld=tuple(CardWithheld(_as_recorded(one.card), one.reason) for one in said.withheld),
                reason=error.code if error else said.reason,
                case=said.case,
                model_sha256=said.model_sha256,
                duration_ms=(time.monotonic() - started) * 1000,
            )
        )


class FeedbackEndpoint:
    """POST /cds-services/<id>/feedback: verifies the caller as the services do, stores, says what it stored."""

    def __init__(self, deps: CdsDependencies, check: CallerCheck) -> None:
        self._deps = deps
        self._check = check

    def take(self, service: Service) -> Response:
        """The response to the current request: 400 only where not one entry could be read. Raises CdsError."""
        deps = self._deps
        url = f"{deps.public_url}{DISCOVERY_PATH}/{service.id}/feedback"
        now = deps.clock()
        with self._check.admitted(request.headers.get("Authorization"), url=url, now=now) as caller:
            batch = read_feedback(read_json_body(min(MAX_FEEDBACK_BYTES, deps.max_body_bytes)))
            event = FeedbackEvent(now, caller.client.ehr_id, service.id, caller.token, batch)
            receipt = deps.store_feedback(event)
        status = 400 if batch.refused and not batch.entries else 200
        return json_response(receipt_outcome(batch, receipt), status)


def _as_recorded(card: Card) -> CardShown:
    return CardShown(card.uuid, card.kind, card.indicator)


def _cards_body(answer: Answer, caller: Caller) -> dict[str, Any]:
    """The cards; it is said where nothing was assessed, or shown by the site's wish: that is not "no finding"."""
    body: dict[str, Any] = {"cards": [card.body for card in answer.cards]}
    if caller.client.empty_system_actions:
        body["systemActions"] = []  # nothing is ever done without a click (CH-38)
    return body if answer.mode == LIVE else {**body, "extension": {MODE_EXTENSION: answer.mode}}
