"""What the page of a patient said when it was last seen: kept in a form that any language can say again."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from model.assessment import Assessment, NotApplicable, Outcome
from model.forecasts import forecast_of
from model.stage_doubts import doubt_of_no_aki

Finding = Literal["staged", "cannot-stage", "not-applicable"]


@dataclass(frozen=True, slots=True)
class LastLook:
    """Stage and risk as shown at `seen_at`; they are not renewed by themselves.

    `doubt` is the code of the reason for which a stage 0 is no "No AKI". `probability` is None where no number was
    given; `forecast` is then empty, else what the number is of.
    """

    seen_at: datetime
    finding: Finding
    stage: int | None = None
    doubt: str | None = None
    probability: float | None = None
    forecast: str = ""


def last_look(outcome: Outcome, seen_at: datetime) -> LastLook:
    """The look at an outcome as it was shown."""
    finding, stage, doubt = _finding(outcome)
    forecast = forecast_of(outcome)
    if forecast is None:
        return LastLook(seen_at, finding, stage, doubt)
    return LastLook(
        seen_at,
        finding,
        stage,
        doubt,
        probability=forecast.prediction.probability,
        forecast=str(forecast.category_words),
    )


def _finding(outcome: Outcome) -> tuple[Finding, int | None, str | None]:
    if isinstance(outcome, NotApplicable):
        return "not-applicable", None, None
    if not isinstance(outcome, Assessment) or outcome.kdigo is None or outcome.kdigo.stage is None:
        return "cannot-stage", None, None
    return "staged", outcome.kdigo.stage, doubt_of_no_aki(outcome)
