"""The testers' bench: any hook for any patient and draft orders, in any dialect, with all that was said."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from flask import Blueprint, render_template, request

from sandbox.cds_client import Answer, CdsClient, CdsService, Exchange, Wishes
from sandbox.cds_contexts import (
    DRAFT_DRUGS,
    ORDER_HOOKS,
    ORDER_SHAPES,
    DraftDrug,
    OrderShape,
    draft_entries,
    find_drugs,
    hook_context,
)
from sandbox.cds_dialects import DIALECTS, CdsDialect
from sandbox.cds_pages import chosen_dialect
from sandbox.pages import EhrPages
from sandbox.patient_list import CATEGORIES, select_rows
from sandbox.prepared_cases import prepared_calls
from sandbox.store import PatientSummary

LONGEST_DRUG_NAME = 200


@dataclass(frozen=True, slots=True)
class Composed:
    """What the tester put together. `asked` is False for a bench just opened, where nothing is sent."""

    patient: PatientSummary
    service: CdsService | None
    dialect: CdsDialect
    drugs: tuple[DraftDrug, ...]
    other_drug: DraftDrug | None
    shape: OrderShape
    prefetch: bool
    access: bool
    asked: bool

    @property
    def orders(self) -> tuple[DraftDrug, ...]:
        """The drugs ticked, and the one typed in."""
        return (*self.drugs, *([self.other_drug] if self.other_drug else []))


def bench_blueprint(ehr: EhrPages, client: CdsClient) -> Blueprint:
    """`/bench`: a composition is an address, so that a tester can send it to somebody."""
    pages = Blueprint("bench", __name__)
    pages.context_processor(ehr.everywhere)

    @pages.get("/bench")
    def bench() -> str:
        services, discovery = client.discover()
        composed = _composed(ehr, services)
        exchange = _send(ehr, client, composed)
        return render_template(
            "bench.html",
            composed=composed,
            services=services,
            discovery=discovery,
            exchange=exchange,
            sizes=_sizes(exchange),
            groups=_groups(ehr),
            prepared=prepared_calls(ehr.store.patients()),
            dialects=DIALECTS,
            drugs=DRAFT_DRUGS,
            shapes=ORDER_SHAPES,
            order_hooks=ORDER_HOOKS,
            drafts=ehr.services.drafts.orders(composed.patient.id),
        )

    return pages


def _composed(ehr: EhrPages, services: tuple[CdsService, ...]) -> Composed:
    arguments = request.args
    rows = {row.id: row for row in select_rows(ehr.store.patients(), sort="category")}
    wanted = arguments.get("service")
    found = [service for service in services if service.id == wanted] or services
    shape = arguments.get("shape", "")
    ticked = arguments.getlist("drug")
    other = _other_drug(arguments.get("other_code", ""), arguments.get("other_name", ""))
    return Composed(
        patient=rows.get(arguments.get("patient", "")) or next(iter(rows.values())),
        service=found[0] if found else None,
        dialect=chosen_dialect(ehr),
        drugs=find_drugs(ticked) if ticked or other is None else (),
        other_drug=other,
        shape=shape if shape in ORDER_SHAPES else "concept",
        prefetch=arguments.get("prefetch") != "none",
        access=arguments.get("access") != "none",
        asked="patient" in arguments,
    )


def _other_drug(code: str, name: str) -> DraftDrug | None:
    code, name = code.strip()[:LONGEST_DRUG_NAME], name.strip()[:LONGEST_DRUG_NAME]
    return DraftDrug(code or "0", name or code, "as ordered") if code or name else None


def _send(ehr: EhrPages, client: CdsClient, composed: Composed) -> Exchange | None:
    """None when nothing was asked, or where the hook has no meaning for this patient.

    For an order hook the composed drafts become the patient's, so that a card can change or remove them.
    """
    if composed.service is None or not composed.asked:
        return None
    launch = ehr.launch_context(composed.patient.id)
    hook = composed.dialect.fires(composed.service.hook)
    drafts = draft_entries(composed.orders, launch, composed.shape) if hook in ORDER_HOOKS else []
    if drafts:
        ehr.services.drafts.write(composed.patient.id, drafts)
    context = hook_context(hook, launch, drafts)
    if context is None:
        return None
    wishes = Wishes(composed.dialect, composed.prefetch, composed.access)
    return client.call(composed.service, launch, context, wishes)


def _sizes(exchange: Exchange | None) -> dict[str, str]:
    """How long the two bodies are, in words."""
    if exchange is None:
        return {}
    return {"request": _kilobytes(exchange.request), "response": _kilobytes(_body(exchange.answer))}


def _body(answer: Answer) -> Any:
    return answer.body if answer.body is not None else ""


def _kilobytes(value: Any) -> str:
    length = len(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())
    return f"{length / 1000:.1f} kB" if length < 100_000 else f"{length / 1000:.0f} kB"


def _groups(ehr: EhrPages) -> list[tuple[str, list[PatientSummary]]]:
    rows = select_rows(ehr.store.patients(), sort="category")
    return [
        (CATEGORIES.get(name, name), list(group)) for name, group in groupby(rows, key=lambda row: row.category)
    ]
