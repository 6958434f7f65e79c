"""The decision-support panel: calls the app's hooks, shows cards, sends feedback."""

from __future__ import annotations

import json
from datetime import UTC
from typing import Any

from flask import Blueprint, Response, abort, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from sandbox.cds_client import Answer, CdsClient, CdsService, Exchange
from sandbox.cds_contexts import DRAFT_DRUGS, find_drugs, hook_context
from sandbox.cds_dialects import DIALECTS, CdsDialect, find_dialect
from sandbox.pages import EhrPages
from sandbox.security import refuse_foreign_forms

FIRST_HOOK = "patient-view"


def cds_pages_blueprint(ehr: EhrPages, client: CdsClient) -> Blueprint:
    pages = Blueprint("cds", __name__)
    pages.context_processor(ehr.everywhere)

    @pages.get("/patients/<patient_id>/cds")
    def panel(patient_id: str) -> str:
        return _panel(ehr, client, patient_id)

    @pages.post("/patients/<patient_id>/cds/<service_id>/feedback")
    def feedback(patient_id: str, service_id: str) -> BaseResponse:
        refuse_foreign_forms()
        ehr.chart(patient_id)
        item = _feedback_item(ehr)
        done = client.apply(ehr.launch_context(patient_id), _accepted_resources())
        answer = client.send_feedback(service_id, item, chosen_dialect(ehr))
        text = " ".join([*done, _feedback_words(answer)])
        return Response(render_template("cds_feedback.html", text=text, patient_id=patient_id))

    return pages


def _panel(ehr: EhrPages, client: CdsClient, patient_id: str) -> str:
    """The panel alone for the script on the chart page, a whole page without scripts."""
    chart = ehr.chart(patient_id)
    services, discovery = client.discover()
    service = _chosen(services)
    exchange = _call(ehr, client, patient_id, service) if service else None
    template = "cds_panel.html" if request.headers.get("X-Fragment") else "cds_page.html"
    return render_template(
        template,
        chart=chart,
        services=services,
        discovery=discovery,
        service=service,
        exchange=exchange,
        drugs=DRAFT_DRUGS,
        dialect=ehr.services.settings.vendor.dialect,
        drug=request.args.get("drug", DRAFT_DRUGS[0].rxnorm),
    )


def _chosen(services: tuple[CdsService, ...]) -> CdsService | None:
    wanted = request.args.get("service")
    if wanted:
        return next((service for service in services if service.id == wanted), None)
    return next((service for service in services if service.hook == FIRST_HOOK), None)


def _call(ehr: EhrPages, client: CdsClient, patient_id: str, service: CdsService) -> Exchange | None:
    launch = ehr.launch_context(patient_id)
    drugs = find_drugs([request.args.get("drug", "")])
    context = hook_context(ehr.services.settings.vendor.dialect.fires(service.hook), launch, drugs)
    return client.call(service, launch, context) if context else None


def chosen_dialect(ehr: EhrPages) -> CdsDialect:
    """The dialect named in the request, or the EHR's own."""
    name = request.values.get("dialect", "")
    known = {dialect.id for dialect in DIALECTS}
    return find_dialect(name) if name in known else ehr.services.settings.vendor.dialect


def _feedback_item(ehr: EhrPages) -> dict[str, Any]:
    form = request.form
    if not form.get("card") or form.get("outcome") not in ("accepted", "overridden"):
        abort(400)
    at = ehr.services.clock().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    item: dict[str, Any] = {"card": form["card"], "outcome": form["outcome"], "outcomeTimestamp": at}
    if form["outcome"] == "accepted":
        item["acceptedSuggestions"] = [{"id": form.get("suggestion", "")}]
    elif form.get("reason"):
        system, _, code = form["reason"].rpartition("|")
        item["overrideReason"] = {"reason": {"code": code, "system": system}}
    return item


def _accepted_resources() -> list[dict[str, Any]]:
    """What the accepted suggestion creates, as the panel put it into its form."""
    try:
        resources = json.loads(request.form.get("creates") or "[]")
    except (ValueError, RecursionError):
        abort(400)
    if not isinstance(resources, list) or not all(isinstance(resource, dict) for resource in resources):
        abort(400)
    return resources


def _feedback_words(answer: Answer) -> str:
    if answer.status == 200:
        return "The app was told."
    reason = answer.error or f"the app answered {answer.status}"
    return f"The app could not be told: {reason}."
