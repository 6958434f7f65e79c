"""Counts of cards and what became of them, and shares with Wilson's interval. Pure."""

from dataclasses import dataclass
from math import sqrt
from typing import Final

FEWEST_FOR_A_SHARE: Final = 10  # below it a percentage says more than is known: the counts are given alone
_Z: Final = 1.959964  # 95 %


@dataclass(frozen=True, slots=True)
class Share:
    """`count` of `of`, and the 95 % interval of Wilson (1927), which holds for few and for extreme shares too."""

    count: int
    of: int
    low: float | None = None
    high: float | None = None

    @property
    def value(self) -> float | None:
        """The share; None of nothing."""
        return self.count / self.of if self.of else None


def share(count: int, of: int) -> Share:
    """A share with its interval. Raises ValueError for more than all."""
    if not 0 <= count <= of:
        raise ValueError("count must be between 0 and of")
    if of == 0:
        return Share(0, 0)
    p, z2 = count / of, _Z * _Z
    centre = (p + z2 / (2 * of)) / (1 + z2 / of)
    half = _Z / (1 + z2 / of) * sqrt(p * (1 - p) / of + z2 / (4 * of * of))
    return Share(count, of, max(0.0, centre - half), min(1.0, centre + half))


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of the cards shown in one group. A card accepted and overridden counts as accepted.

    `unanswered`: no feedback, which CDS Hooks never sends for a card passed over (CH-46), or none yet.
    `withheld`: finished and not shown.
    """

    shown: int = 0
    accepted: int = 0
    overridden: int = 0
    withheld: int = 0

    @property
    def unanswered(self) -> int:
        """Shown, and nothing was heard of it."""
        return self.shown - self.accepted - self.overridden
