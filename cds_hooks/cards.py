"""Cards: a pure function of outcome, decision and a little context, in CDS Hooks 2.0 form (CH-25 to CH-39).

Nothing here is null or empty: what does not apply is left out (CH-5).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from cds_hooks import wording
from cds_hooks.card_detail import DetailFacts, days_or_hours_ago, detail, stage_words
from cds_hooks.decision import CardKind, Indicator, Show
from model.assessment import Assessment, Outcome
from model.snapshot import Measurement

SOURCE_LABEL = "AKI Sentinel, research software"
TOPIC_SYSTEM = "urn:aki-sentinel:card-topic"
OVERRIDE_SYSTEM = "urn:aki-sentinel:override-reason"

# Static, alphanumeric, at most 100 characters: an EHR remembers an override by it (VN-5).
_TOPIC = {
    CardKind.STAGE: ("AKIStage", "AKI stage now"),
    CardKind.RISK: ("AKIRisk48h", "Risk of AKI in 48 hours"),
    CardKind.NO_RISK_ESTIMATE: ("AKIRiskUnknown", "Risk of AKI could not be estimated"),
    CardKind.NOT_ASSESSED: ("AKINotAssessed", "AKI could not be assessed"),
}
_OVERRIDE_REASONS = {
    "already-addressed": "Already addressed",
    "not-aki": "Not AKI",
    "comfort-care": "Comfort care: not in the patient's interest",
    "dialysis": "On dialysis",
}


@dataclass(frozen=True, slots=True)
class CardContext:
    """What a card needs beside the outcome. `call_id` names this hook call, uniquely between EHRs."""

    call_id: str
    public_url: str
    now: datetime
    facts: DetailFacts
    repeat_creatinine: Mapping[str, Any] | None = None  # a draft ServiceRequest, or none to offer


@dataclass(frozen=True, slots=True)
class Card:
    """One card: its JSON and what the record of the call keeps of it."""

    kind: CardKind
    indicator: Indicator
    uuid: str
    body: Mapping[str, Any]


def build_card(show: Show, outcome: Outcome, context: CardContext) -> Card:
    """The card for an outcome that `decide` chose to show.

    The uuid follows from the call and the kind, so a retried call gives the same card the same name.
    """
    card_id = _uuid(context, show.kind)
    body: dict[str, Any] = {
        "uuid": card_id,
        "summary": wording.fit(_summary(show.kind, outcome, context)),
        "detail": detail(outcome, context.facts),
        "indicator": show.indicator.value,
        "source": _source(show.kind, context),
        "overrideReasons": [
            {"code": code, "system": OVERRIDE_SYSTEM, "display": display}
            for code, display in _OVERRIDE_REASONS.items()
        ],
        "links": _links(context),
    }
    if context.repeat_creatinine is not None:
        body["suggestions"] = [_suggest_creatinine(context.repeat_creatinine, context)]
        body["selectionBehavior"] = "any"  # the only one Epic knows (VN-5)
    return Card(show.kind, show.indicator, card_id, body)


def _uuid(context: CardContext, part: str) -> str:
    return str(uuid5(NAMESPACE_URL, f"{context.call_id}#{part}"))


def _summary(kind: CardKind, outcome: Outcome, context: CardContext) -> str:
    if isinstance(outcome, Assessment) and kind is CardKind.STAGE:
        return _stage_summary(outcome, context)
    if isinstance(outcome, Assessment) and kind is CardKind.RISK:
        return _risk_summary(outcome)
    if kind is CardKind.NO_RISK_ESTIMATE:
        return f"{_staged(outcome)}; 48-hour AKI risk not estimated{_first_reason(outcome)}"
    return f"AKI not assessed{_first_reason(outcome)}"


def _stage_summary(found: Assessment, context: CardContext) -> str:
    if found.kdigo is None:
        return "AKI: for review"
    latest = context.facts.latest_creatinine
    parts = [stage_words(found.kdigo)]
    if latest is not None:
        parts.append(f"creatinine {_plain_creatinine(latest)} {days_or_hours_ago(latest.at, context.now)}")
    if found.kdigo.baseline is not None:
        parts.append(f"baseline {wording.number(found.kdigo.baseline.creatinine_mg_dl)} mg/dL")
    return f"For review: {'; '.join(parts)}"


def _plain_creatinine(latest: Measurement) -> str:
    sign = f"{latest.comparator.value} " if latest.comparator else ""
    umol_per_l = latest.value * wording.UMOL_PER_L_IN_MG_PER_DL
    return f"{sign}{wording.number(latest.value)} mg/dL ({umol_per_l:.0f} µmol/L)"


def _risk_summary(found: Assessment) -> str:
    risk = found.risk
    if risk is None:
        return "AKI risk: for review"
    frequency = wording.natural_frequency(risk.probability)
    return (
        f"For review: AKI risk in the next {risk.horizon_hours} hours {wording.percent(risk.probability)}, "
        f"{frequency} patients like this"
    )


def _staged(outcome: Outcome) -> str:
    stage = outcome.kdigo.stage if isinstance(outcome, Assessment) and outcome.kdigo else None
    return "No AKI by KDIGO so far" if stage == 0 else "AKI stage cannot be said"


def _first_reason(outcome: Outcome) -> str:
    return f": {wording.plain_text(outcome.reasons[0].text)}" if outcome.reasons else ""


def _source(kind: CardKind, context: CardContext) -> dict[str, Any]:
    code, display = _TOPIC[kind]
    return {
        "label": SOURCE_LABEL,
        "url": f"{context.public_url}/",
        "topic": {"system": TOPIC_SYSTEM, "code": code, "display": display},
    }


def _links(context: CardContext) -> list[dict[str, str]]:
    """The bare registered launch address, without iss or launch: the EHR adds them (CH-35)."""
    return [
        {"label": "Open AKI Sentinel", "url": f"{context.public_url}/launch", "type": "smart"},
        {"label": "About this score", "url": f"{context.public_url}/model", "type": "absolute"},
    ]


def _suggest_creatinine(resource: Mapping[str, Any], context: CardContext) -> dict[str, Any]:
    """One action, not pre-selected: Epic honours one (VN-6) and pre-selects what is recommended (REG-15)."""
    return {
        "label": "Repeat serum creatinine",
        "uuid": _uuid(context, "repeat-creatinine"),
        "isRecommended": False,
        "actions": [
            {"type": "create", "description": "Order a repeat serum creatinine", "resource": dict(resource)},
        ],
    }
