"""What the page of a patient said when it was last seen: kept in a form that any language can say again."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from model.assessment import Assessment, NotApplicable, Outcome
from model.forecasts import forecast_of
from model.stage_doubts import HIGH_FROM_THE_FIRST

Finding = Literal["staged", "not-recovered", "not-excluded", "cannot-stage", "not-applicable"]


@dataclass(frozen=True, slots=True)
class LastLook:
    """Stage and risk as shown at `seen_at`; they are not renewed by themselves.

    `probability` is None where no number was given; `forecast` is then empty, else what the number is of.
    """

    seen_at: datetime
    finding: Finding
    stage: int | None = None
    probability: float | None = None
    forecast: str = ""
    category: str = ""
    in_aki: bool = False


def last_look(outcome: Outcome, seen_at: datetime) -> LastLook:
    """The look at an outcome as it was shown."""
    finding, stage = _finding(outcome)
    forecast = forecast_of(outcome)
    if forecast is None:
        return LastLook(seen_at, finding, stage)
    return LastLook(
        seen_at,
        finding,
        stage,
        probability=forecast.prediction.probability,
        forecast=str(forecast.category_words),
        category=forecast.prediction.category,
        in_aki=forecast.in_aki,
    )


def _finding(outcome: Outcome) -> tuple[Finding, int | None]:
    if isinstance(outcome, NotApplicable):
        return "not-applicable", None
    if not isinstance(outcome, Assessment) or outcome.kdigo is None or outcome.kdigo.stage is None:
        return "cannot-stage", None
    stage = outcome.kdigo.stage
    codes = {reason.code for reason in outcome.reasons}
    if stage == 0 and "aki_not_recovered" in codes:
        return "not-recovered", stage
    if stage == 0 and HIGH_FROM_THE_FIRST in codes:
        return "not-excluded", stage
    return "staged", stage
