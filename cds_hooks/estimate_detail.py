"""One probability in a card's detail: the number, how much it would move, cautions, and what moved it."""

from collections.abc import Iterator, Sequence
from datetime import tzinfo

from cds_hooks import wording
from model.assessment import Contribution, Prediction
from model.forecasts import Forecast

TOP_CONTRIBUTIONS = 5


def estimate_lines(forecast: Forecast, zone: tzinfo) -> Iterator[str]:
    """The probability, how sure it is, and what moved it."""
    estimate = forecast.prediction
    title = "Risk of a higher AKI stage" if forecast.in_aki else "Risk of new AKI"
    yield f"**{title} in the next {estimate.horizon_hours} hours: {wording.percent(estimate.probability)}**"
    yield ""
    frequency = wording.natural_frequency(estimate.probability)
    outcome, category = wording.chart_text(forecast.outcome_words), wording.chart_text(forecast.category_words)
    yield f"- {frequency[0].upper()}{frequency[1:]} patients like this: {outcome}"
    yield f"- {category}; high begins at {wording.percent(estimate.threshold)} at this site"
    yield from _doubts(estimate)
    weighed = _weighed(estimate)
    for part in weighed[:TOP_CONTRIBUTIONS]:
        direction = "Raises" if part.log_odds >= 0 else "Lowers"
        yield f"- {direction} it: {_input(part, zone)}"
    rest = [_input(part, zone) for part in weighed[TOP_CONTRIBUTIONS:]]
    if rest:
        yield f"- Also used: {'; '.join(rest)}"


def estimate_sources(forecast: Forecast) -> Sequence[str]:
    """The resources behind it, those that moved it most first (REG-16)."""
    return [part.source for part in _weighed(forecast.prediction) if part.source]


def _weighed(estimate: Prediction) -> Sequence[Contribution]:
    return sorted(estimate.contributions, key=lambda part: -abs(part.log_odds))


def _doubts(estimate: Prediction) -> Iterator[str]:
    """How much the number would move, and in what this patient differs from those it was learned from."""
    if (found := estimate.interval) is not None:
        ends = f"{wording.percent(found.low)} to {wording.percent(found.high)}"
        meaning = "had the model learned from other patients like its own, the number would most likely lie here"
        yield f"- {found.level * 100:.0f} % interval {ends}: {meaning}"
    for caution in estimate.cautions:
        yield f"- **Caution:** {wording.chart_text(caution.text, 300)}"


def _input(part: Contribution, zone: tzinfo) -> str:
    words = wording.chart_text(part.label)
    if part.value is not None:
        words += f" {wording.chart_text(part.value)}{wording.shown_unit(part.unit)}"
    if part.at is not None:
        words += f", {wording.moment(part.at, zone)}"
    return words
