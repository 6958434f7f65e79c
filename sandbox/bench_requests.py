"""Requests written by hand: a composed request edited before it is sent, a token spoilt on purpose, and curl.

A tester sees whether a service refuses what it should; this EHR sends whatever is written.
"""

from __future__ import annotations

import json
import shlex
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, abort, render_template, request

from sandbox.bench import Composed, begin_hook, read_composition
from sandbox.cds_client import CdsClient, CdsService, Exchange, without_tokens
from sandbox.cds_contexts import ORDER_HOOKS
from sandbox.cds_signing import FLAWS
from sandbox.pages import EhrPages
from sandbox.security import refuse_foreign_forms


def bench_requests_blueprint(ehr: EhrPages, client: CdsClient) -> Blueprint:
    """`/bench/request`: the composition as a text to edit; `request.json` and `token` are for a command line."""
    pages = Blueprint("bench_requests", __name__)
    pages.context_processor(ehr.everywhere)
    pages.add_app_template_global(lambda composed: curl_words(ehr, client, composed), "curl_words")

    @pages.get("/bench/request")
    def edit() -> str:
        composed, service = _composed(ehr, client)
        text = json.dumps(without_tokens(_body(ehr, client, composed, service)), indent=1, ensure_ascii=False)
        return _page(ehr, composed, text, None)

    @pages.post("/bench/request")
    def send() -> str:
        refuse_foreign_forms()
        composed, service = _composed(ehr, client)
        text = request.form.get("body", "").replace("\r\n", "\n")  # what browsers make of line ends
        launch = ehr.launch_context(composed.patient.id)
        return _page(
            ehr, composed, text, client.send_edited(service, launch, text, composed.dialect, chosen_flaw())
        )

    @pages.get("/bench/request.json")
    def body() -> Response:
        composed, service = _composed(ehr, client)
        return Response(json.dumps(_body(ehr, client, composed, service)), content_type="application/json")

    @pages.get("/bench/token")
    def token() -> Response:
        composed, service = _composed(ehr, client)
        proof = client.signer.sign(f"{client.base}/{service.id}", composed.dialect, chosen_flaw())
        return Response(proof.text, content_type="text/plain")

    return pages


def chosen_flaw() -> str:
    """What is to be wrong with the token; nothing unless it is a flaw we know."""
    flaw = request.values.get("flaw", "")
    return flaw if flaw in FLAWS else ""


def curl_words(ehr: EhrPages, client: CdsClient, composed: Composed) -> str:
    """A command that composes, signs and sends the same call anew, in any shell with curl."""
    if composed.service is None:
        return ""
    bench, service = f"{ehr.services.settings.base_url}/bench", composed.service
    proof = urlencode({"service": service.id, "dialect": composed.dialect.id})
    return (
        f"curl -sS {shlex.quote(f'{bench}/request.json?{composed.query}')} |\n"
        f"  curl -sS -i {shlex.quote(f'{client.base}/{service.id}')} -H 'Content-Type: application/json' \\\n"
        f'    -H "Authorization: Bearer $(curl -sS {shlex.quote(f"{bench}/token?{proof}")})" --data-binary @-'
    )


def _composed(ehr: EhrPages, client: CdsClient) -> tuple[Composed, CdsService]:
    """Aborts with 502 where the app offers no service."""
    services, discovery = client.discover()
    composed = read_composition(ehr, services)
    if composed.service is None:
        abort(_words(502, f"The app's services cannot be read: {discovery.error or 'it offers none'}."))
    return composed, composed.service


def _body(ehr: EhrPages, client: CdsClient, composed: Composed, service: CdsService) -> dict[str, Any]:
    """The request as this EHR would send it. Aborts with 409 where the hook has no meaning for this patient."""
    begun = begin_hook(ehr, composed)
    if begun is None:
        abort(_words(409, f"This EHR does not fire {service.hook} for this patient."))
    return client.compose(service, *begun, composed.wishes)[0]


def _words(status: int, text: str) -> Response:
    return Response(f"{text}\n", status, content_type="text/plain; charset=utf-8")


def _page(ehr: EhrPages, composed: Composed, text: str, exchange: Exchange | None) -> str:
    return render_template(
        "bench_request.html",
        composed=composed,
        text=text,
        exchange=exchange,
        flaws=FLAWS,
        flaw=chosen_flaw(),
        order_hooks=ORDER_HOOKS,
        drafts=ehr.services.drafts.orders(composed.patient.id),
    )
