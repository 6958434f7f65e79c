"""Whether a patient looks like those the model learned from; what does not is said, in clinical words.

Three questions: is a single input beyond the training values; are many inputs at once where few training patients
were; does the chart hold much less than theirs did. None of them changes the number: the reader weighs it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

from model.assessment import Reason
from model.explanation import Scored, shown
from model.feature_list import CONCEPTS
from model.features import Feature
from model.sentences import Sentence

CLINICAL_UNITS = {"mm[Hg]": "mmHg", "Cel": "°C", "a": "years", "mL/min/1.73m2": "mL/min/1.73 m²"}
_NAMED_CONCEPTS = 5


@dataclass(frozen=True, slots=True)
class Span:
    """Where a feature's training values lay: 99.9 % in `low` to `high`, 98 % in `usual_low` to `usual_high`."""

    low: float
    usual_low: float
    usual_high: float
    high: float


@dataclass(frozen=True, slots=True)
class Familiarity:
    """The training patients of one head: their values, and how many concepts were unusual or known in them.

    Fewer than 1 in 200 had more than `unusual_concepts` unusual ones; fewer than 1 in 1000 had fewer than
    `known_concepts` known ones.
    """

    spans: Mapping[str, Span]
    unusual_concepts: int
    known_concepts: int

    def cautions(self, scored: Sequence[Scored]) -> tuple[Reason, ...]:
        """What the reader must know about this patient, the model's number standing as it is."""
        known = [(feature, value, self.spans[feature.id]) for feature, value, _ in scored if value == value]
        return (*_beyond(known), *self._unlike(known), *self._sparse(known))

    def _unlike(self, known: Sequence["_Placed"]) -> Iterator[Reason]:
        unusual = unusual_concepts(known)
        if len(unusual) > self.unusual_concepts:
            text = Sentence(
                "Unusual in {count} respects at once ({kinds}): fewer than 1 in 200 of the patients the model "
                "learned from were. Its number is less sure than the interval says.",
                count=len(unusual),
                kinds=_named(unusual),
            )
            yield Reason("patient_unlike_training", text)

    def _sparse(self, known: Sequence["_Placed"]) -> Iterator[Reason]:
        concepts = list(dict.fromkeys(feature.concept for feature, _, _ in known))
        if len(concepts) < self.known_concepts:
            text = Sentence(
                "The chart holds {known} of the {all} kinds of findings the model uses ({kinds}): nearly all "
                "patients it learned from had {usual} or more.",
                known=len(concepts),
                all=len(CONCEPTS),
                usual=self.known_concepts,
                kinds=_named(concepts),
            )
            yield Reason("few_inputs", text)


_Placed = tuple[Feature, float, Span]


def unusual_concepts(known: Sequence[_Placed]) -> list[str]:
    """The concepts with a value outside the middle 98 % of the training values."""
    outside = (feature.concept for feature, value, at in known if not at.usual_low <= value <= at.usual_high)
    return list(dict.fromkeys(outside))


def _beyond(known: Sequence[_Placed]) -> Iterator[Reason]:
    """One caution per quantity, for its value farthest beyond the training values.

    A value shown as a phrase is worked out from others, which are looked at themselves.
    """
    worst: dict[str, tuple[float, _Placed]] = {}
    for placed in known:
        feature, value, at = placed
        if feature.phrase or at.low <= value <= at.high:
            continue
        excess = max(at.low - value, value - at.high) / ((at.high - at.low) or 1.0)
        key = feature.analyte.value if feature.analyte else feature.id
        if key not in worst or worst[key][0] < excess:
            worst[key] = (excess, placed)
    for _, (feature, value, at) in sorted(worst.values(), key=lambda item: -item[0]):
        yield Reason("input_beyond_training", _beyond_words(feature, value, at))


def _beyond_words(feature: Feature, value: float, at: Span) -> Sentence:
    unit = "" if feature.unit.startswith("{") else " " + CLINICAL_UNITS.get(feature.unit, feature.unit)
    facts = {
        "label": feature.label if isinstance(feature.label, Sentence) else Sentence(feature.label),
        "value": shown(feature, value),
        "low": shown(feature, at.low),
        "high": shown(feature, at.high),
        "unit": unit,
    }
    if value > at.high:
        return Sentence(
            "{label}, {value}{unit}, is above what the model learned from: 99.9 % of its training values lay "
            "between {low} and {high}{unit}.",
            **facts,
        )
    return Sentence(
        "{label}, {value}{unit}, is below what the model learned from: 99.9 % of its training values lay "
        "between {low} and {high}{unit}.",
        **facts,
    )


def _named(concepts: Sequence[str]) -> str:
    """The first few kinds of findings by name, then how many more, each still to be said in another language."""
    names: list[str] = [Sentence(CONCEPTS[one][:1].lower() + CONCEPTS[one][1:]) for one in concepts]
    if not names:
        return ""
    listed = reduce(
        lambda before, part: Sentence("{before}, {part}", before=before, part=part), names[:_NAMED_CONCEPTS]
    )
    rest = len(names) - _NAMED_CONCEPTS
    return Sentence("{listed} and {rest} more", listed=listed, rest=rest) if rest > 0 else listed
