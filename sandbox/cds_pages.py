"""The decision-support panel: calls the app's hooks, shows cards, sends feedback."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from sandbox.cds_actions import apply_actions, read_actions
from sandbox.cds_answers import Answer
from sandbox.cds_client import CdsClient, CdsService, Exchange
from sandbox.cds_contexts import ORDER_HOOKS, ORDERABLES, draft_entries, find_orderables, hook_context
from sandbox.cds_dialects import DIALECTS, CdsDialect, find_dialect
from sandbox.pages import EhrPages
from sandbox.security import refuse_foreign_forms

FIRST_HOOK = "patient-view"
LONGEST_COMMENT = 1000


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
        done = apply_actions(client, ehr.services.drafts, ehr.launch_context(patient_id), _accepted_actions())
        told = client.send_feedback(service_id, item, chosen_dialect(ehr))
        text = " ".join([*done.sentences, _feedback_words(told.answer)])
        return Response(
            render_template("cds_feedback.html", text=text, patient_id=patient_id, removed=done.removed, told=told)
        )

    @pages.post("/patients/<patient_id>/drafts")
    def change_drafts(patient_id: str) -> BaseResponse:
        refuse_foreign_forms()
        ehr.chart(patient_id)
        _change_drafts(ehr, patient_id)
        return redirect(url_for("cds.panel", patient_id=patient_id, service=request.form.get("service")), 303)

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
        drugs=ORDERABLES,
        drafts=ehr.services.drafts.orders(patient_id),
        dialect=ehr.services.settings.vendor.dialect,
        order_hooks=ORDER_HOOKS,
    )


def _chosen(services: tuple[CdsService, ...]) -> CdsService | None:
    wanted = request.args.get("service")
    if wanted:
        return next((service for service in services if service.id == wanted), None)
    return next((service for service in services if service.hook == FIRST_HOOK), None)


def _call(ehr: EhrPages, client: CdsClient, patient_id: str, service: CdsService) -> Exchange | None:
    launch = ehr.launch_context(patient_id)
    drafts = ehr.services.drafts.entries(patient_id)
    context = hook_context(ehr.services.settings.vendor.dialect.fires(service.hook), launch, drafts)
    return client.call(service, launch, context) if context else None


def _change_drafts(ehr: EhrPages, patient_id: str) -> None:
    """Begin an order for one of the listed drugs, or take one away."""
    drafts, form = ehr.services.drafts, request.form
    if form.get("remove"):
        drafts.remove(patient_id, form["remove"])
    elif form.get("drug"):
        held = drafts.entries(patient_id)
        numbers = (int(n) for entry in held if (n := str(entry["id"]).rpartition("-")[2]).isdigit())
        drug = find_orderables([form["drug"]])
        added = draft_entries(drug, ehr.launch_context(patient_id), first_number=max(numbers, default=0) + 1)
        drafts.write(patient_id, [*held, *added])


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
        if form.get("comment", "").strip():
            item["overrideReason"]["userComment"] = form["comment"].strip()[:LONGEST_COMMENT]
    return item


def _accepted_actions() -> list[dict[str, Any]]:
    """The actions of the accepted suggestion, as the panel put them into its form."""
    try:
        return read_actions(request.form.get("actions", ""))
    except ValueError:
        abort(400)


def _feedback_words(answer: Answer) -> str:
    if answer.status == 200:
        return "The app was told."
    reason = answer.error or f"the app answered {answer.status}"
    return f"The app could not be told: {reason}."
