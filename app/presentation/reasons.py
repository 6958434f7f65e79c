"""Which of an outcome's reasons belongs to which panel."""

from enum import Enum

from app.presentation.wording import Wording
from model.assessment import Assessment, Outcome, Reason


class Part(Enum):
    """A part of the page that can be missing."""

    STAGE = "stage"
    RISK = "risk"


_RISK_CODES = frozenset(
    {
        "highest_stage",
        "not_in_aki",
        "no_progression_model",
        "child",
        "sex_unknown",
        "no_recent_creatinine",
        "creatinine_above_range",
        "model_unavailable",
        "recalibration_refused",
        "recalibration_expired",
    }
)
#: Said in the warnings above the panels, or beside the eGFR.
_ELSEWHERE = ("egfr_", "age_unknown")
INCOMPLETE = "_incomplete"


def reason_texts(outcome: Outcome, part: Part, say: Wording) -> tuple[str, ...]:
    """The reasons for one missing part; all of them when none can be told apart. Never an empty excuse."""
    belongs = _is_about_risk if part is Part.RISK else _is_about_stage
    chosen = [r for r in outcome.reasons if belongs(r)] or outcome.reasons
    return tuple(say.sentence(r.text) for r in chosen)


def stage_remarks(outcome: Outcome, say: Wording) -> tuple[str, ...]:
    """What must be read with a stage that was given: not recovered yet, a transplant, a pregnancy."""
    return tuple(say.sentence(r.text) for r in outcome.reasons if _is_about_stage(r))


def unanswered(outcome: Outcome, say: Wording) -> tuple[str, ...]:
    """Why parts of the page are missing. What is read with a stage that was given is no such reason."""
    staged = isinstance(outcome, Assessment) and outcome.kdigo is not None and outcome.kdigo.stage is not None
    missing = (r for r in outcome.reasons if not (staged and _is_about_stage(r)))
    return tuple(say.sentence(r.text) for r in missing if not r.code.endswith(INCOMPLETE))


def _is_about_risk(reason: Reason) -> bool:
    return reason.code in _RISK_CODES or reason.code.startswith("risk_")


def _is_about_stage(reason: Reason) -> bool:
    elsewhere = reason.code.startswith(_ELSEWHERE) or reason.code.endswith(INCOMPLETE)
    return not _is_about_risk(reason) and not elsewhere
