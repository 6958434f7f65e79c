"""The CDS services offered, and what the application must supply for them.

A later service adds an entry here, a module that answers it, and its line in `routes._ANSWERS`; the rest stays.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import requests

from cds_hooks.chart import ReadChart
from cds_hooks.clients import CdsClientRegistry
from cds_hooks.decision import DEFAULT_CARD_POLICY, CardPolicy
from cds_hooks.feedback import FeedbackEvent, FeedbackReceipt
from cds_hooks.record import CardHistory, CdsEvent, no_history
from cds_hooks.replay import UsedTokens
from model.assessment import Outcome
from model.snapshot import PatientSnapshot
from patient_context.queries import PrefetchVariant
from patient_context.reader import read
from patient_context.reading import DEFAULT_READING, SiteReading

LIVE, SHADOW, OFF = "live", "shadow", "off"  # of a site's cards

AssessPatient = Callable[[PatientSnapshot, datetime, str], Outcome]  # snapshot, now, ehr_id


@dataclass(frozen=True, slots=True)
class Service:
    """One CDS service as discovery describes it."""

    id: str
    hook: str
    title: str
    description: str
    usage_requirements: str


PATIENT_VIEW = Service(
    id="aki-patient-view",
    hook="patient-view",
    title="Acute kidney injury on opening the chart",
    description=(
        "Shows one card when the patient meets KDIGO criteria for acute kidney injury, or when the estimated "
        "48-hour risk reaches the site's threshold; otherwise stays silent. Where every open encounter is outside "
        "hospital (AMB, HH, VR) a risk alone raises no card."
    ),
    usage_requirements=(
        "For adults in hospital. Needs serum creatinine with LOINC codes and UCUM units, and the patient's birth "
        "date and sex; encounters, problems, procedures, vital signs and drugs make the answer better. Research "
        "software: information for review, not a substitute for clinical judgement."
    ),
)
_ORDER_NEEDS = (
    "Drugs coded with RxNorm, ATC or SNOMED CT (a product's code with its name will do); serum creatinine with "
    "LOINC codes and UCUM units, birth date and sex; weight, potassium, blood pressure and the drugs already on "
    "the chart make the answer better. Drugs known by free text alone raise no card about the drug. Research "
    "software: information for review, not a substitute for clinical judgement."
)
ORDER_SELECT = Service(
    id="aki-order-select",
    hook="order-select",
    title="Kidney check while an order is being chosen",
    description=(
        "Shows what is known of the kidneys when a nephrotoxic or renally dosed drug, or an examination with "
        "iodinated contrast, is selected and it matters; otherwise stays silent."
    ),
    usage_requirements=_ORDER_NEEDS,
)
ORDER_SIGN = Service(
    id="aki-order-sign",
    hook="order-sign",
    title="Kidney check before orders are signed",
    description=(
        "Looks at every draft order for drugs that harm the kidney or are dosed by it and for examinations with "
        "iodinated contrast, together with the drugs on the chart; in acute kidney injury it also names orders it "
        "could not recognise. Otherwise silent."
    ),
    usage_requirements=_ORDER_NEEDS,
)
ENCOUNTER_DISCHARGE = Service(
    id="aki-encounter-discharge",
    hook="encounter-discharge",
    title="Acute kidney injury before discharge",
    description=(
        "Shows one card when an acute kidney injury of this stay has not recovered or reached stage 2: follow-up "
        "creatinine, drugs to restart or leave out, the diagnosis, the check at three months."
    ),
    usage_requirements=PATIENT_VIEW.usage_requirements,
)
SERVICES: Mapping[str, Service] = {
    service.id: service for service in (PATIENT_VIEW, ORDER_SELECT, ORDER_SIGN, ENCOUNTER_DISCHARGE)
}


def _now() -> datetime:
    return datetime.now(UTC)


def _default_reading(ehr_id: str) -> SiteReading:  # noqa: ARG001 - the signature a site-aware function has
    return DEFAULT_READING


def _cards_live(ehr_id: str) -> str:  # noqa: ARG001 - the signature a site-aware function has
    return LIVE


def _default_card_policy(ehr_id: str) -> CardPolicy:  # noqa: ARG001 - the signature a site-aware function has
    return DEFAULT_CARD_POLICY


@dataclass(frozen=True, slots=True)
class CdsDependencies:
    """What `cds_blueprint` needs from the application. Callables named `..._for` take the EHR's id.

    `cards_mode`: whether a site's cards are live, in shadow (decided and recorded, not sent) or off (not decided).
    `record` is called once for every authenticated call, before the answer leaves, and uses up its token in the
    same transaction (CallerRefused: another call with it was faster); if it fails, the call fails with 500: nobody
    is shown a chart's finding that the audit trail does not know of. `history` reads that record for the silence
    windows; `store_feedback` keeps what became of the cards, and uses up its token likewise.
    """

    clients: CdsClientRegistry
    assess: AssessPatient
    session_for: Callable[[str], requests.Session]
    used_tokens: UsedTokens
    public_url: str  # as the EHRs call it, without a trailing slash
    record: Callable[[CdsEvent], None]
    store_feedback: Callable[[FeedbackEvent], FeedbackReceipt]
    clock: Callable[[], datetime] = _now
    reading_for: Callable[[str], SiteReading] = _default_reading
    cards_mode: Callable[[str], str] = _cards_live
    read: ReadChart = read
    card_policy_for: Callable[[str], CardPolicy] = _default_card_policy
    history: CardHistory = no_history
    prefetch_variant: PrefetchVariant = (
        "coded"  # or "category", for sites whose creatinine carries no LOINC (CH-10)
    )
    budget_seconds: float = 2.0
    max_body_bytes: int = 10 * 1024 * 1024
