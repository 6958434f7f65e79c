"""The panel "Next 48 hours": the probability as number and natural frequency, or why there is none."""

from dataclasses import dataclass

from app.presentation.reasons import Part, reason_texts
from app.presentation.wording import in_hundred, natural_frequency, percent
from model.assessment import Assessment, Outcome, Prediction

CATEGORY_WORDS = {"low": "Low risk", "moderate": "Moderate risk", "high": "High risk"}
_CANNOT_KNOW = "It does not see the bedside: volume state, urine not charted, contrast or surgery still planned."


@dataclass(frozen=True, slots=True)
class ForecastPanel:
    """`dots` is None when no number is given; `reasons` then says why."""

    heading: str
    percent: str
    frequency: str
    outcome_words: str
    category: str
    category_words: str
    threshold_words: str
    dots: int | None
    reasons: tuple[str, ...] = ()
    not_known: str = _CANNOT_KNOW


def forecast_panel(outcome: Outcome) -> ForecastPanel:
    """The risk of a patient without AKI, the progression of one with it, or the reasons there is no number."""
    prediction = shown_prediction(outcome)
    if prediction is None:
        return _without_number(outcome)
    in_aki = isinstance(outcome, Assessment) and outcome.risk is None
    return ForecastPanel(
        heading=f"Next {prediction.horizon_hours} hours",
        percent=percent(prediction.probability),
        frequency=f"{natural_frequency(prediction.probability)} patients like this".capitalize(),
        outcome_words=_outcome_words(prediction, in_aki=in_aki),
        category=prediction.category,
        category_words=CATEGORY_WORDS.get(prediction.category, prediction.category.capitalize()),
        threshold_words=_threshold_words(prediction),
        dots=in_hundred(prediction.probability),
    )


def shown_prediction(outcome: Outcome) -> Prediction | None:
    """The prediction the page explains, if the outcome has one."""
    if not isinstance(outcome, Assessment):
        return None
    return outcome.risk or outcome.progression


def _outcome_words(prediction: Prediction, *, in_aki: bool) -> str:
    verb = "reach" if in_aki else "develop"
    words = prediction.outcome.replace(">=", "≥")
    return f"{verb} {words} within {prediction.horizon_hours} hours"


def _threshold_words(prediction: Prediction) -> str:
    side = "At or above" if prediction.probability >= prediction.threshold else "Below"
    return f"{side} this site's threshold of {percent(prediction.threshold)}"


def _without_number(outcome: Outcome) -> ForecastPanel:
    texts = reason_texts(outcome, Part.RISK) or ("No prediction was made.",)
    return ForecastPanel("Next 48 hours", "", "", "", "unknown", "No number", "", None, texts)
