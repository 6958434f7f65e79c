"""When `aki-patient-view` speaks and when it stays silent: one pure table, in tests/spec/cds/patient_view.txt.

Silence is allowed only when it is known that nothing is needed. What could not be read is never silence.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field

from cds_hooks.care_setting import Setting
from model.applicability import is_dialysed
from model.assessment import (
    Assessment,
    EpisodeState,
    InsufficientData,
    NotApplicable,
    Outcome,
    Prediction,
)
from model.snapshot import PatientSnapshot
from model.withholding import WITHHELD_BY_SITE

# Reasons the assessment gives that decide whether to speak.
COMFORT_CARE = "comfort_care"
CHILD = frozenset({"child", "risk_adults_only"})


class CardKind(StrEnum):
    """What a card is about. Static per kind: it is how an EHR remembers an override (VN-5)."""

    STAGE = "stage"
    NOT_RECOVERED = "not-recovered"
    RISK = "risk"
    NO_RISK_ESTIMATE = "no-risk-estimate"
    NOT_ASSESSED = "not-assessed"

    # Orders: the families of model/knowledge/cautions.toml.
    NSAID = "nsaid"
    AMINOGLYCOSIDE = "aminoglycoside"
    NEPHROTOXIN = "nephrotoxin"
    NEPHROTOXIN_LOAD = "nephrotoxin-load"
    VANCOMYCIN = "vancomycin"
    CONTRAST = "contrast"
    RAAS = "raas"
    METFORMIN = "metformin"
    SGLT2 = "sglt2"
    ANTICOAGULANT = "anticoagulant"
    RENAL_DOSE = "renal-dose"
    TRIMETHOPRIM = "trimethoprim"
    UNRECOGNISED_ORDER = "unrecognised-order"

    DISCHARGE = "discharge"


#: Topics that say how the patient is; the others are about an order or a discharge.
ABOUT_THE_PATIENT = frozenset(
    {
        CardKind.STAGE,
        CardKind.NOT_RECOVERED,
        CardKind.RISK,
        CardKind.NO_RISK_ESTIMATE,
        CardKind.NOT_ASSESSED,
    }
)


class Indicator(StrEnum):
    """CDS Hooks urgency (CH-27)."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


Mode = Literal["live", "shadow", "off"]
Hours = Annotated[float, Field(gt=0, le=8760)]
Probability = Annotated[float, Field(gt=0, lt=1)]


@dataclass(frozen=True, slots=True)
class CardPolicy:
    """What a site may change about speaking: the table `[ehr.cds.cards]` of `ehrs.toml` (docs/operations.md).

    `critical` interrupts in some EHRs: off by default (REG-14). `unrecognised_orders`: in AKI, say at signing
    which drug orders could not be recognised. `risk_warning_from`: the probability from which a risk is a warning,
    by default the model's threshold; from `risk_info_from` on it is information, by default never. What begins
    with `silen` asks for silence (`cds_hooks.silence`) and is off by default: a card that waits beside the chart
    and is gone the second time helps nobody; one that interrupts is another matter. `silence_after_override_hours`
    is for what is said of the patient: the override of an order's card speaks of that order only.
    """

    __pydantic_config__: ClassVar[ConfigDict] = {"extra": "forbid"}

    mode: Mode = "live"
    critical_for_stage_3: bool = False
    critical_at_signing: bool = False
    unrecognised_orders: bool = True
    risk_warning_from: Probability | None = None
    risk_info_from: Probability | None = None
    silence_hours: Mapping[CardKind, Hours] = field(default_factory=dict)
    silence_after_override_hours: Mapping[CardKind, Hours] = field(default_factory=dict)
    silence_for: Literal["user", "site"] = "user"
    silent_on_dialysis: bool = False
    silent_when_falling: bool = False
    silent_when_acknowledged: bool = False
    silent_after_creatinine_hours: Hours | None = None

    def __post_init__(self) -> None:
        warn, inform = self.risk_warning_from, self.risk_info_from
        if warn is not None and inform is not None and inform >= warn:
            raise ValueError("risk_info_from must be below risk_warning_from")
        if self.silence_after_override_hours.keys() - ABOUT_THE_PATIENT:
            named = ", ".join(sorted(ABOUT_THE_PATIENT))
            raise ValueError(f"silence_after_override_hours is for these topics only: {named}")


