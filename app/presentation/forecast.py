"""The panel "Next 48 hours": the probability as number and natural frequency, or why there is none."""

from dataclasses import dataclass

from app.presentation.reasons import Part, reason_texts
from app.presentation.wording import Wording, in_hundred
from model.assessment import Outcome, Prediction
from model.forecasts import Forecast, forecast_of
from model.sentences import Sentence

_CANNOT_KNOW = Sentence(
    "It does not see the bedside: volume state, urine not charted, contrast or surgery still planned."
)
_HOURS = 48


@dataclass(frozen=True, slots=True)
class ForecastPanel:
    """`dots` is None when no number is given; `reasons` then says why.

    `interval` is empty when the model has none; `cautions` say how this patient is unlike its training patients.
    """

    heading: str
    percent: str
    frequency: str
    outcome_words: str
    tone: str  # "low" | "moderate" | "high" | "unknown"; only colours what the words already say
    category_words: str
    threshold_words: str
    dots: int | None
    not_known: str
    reasons: tuple[str, ...] = ()
    interval: str = ""
    cautions: tuple[str, ...] = ()


def forecast_panel(outcome: Outcome, say: Wording) -> ForecastPanel:
    """The risk of a patient without AKI, the progression of one with it, or the reasons there is no number."""
    forecast = forecast_of(outcome)
    if forecast is None:
        return _without_number(outcome, say)
    prediction = forecast.prediction
    return ForecastPanel(
        heading=say.gettext("Next {hours} hours", hours=prediction.horizon_hours),
        percent=_told_apart(prediction, say)[0],
        frequency=_frequency(prediction.probability, say),
        outcome_words=say.ended(_outcome_words(forecast, say)),
        tone=_tone(forecast),
        category_words=say.sentence(forecast.category_words),
        threshold_words=say.ended(_threshold_words(prediction, say)),
        dots=in_hundred(prediction.probability),
        not_known=say.sentence(_CANNOT_KNOW),
        interval=_interval_words(prediction, say),
        cautions=tuple(say.sentence(caution.text) for caution in prediction.cautions),
    )


def _tone(forecast: Forecast) -> str:
    """The colour of "all is well" is not for a patient in AKI, however unlikely a higher stage is."""
    category = forecast.prediction.category
    return "unknown" if forecast.in_aki and category == "low" else category


def _frequency(probability: float, say: Wording) -> str:
    """The subject of the sentence that `_outcome_words` ends."""
    if probability < 0.01:
        return say.gettext("Fewer than 1 in 100 patients like this")
    if probability > 0.99:
        return say.gettext("More than 99 in 100 patients like this")
    return say.gettext("About {count} in 100 patients like this", count=in_hundred(probability))


def _outcome_words(forecast: Forecast, say: Wording) -> str:
    facts = {
        "outcome": say.sentence(forecast.outcome_words).replace(">=", "≥"),
        "hours": forecast.prediction.horizon_hours,
    }
    if forecast.in_aki:
        return say.gettext("reach {outcome} within {hours} hours", **facts)
    return say.gettext("develop {outcome} within {hours} hours", **facts)


def _interval_words(prediction: Prediction, say: Wording) -> str:
    if (found := prediction.interval) is None:
        return ""
    low, high = say.percent(found.low), say.percent(found.high)
    return say.ended(
        say.gettext("{level} interval: {low} to {high}", level=say.percent(found.level), low=low, high=high)
    )


def _told_apart(prediction: Prediction, say: Wording) -> tuple[str, str]:
    """Probability and threshold; "19%, below the threshold of 19%" would read as a contradiction."""
    pair = (prediction.probability, prediction.threshold)
    probability, threshold = (say.percent(one) for one in pair)
    if probability != threshold or prediction.probability == prediction.threshold:
        return probability, threshold
    return say.fine_percent(prediction.probability), say.fine_percent(prediction.threshold)


def _threshold_words(prediction: Prediction, say: Wording) -> str:
    _, threshold = _told_apart(prediction, say)
    if prediction.probability >= prediction.threshold:
        return say.gettext("At or above this site's threshold of {threshold}", threshold=threshold)
    return say.gettext("Below this site's threshold of {threshold}", threshold=threshold)


def _without_number(outcome: Outcome, say: Wording) -> ForecastPanel:
    texts = reason_texts(outcome, Part.RISK, say) or (say.gettext("No prediction was made."),)
    heading, no_number = say.gettext("Next {hours} hours", hours=_HOURS), say.gettext("No number")
    return ForecastPanel(heading, "", "", "", "unknown", no_number, "", None, say.sentence(_CANNOT_KNOW), texts)
