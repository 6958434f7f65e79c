"""Cards: a pure function of outcome, decision and a little context, in CDS Hooks 2.0 form (CH-25 to CH-39).

Nothing here is null or empty: what does not apply is left out (CH-5).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from cds_hooks import wording
from cds_hooks.card_detail import DetailFacts, days_or_hours_ago, detail, stage_words
from cds_hooks.decision import CardKind, Indicator, Show
from cds_hooks.suggestions import SuggestionContext, suggest_for_aki
from model.assessment import AkiEpisode, Assessment, KdigoStaging, Outcome, Prediction, Reason
from model.reported import mg_dl_digits
from model.snapshot import Measurement
from model.stage_doubts import HIGH_FROM_THE_FIRST

SOURCE_LABEL = "AKI Sentinel, research software"
TOPIC_SYSTEM = "urn:aki-sentinel:card-topic"
OVERRIDE_SYSTEM = "urn:aki-sentinel:override-reason"

# Static, alphanumeric, at most 100 characters: an EHR remembers an override by it (VN-5).
_TOPIC = {
    CardKind.STAGE: ("AKIStage", "AKI stage now"),
    CardKind.NOT_RECOVERED: ("AKINotRecovered", "AKI that has not recovered"),
    CardKind.RISK: ("AKIRisk48h", "Risk of AKI in 48 hours"),
    CardKind.NO_RISK_ESTIMATE: ("AKIRiskUnknown", "Risk of AKI could not be estimated"),
    CardKind.NOT_ASSESSED: ("AKINotAssessed", "AKI could not be assessed"),
    CardKind.NSAID: ("KidneyNSAID", "NSAID and the kidney"),
    CardKind.AMINOGLYCOSIDE: ("KidneyAminoglycoside", "Aminoglycoside and the kidney"),
    CardKind.NEPHROTOXIN: ("KidneyNephrotoxin", "Nephrotoxic drug"),
    CardKind.NEPHROTOXIN_LOAD: ("KidneyNephrotoxinLoad", "Several nephrotoxic drugs at once"),
    CardKind.VANCOMYCIN: ("KidneyVancomycin", "Vancomycin and the kidney"),
    CardKind.CONTRAST: ("KidneyContrast", "Iodinated contrast and the kidney"),
    CardKind.RAAS: ("KidneyRAAS", "RAAS inhibitor with high potassium or low pressure"),
    CardKind.METFORMIN: ("KidneyMetformin", "Metformin and the kidney"),
    CardKind.SGLT2: ("KidneySGLT2", "SGLT2 inhibitor in acute illness"),
    CardKind.ANTICOAGULANT: ("KidneyAnticoagulant", "Anticoagulant dose and the kidney"),
    CardKind.RENAL_DOSE: ("KidneyDose", "Drug dosed by kidney function"),
    CardKind.TRIMETHOPRIM: ("KidneyTrimethoprim", "Trimethoprim, potassium and creatinine"),
    CardKind.UNRECOGNISED_ORDER: ("KidneyOrderUnrecognised", "Drug order not recognised"),
    CardKind.DISCHARGE: ("AKIDischarge", "After AKI: before discharge"),
}
_NO_STAGING = frozenset({"no_creatinine", "creatinine_too_old", "creatinine_only_bounded"})
_NO_RISK_PREFIX = "No risk is given: "  # how the assessment's reasons begin; the summary has said so already
_OVERRIDE_REASONS = {
    "already-addressed": "Already addressed",
    "not-aki": "Not AKI",
    "comfort-care": "Comfort care: not in the patient's interest",
    "dialysis": "On dialysis",
}
ORDER_OVERRIDE_REASONS = {
    "benefit-exceeds-risk": "Benefit exceeds the risk",
    "dose-adjusted": "Dose already follows kidney function or drug level",
    **_OVERRIDE_REASONS,
}


@dataclass(frozen=True, slots=True)
class CardContext:
    """What a card needs beside the outcome. `call_id` names this hook call, uniquely between EHRs."""

    call_id: str
    public_url: str
    patient_id: str
    encounter_id: str | None
    now: datetime
    facts: DetailFacts
    order_codes: Mapping[str, str] = field(default_factory=dict)

    def request_for(self, part: str) -> SuggestionContext:
        """What a suggestion of one card of this call needs; its uuids follow from the call and the card."""
        return SuggestionContext(
            self.patient_id,
            self.encounter_id,
            self.now,
            lambda name: _uuid(self, f"{part}/{name}"),
            self.order_codes,
        )


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
    return assemble(
        show,
        context,
        part=show.kind.value,
        summary=_summary(show.kind, outcome, context),
        detail=detail(outcome, context.facts),
        suggestions=suggest_for_aki(show, outcome, context.request_for(show.kind.value)),
    )


def assemble(
    show: Show,
    context: CardContext,
    *,
    part: str,
    summary: str,
    detail: str,
    suggestions: Sequence[Mapping[str, Any]],
    override_reasons: Mapping[str, str] = _OVERRIDE_REASONS,
) -> Card:
    """A card of any kind in CDS Hooks 2.0 form. `part` names it within the call: its uuid follows from both."""
    card_id = _uuid(context, part)
    body: dict[str, Any] = {
        "uuid": card_id,
        "summary": wording.fit(summary),
        "detail": detail,
        "indicator": show.indicator.value,
        "source": _source(show.kind, context),
        "overrideReasons": [
            {"code": code, "system": OVERRIDE_SYSTEM, "display": display}
            for code, display in override_reasons.items()
        ],
        "links": _links(context, card_id),
    }
    if suggestions:
        body["suggestions"] = list(suggestions)
        body["selectionBehavior"] = "any"  # the only one Epic knows (VN-5)
    return Card(show.kind, show.indicator, card_id, body)


def _uuid(context: CardContext, part: str) -> str:
    return str(uuid5(NAMESPACE_URL, f"{context.call_id}#{part}"))


def _summary(kind: CardKind, outcome: Outcome, context: CardContext) -> str:
    match kind, outcome:
        case CardKind.STAGE, Assessment(kdigo=KdigoStaging() as kdigo):
            return _stage_summary(kdigo, context)
        case CardKind.NOT_RECOVERED, Assessment(kdigo=KdigoStaging(episode=AkiEpisode() as episode)):
            return _not_recovered_summary(episode, context)
        case CardKind.RISK, Assessment(risk=Prediction() as risk):
            return _risk_summary(risk)
        case CardKind.NO_RISK_ESTIMATE, Assessment():
            return f"{_staged(outcome)}; 48-hour AKI risk not estimated{_because(outcome.reasons[-1:])}"
    staging_reasons = [reason for reason in outcome.reasons if reason.code in _NO_STAGING]
    return f"AKI not assessed{_because(staging_reasons or outcome.reasons)}"


def _stage_summary(kdigo: KdigoStaging, context: CardContext) -> str:
    latest = context.facts.latest_creatinine
    parts = [stage_words(kdigo)]
    if latest is not None:
        parts.append(f"creatinine {plain_creatinine(latest)} {days_or_hours_ago(latest.at, context.now)}")
    if kdigo.baseline is not None:
        parts.append(f"baseline {mg_dl_digits(kdigo.baseline.creatinine_mg_dl)} mg/dL")
    return f"For review: {'; '.join(parts)}"


def plain_creatinine(latest: Measurement) -> str:
    """A creatinine in both units, for a field that is plain text."""
    sign = f"{latest.comparator.value} " if latest.comparator else ""
    return f"{sign}{wording.creatinine(latest.value)}"


def _not_recovered_summary(episode: AkiEpisode, context: CardContext) -> str:
    onset = wording.day(episode.onset_at, context.facts.zone)
    return (
        f"For review: AKI of {onset} (peak stage {episode.peak_stage}) has not recovered; "
        f"creatinine still {episode.latest_ratio:.2f} × its value before"
    )


def _risk_summary(risk: Prediction) -> str:
    frequency = wording.natural_frequency(risk.probability)
    return (
        f"For review: AKI risk in the next {risk.horizon_hours} hours {wording.percent(risk.probability)}, "
        f"{frequency} patients like this"
    )


def _staged(outcome: Assessment) -> str:
    if any(reason.code == HIGH_FROM_THE_FIRST for reason in outcome.reasons):
        return "AKI cannot be excluded"
    stage = outcome.kdigo.stage if outcome.kdigo else None
    return "No AKI by KDIGO so far" if stage == 0 else "AKI stage cannot be said"


def _because(reasons: Sequence[Reason]) -> str:
    """The first reason as the end of a sentence."""
    if not reasons:
        return ""
    text = wording.plain_text(reasons[0].text).removeprefix(_NO_RISK_PREFIX)
    text = text.partition(". ")[0].removesuffix(".")
    return f": {text}" if text else ""


def _source(kind: CardKind, context: CardContext) -> dict[str, Any]:
    code, display = _TOPIC[kind]
    return {
        "label": SOURCE_LABEL,
        "url": f"{context.public_url}/",
        "topic": {"system": TOPIC_SYSTEM, "code": code, "display": display},
    }


def _links(context: CardContext, card_id: str) -> list[dict[str, str]]:
    """The bare registered launch address, without iss or launch: the EHR adds them (CH-35).

    `appContext` says which card was clicked, and nothing else.
    """
    app = {"label": "Open AKI Sentinel", "url": f"{context.public_url}/launch", "type": "smart"}
    return [
        {**app, "appContext": card_id},
        {"label": "About this score", "url": f"{context.public_url}/model", "type": "absolute"},
    ]
