"""What is written on the chart: units, numbers and words, in the reader's language."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

_ENGLISH_TICKS = {"MMMd": "{at.day} {at:%b}", "yMMM": "{at:%b %Y}", "MMM": "{at:%b}", "y": "{at:%Y}"}


def _english_tick(at: datetime, skeleton: str) -> str:
    return _ENGLISH_TICKS[skeleton].format(at=at)


@dataclass(frozen=True, slots=True)
class ChartWords:
    """`second_per_first` converts the axis to the second unit; `lowest_top` is the least the axis reaches up to.

    `tick` writes a moment by its CLDR skeleton ("MMMd", "yMMM", "MMM", "y"); hours are the same in every language.
    """

    unit: str = "mg/dL"
    second_unit: str = "µmol/L"
    second_per_first: float = 88.42
    lowest_top: float = 1.0
    baseline: str = "Baseline"
    stages: tuple[str, ...] = ("Stage 1", "Stage 2", "Stage 3")
    unread: str = "not read"
    number: Callable[[float], str] = "{:g}".format
    second_number: Callable[[float], str] = "{:.0f}".format
    tick: Callable[[datetime, str], str] = _english_tick


ENGLISH = ChartWords()
