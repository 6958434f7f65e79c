"""What a card offers to do with one click. One action a suggestion, never pre-selected (VN-6, REG-15)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cds_hooks.decision import CardKind, Indicator, Show
from model.applicability import is_dialysed
from model.assessment import Assessment, Outcome
from patient_context.order_drafts import aki_condition, service_request

MOST = 3
# A repeat in 12 to 24 hours (aki.md 3.6): sooner where the card warns.
_DUE_AFTER = {Indicator.CRITICAL: timedelta(hours=12), Indicator.WARNING: timedelta(hours=12)}
_DUE_OTHERWISE = timedelta(hours=24)
_REASON = {
    CardKind.STAGE: "Acute kidney injury by KDIGO: course of creatinine",
    CardKind.NOT_RECOVERED: "Acute kidney injury that has not recovered: course of creatinine",
    CardKind.RISK: "Risk of acute kidney injury: course of creatinine",
    CardKind.NOT_ASSESSED: "No creatinine to assess acute kidney injury with",
}
_LABELS: Mapping[str, tuple[str, str]] = {
    "creatinine": ("Order a serum creatinine", "Draft an order for a serum creatinine"),
    "urinalysis": ("Order a urinalysis", "Draft an order for a urinalysis"),
    "urine-albumin": (
        "Order a urine albumin-to-creatinine ratio",
        "Draft an order for a urine albumin-to-creatinine ratio",
    ),
    "renal-ultrasound": ("Order a kidney ultrasound", "Draft an order for an ultrasound of the kidneys"),
    "nephrology": ("Refer to nephrology", "Draft a referral to nephrology"),
}


@dataclass(frozen=True, slots=True)
class SuggestionContext:
    """For whom, when, how a suggestion's uuid follows from its name, and the site's own order codes by service."""

    patient_id: str
    encounter_id: str | None
    now: datetime
    uuid: Callable[[str], str]
    order_codes: Mapping[str, str] = field(default_factory=dict)


def suggest_for_aki(show: Show, outcome: Outcome, context: SuggestionContext) -> Sequence[dict[str, Any]]:
    """What follows from the finding: creatinine always; from stage 1 urine, from 2 an ultrasound, at 3 nephrology.

    None where another value would not change what the card says, nor under renal replacement therapy, where all of
    it is being done.
    """
    if show.kind not in _REASON or is_dialysed(outcome):
        return ()
    wait = timedelta() if show.kind is CardKind.NOT_ASSESSED else _DUE_AFTER.get(show.indicator, _DUE_OTHERWISE)
    first = suggest_order("creatinine", context, due_after=wait, reason=_REASON[show.kind])
    stage = outcome.kdigo.stage or 0 if isinstance(outcome, Assessment) and outcome.kdigo else 0
    if show.kind is not CardKind.STAGE:
        return (first,)
    more = {1: ("urinalysis",), 2: ("urinalysis", "renal-ultrasound"), 3: ("renal-ultrasound", "nephrology")}
    reason = f"Acute kidney injury, KDIGO stage {stage}: cause"
    return (first, *(suggest_order(name, context, reason=reason) for name in more.get(stage, ())))


def suggest_order(
    service: str,
    context: SuggestionContext,
    *,
    reason: str,
    due_after: timedelta | None = None,
    label: str | None = None,
    name: str | None = None,
) -> dict[str, Any]:
    """A draft order of one service. `name` tells two of the same service apart."""
    resource = service_request(
        service,
        context.patient_id,
        authored_at=context.now,
        due_at=context.now + due_after if due_after is not None else None,
        encounter_id=context.encounter_id,
        reason=reason,
        site_code=context.order_codes.get(service),
    )
    shown, description = _LABELS[service]
    return _suggestion(
        label or shown,
        context.uuid(name or service),
        {"type": "create", "description": label or description, "resource": resource},
    )


def suggest_removal(drug: str, reference: str, context: SuggestionContext) -> dict[str, Any]:
    """Taking a draft order away again, by the reference the EHR gave it (CH-32)."""
    label = f"Remove the draft order for {drug}"
    action = {"type": "delete", "description": label, "resourceId": reference}
    return _suggestion(label, context.uuid("remove"), action)


def suggest_diagnosis(context: SuggestionContext) -> dict[str, Any]:
    """Acute kidney injury as an encounter diagnosis, for the clinician to confirm."""
    label = "Add acute kidney injury to the diagnoses"
    resource = aki_condition(context.patient_id, recorded_at=context.now, encounter_id=context.encounter_id)
    return _suggestion(
        label, context.uuid("diagnosis"), {"type": "create", "description": label, "resource": resource}
    )


def _suggestion(label: str, uuid: str, action: Mapping[str, Any]) -> dict[str, Any]:
    return {"label": label, "uuid": uuid, "isRecommended": False, "actions": [dict(action)]}
