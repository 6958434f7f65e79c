"""A prediction a site does not want shown: taken out of the outcome, with the reason in its place.

Staging stays. What is left says why there is no number, so it never reads as "no risk".
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from model.assessment import Assessment, ModelIdentity, Outcome, Prediction, Reason
from model.snapshot import PatientSnapshot

WITHHELD_BY_SITE: Final = "risk_withheld_by_site"


@dataclass(frozen=True, slots=True)
class SilencedModel:
    """Stands in for a model that must not be asked: `model.assess.RiskPredictor` that gives the reason only."""

    identity: ModelIdentity
    because: Reason

    def onset(self, snapshot: PatientSnapshot, *, now: datetime) -> Prediction | Reason:  # noqa: ARG002
        """Why there is no risk."""
        return self.because

    def progression(
        self,
        snapshot: PatientSnapshot,  # noqa: ARG002
        *,
        now: datetime,  # noqa: ARG002
        current_stage: int,  # noqa: ARG002
    ) -> Prediction | Reason:
        """Why there is no progression."""
        return self.because


def withhold(outcome: Outcome, because: Reason) -> Outcome:
    """The outcome without its prediction, saying why; also where there would have been none for other reasons."""
    reasons = outcome.reasons if because in outcome.reasons else (*outcome.reasons, because)
    if isinstance(outcome, Assessment):
        return replace(outcome, risk=None, progression=None, reasons=reasons)
    return replace(outcome, reasons=reasons)
