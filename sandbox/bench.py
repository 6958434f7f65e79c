"""The testers' bench: any hook for any patient and draft orders, in any dialect, with all that was said."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, render_template, request

from sandbox.cds_client import CdsClient, CdsService, Exchange, Wishes
from sandbox.cds_contexts import (
    ORDER_HOOKS,
    ORDER_SHAPES,
    ORDERABLES,
    Orderable,
    OrderShape,
    draft_entries,
    find_orderables,
    hook_context,
)
from sandbox.cds_dialects import DIALECTS, CdsDialect
from sandbox.cds_pages import chosen_dialect
from sandbox.launches import LaunchContext
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
    drugs: tuple[Orderable, ...]
    other_drug: Orderable | None
    shape: OrderShape
    prefetch: bool
    access: bool
    asked: bool

    @property
    def orders(self) -> tuple[Orderable, ...]:
        """Those ticked, and the drug typed in."""
        return (*self.drugs, *([self.other_drug] if self.other_drug else []))

    @property
    def query(self) -> str:
        """The composition as the query of an address; safe between quotes."""
        chosen = [
            ("patient", self.patient.id),
            ("service", self.service.id if self.service else ""),
            ("dialect", self.dialect.id),
            *(("drug", each.code) for each in self.drugs),
            ("other_name", self.other_drug.name if self.other_drug else ""),
            ("other_code", self.other_drug.code if self.other_drug else ""),
            ("shape", self.shape),
            ("prefetch", "" if self.prefetch else "none"),
            ("access", "" if self.access else "none"),
        ]
        return urlencode([(name, value) for name, value in chosen if value])

    @property
    def wishes(self) -> Wishes:
        return Wishes(self.dialect, self.prefetch, self.access)


def bench_blueprint(ehr: EhrPages, client: CdsClient) -> Blueprint:
    """`/bench`: a composition is an address, so that a tester can send it to somebody."""
    pages = Blueprint("bench", __name__)
    pages.context_processor(ehr.everywhere)

    @pages.get("/bench")
    def bench() -> str:
        services, discovery = client.discover()
        composed = read_composition(ehr, services)
        exchange = _send(ehr, client, composed)
        return render_template(
            "bench.html",
            composed=composed,
            services=services,
            discovery=discovery,
            exchange=exchange,
            groups=_groups(ehr),
            prepared=prepared_calls(ehr.store.patients()),
            dialects=DIALECTS,
            orderables=ORDERABLES,
            shapes=ORDER_SHAPES,
            order_hooks=ORDER_HOOKS,
            drafts=ehr.services.drafts.orders(composed.patient.id),
        )

    return pages


def read_composition(ehr: EhrPages, services: tuple[CdsService, ...]) -> Composed:
    """What the address, or the form, says; a choice that does not exist becomes the first one."""
    arguments = request.values
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
        drugs=find_orderables(ticked) if ticked or other is None else (),
        other_drug=other,
        shape=shape if shape in ORDER_SHAPES else "concept",
        prefetch=arguments.get("prefetch") != "none",
        access=arguments.get("access") != "none",
        asked="patient" in arguments,
    )


def begin_hook(ehr: EhrPages, composed: Composed) -> tuple[LaunchContext, dict[str, Any]] | None:
    """The launch and the hook's context; None where the hook has no meaning for this patient.

    For an order hook the composed drafts become the patient's, so that a card can change or remove them.
    """
    if composed.service is None:
        return None
    launch = ehr.launch_context(composed.patient.id)
    hook = composed.dialect.fires(composed.service.hook)
    drafts = draft_entries(composed.orders, launch, composed.shape) if hook in ORDER_HOOKS else []
    if drafts:
        ehr.services.drafts.write(composed.patient.id, drafts)
    context = hook_context(hook, launch, drafts)
    return None if context is None else (launch, context)


def _other_drug(code: str, name: str) -> Orderable | None:
    code, name = code.strip()[:LONGEST_DRUG_NAME], name.strip()[:LONGEST_DRUG_NAME]
    return Orderable(code or "0", name or code, "as ordered") if code or name else None


def _send(ehr: EhrPages, client: CdsClient, composed: Composed) -> Exchange | None:
    """None when nothing was asked, or nothing can be."""
    begun = begin_hook(ehr, composed) if composed.asked else None
    if begun is None or composed.service is None:
        return None
    launch, context = begun
    return client.call(composed.service, launch, context, composed.wishes)


def _groups(ehr: EhrPages) -> list[tuple[str, list[PatientSummary]]]:
    rows = select_rows(ehr.store.patients(), sort="category")
    return [
        (CATEGORIES.get(name, name), list(group)) for name, group in groupby(rows, key=lambda row: row.category)
    ]
