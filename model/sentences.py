"""Sentences for people that can be said again in another language."""

from collections.abc import Mapping
from datetime import date
from typing import Self

Fact = str | int | float | date


class Sentence(str):
    """An English sentence that remembers its pattern and the facts in it.

    To every caller it is the English text. Whoever shows it to a reader of another language looks `pattern` up in
    a catalogue and fills in `facts` anew, in that language's way of writing numbers and dates. A fact may be a
    Sentence itself. The pattern is what `str.format` takes; without facts it is taken as it stands.
    """

    pattern: str
    facts: Mapping[str, Fact]

    def __new__(cls, pattern: str, /, **facts: Fact) -> Self:
        sentence = super().__new__(cls, pattern.format(**facts) if facts else pattern)
        sentence.pattern = pattern
        sentence.facts = facts
        return sentence
