"""What a card offers to do with one click. One action a suggestion, never pre-selected (VN-6, REG-15)."""

from datetime import datetime, timedelta
from typing import Any

from cds_hooks.decision import CardKind, Indicator, Show
from patient_context.writing import service_request_creatinine

# A repeat in 12 to 24 hours (aki.md 3.6): sooner where the card warns.
_DUE_AFTER = {Indicator.CRITICAL: timedelta(hours=12), Indicator.WARNING: timedelta(hours=12)}
_DUE_OTHERWISE = timedelta(hours=24)
_REASON = {
    CardKind.STAGE: "Acute kidney injury by KDIGO: course of creatinine",
    CardKind.NOT_RECOVERED: "Acute kidney injury that has not recovered: course of creatinine",
    CardKind.RISK: "Risk of acute kidney injury: course of creatinine",
    CardKind.NOT_ASSESSED: "No creatinine to assess acute kidney injury with",
}


def suggest_creatinine(
    show: Show, *, patient_id: str, encounter_id: str | None, now: datetime, uuid: str
) -> dict[str, Any] | None:
    """A draft order for creatinine, or None where another value would not change what the card says."""
    if show.kind not in _REASON:
        return None
    wait = timedelta() if show.kind is CardKind.NOT_ASSESSED else _DUE_AFTER.get(show.indicator, _DUE_OTHERWISE)
    resource = service_request_creatinine(
        patient_id, authored_at=now, due_at=now + wait, encounter_id=encounter_id, reason=_REASON[show.kind]
    )
    return {
        "label": "Order a serum creatinine",
        "uuid": uuid,
        "isRecommended": False,
        "actions": [
            {"type": "create", "description": "Draft an order for a serum creatinine", "resource": resource}
        ],
    }