DEFAULT_CARD_POLICY = CardPolicy()


@dataclass(frozen=True, slots=True)
class Show:
    """Show one card."""

    kind: CardKind
    indicator: Indicator


@dataclass(frozen=True, slots=True)
class Silent:
    """Show nothing, because `reason` (a stable code, recorded).

    `rests_on_the_chart`: the silence would be a guess if creatinine or the patient had not been read whole.
    """

    reason: str
    rests_on_the_chart: bool = True


Decision = Show | Silent


def decide(
    outcome: Outcome, snapshot: PatientSnapshot, setting: Setting, policy: CardPolicy = DEFAULT_CARD_POLICY
) -> Decision:
    """Card or silence on opening the chart."""
    if (silence := never_spoken_about(outcome, snapshot)) is not None:
        return silence
    match outcome:
        case NotApplicable():
            return question_does_not_apply(outcome)
        case InsufficientData():
            return _unless_outpatient(Show(CardKind.NOT_ASSESSED, Indicator.INFO), setting, "nothing-to-assess")
        case Assessment():
            return _decide_assessed(outcome, setting, policy)


def never_spoken_about(outcome: Outcome, snapshot: PatientSnapshot) -> Silent | None:
    """The silence every service keeps: about the dead, and where comfort is the aim."""
    if snapshot.deceased:
        return Silent("deceased", rests_on_the_chart=False)
    if any(reason.code == COMFORT_CARE for reason in outcome.reasons):
        return Silent("comfort-care", rests_on_the_chart=False)
    return None


def question_does_not_apply(outcome: NotApplicable) -> Silent:
    """Silence about a patient who is not staged; dialysis is named, for it is the usual reason."""
    return Silent("dialysis" if is_dialysed(outcome) else "not-applicable", rests_on_the_chart=False)


def _decide_assessed(found: Assessment, setting: Setting, policy: CardPolicy) -> Decision:
    stage = found.kdigo.stage if found.kdigo else None
    if stage:
        return Show(CardKind.STAGE, _stage_indicator(found, stage, policy))
    if _has_not_recovered(found):
        return Show(CardKind.NOT_RECOVERED, Indicator.INFO)
    if found.risk is not None:
        return _decide_risk(found.risk, policy)
    if stage == 0 and any(reason.code in CHILD for reason in found.reasons):
        return Silent("no-aki-child")
    if any(reason.code == WITHHELD_BY_SITE for reason in found.reasons):
        return Silent("prediction-withheld-by-site")
    return _unless_outpatient(Show(CardKind.NO_RISK_ESTIMATE, Indicator.INFO), setting, "no-aki-outpatient")


def _decide_risk(risk: Prediction, policy: CardPolicy) -> Decision:
    warn = policy.risk_warning_from if policy.risk_warning_from is not None else risk.threshold
    if risk.probability >= warn:
        return Show(CardKind.RISK, Indicator.WARNING)
    if policy.risk_info_from is not None and risk.probability >= policy.risk_info_from:
        return Show(CardKind.RISK, Indicator.INFO)
    return Silent("risk-below-threshold")


def _has_not_recovered(found: Assessment) -> bool:
    episode = found.kdigo.episode if found.kdigo else None
    return episode is not None and episode.state is EpisodeState.PERSISTING


def _stage_indicator(found: Assessment, stage: int, policy: CardPolicy) -> Indicator:
    if is_dialysed(found):
        return Indicator.INFO  # whoever dialyses the patient knows
    if stage == 3 and policy.critical_for_stage_3:
        return Indicator.CRITICAL
    calm = found.kdigo is not None and found.kdigo.course in {"stable", "falling"}  # unknown is not calm
    worsening = found.progression is not None and is_high(found.progression)
    return Indicator.WARNING if stage >= 2 or not calm or worsening else Indicator.INFO


def _unless_outpatient(show: Show, setting: Setting, reason: str) -> Decision:
    return Silent(reason) if setting is Setting.OUTPATIENT else show


def is_high(prediction: Prediction) -> bool:
    """Whether a probability reaches the threshold the site set for it."""
    return prediction.probability >= prediction.threshold
