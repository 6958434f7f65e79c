"""The one prediction an outcome gives, and what it is a prediction of.

"Low risk" alone, beside an AKI, would read as if the AKI were of little weight: it is the risk of a higher stage.
"""

from dataclasses import dataclass
from typing import Final

from model.assessment import Assessment, Outcome, Prediction
from model.sentences import Sentence

_OF_ONSET: Final = {
    "low": Sentence("Low risk of new AKI"),
    "moderate": Sentence("Moderate risk of new AKI"),
    "high": Sentence("High risk of new AKI"),
}
_OF_PROGRESSION: Final = {
    "low": Sentence("Low risk of a higher AKI stage"),
    "moderate": Sentence("Moderate risk of a higher AKI stage"),
    "high": Sentence("High risk of a higher AKI stage"),
}
#: What the bundled artifacts call their outcomes -> how it is said to people.
_PLAINER: Final[dict[str, str]] = {
    "first creatinine AKI (KDIGO stage 1 or higher by creatinine)": Sentence(
        "AKI (KDIGO stage 1 or higher by creatinine)"
    ),
}


@dataclass(frozen=True, slots=True)
class Forecast:
    """A prediction; in AKI that of a higher stage (progression), else that of a new AKI (onset)."""

    prediction: Prediction
    in_aki: bool

    @property
    def category_words(self) -> str:
        """ "Low risk of a higher AKI stage": the category never without what it is of."""
        known = _OF_PROGRESSION if self.in_aki else _OF_ONSET
        category = self.prediction.category
        return known.get(category, category.capitalize())

    @property
    def outcome_words(self) -> str:
        """What is predicted, to follow "develop" (onset) or "reach" (progression)."""
        return plain_outcome(self.prediction.outcome)


def plain_outcome(outcome: str) -> str:
    """What an artifact says it predicts, in the words shown to people; an unknown artifact's own words stay."""
    return _PLAINER.get(outcome, Sentence(outcome))


def forecast_of(outcome: Outcome) -> Forecast | None:
    """The prediction an outcome gives, if any."""
    if not isinstance(outcome, Assessment):
        return None
    if outcome.risk is not None:
        return Forecast(outcome.risk, in_aki=False)
    return Forecast(outcome.progression, in_aki=True) if outcome.progression is not None else None
