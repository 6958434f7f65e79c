"""Where messages stand that are data and not calls: Babel's extraction methods for these files (`babel.cfg`).

Each is named after what it reads. They ask the tables themselves, so a sentence cannot be in use and be missed.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from app.presentation.drivers import group_words
from app.web.errors import AUTHORIZATION_CAUSES, HTTP_ERRORS, OURS, PUBLIC_ERRORS
from model.artifact import load_bundled_model
from model.caution_table import caution_table
from model.feature_list import FEATURES
from model.forecasts import plain_outcome
from model.policy import EgfrEquation
from model.sentences import Sentence
from patient_context.queries import QUERIES

Message = tuple[int, str, str, list[str]]


def _messages(texts: Iterable[str]) -> Iterator[Message]:
    return ((1, "gettext", text, []) for text in dict.fromkeys(texts) if text)


def _parts(text: str) -> Iterator[str]:
    """A sentence's pattern and those of its facts."""
    yield text.pattern if isinstance(text, Sentence) else text
    if isinstance(text, Sentence):
        yield from (fact for fact in text.facts.values() if isinstance(fact, str))


def features(*_: Any, **_options: Any) -> Iterator[Message]:
    """Names of the model's inputs, the kinds of findings they belong to, and the words some values have."""
    texts: list[str] = []
    for feature in FEATURES:
        texts += [*_parts(feature.label), group_words(feature)]
        texts += [*feature.words, *feature.phrase]
    return _messages(texts)


def outcomes(*_: Any, **_options: Any) -> Iterator[Message]:
    """What the bundled model predicts, as people are told."""
    model = load_bundled_model()
    heads = (model.onset_head, model.progression_head)
    return _messages(plain_outcome(head.outcome) for head in heads if head)


def cautions(*_: Any, **_options: Any) -> Iterator[Message]:
    """What is said about drugs and kidneys."""
    table = caution_table()
    words = (*table.rules.values(), *(rule.words for rule in table.doses))
    return _messages(text for one in words for text in (one.title, one.text))


def equations(*_: Any, **_options: Any) -> Iterator[Message]:
    """The eGFR equations by the names printed beside the number."""
    return _messages(equation.label for equation in EgfrEquation)


def queries(*_: Any, **_options: Any) -> Iterator[Message]:
    """The parts of a chart, by the names the page has for them."""
    parts = ["creatinine", "bundle", "times", *(query.key for query in QUERIES)]
    return _messages(part.replace("_", " ") for part in parts)


def errors(*_: Any, **_options: Any) -> Iterator[Message]:
    """What is said when something went wrong."""
    rows = (*PUBLIC_ERRORS.values(), OURS)
    told = [text for row in rows for text in (row.title, row.cause, row.next_step)]
    told += [text for title, cause, _ in HTTP_ERRORS.values() for text in (title, cause)]
    return _messages([*told, *AUTHORIZATION_CAUSES.values(), " and "])
