"""Which of an outcome's reasons belongs to which panel."""

from enum import Enum

from model.assessment import Outcome


class Part(Enum):
    """A part of the page that can be missing."""

    STAGE = "stage"
    RISK = "risk"


_STAGE_PREFIXES = ("baseline", "stage", "staging", "kdigo", "creatinine", "no_baseline", "nothing", "single")
_RISK_PREFIXES = ("risk", "model", "progression", "prediction", "feature")


def reason_texts(outcome: Outcome, part: Part) -> tuple[str, ...]:
    """The reasons for one missing part; all of them when none can be told apart. Never an empty excuse."""
    own = _STAGE_PREFIXES if part is Part.STAGE else _RISK_PREFIXES
    matching = tuple(r.text for r in outcome.reasons if r.code.startswith(own))
    return matching or tuple(r.text for r in outcome.reasons)
