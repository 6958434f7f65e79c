"""A rising curve from the model's log-odds to a site's: straight between its knots, and on beyond them."""

from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class LogOddsCurve:
    """`knots` are (model's, site's) log-odds, both ascending; beyond the first and last it goes on with `slope`.

    One knot and slope 1 shift every patient alike; one knot and another slope stretch as well. Raises ValueError
    unless the curve rises everywhere.
    """

    knots: tuple[tuple[float, float], ...]
    slope: float

    def __post_init__(self) -> None:
        rises = all(a[0] < b[0] and a[1] < b[1] for a, b in pairwise(self.knots))
        if not (self.knots and rises and self.slope > 0.0):
            raise ValueError("a recalibration curve must rise everywhere")

    def at(self, log_odds: float) -> float:
        """The site's log-odds for the model's."""
        above = bisect_right(self.knots, log_odds, key=lambda knot: knot[0])
        if above in (0, len(self.knots)):
            x, y = self.knots[max(above - 1, 0)]
            return y + self.slope * (log_odds - x)
        (x, y), (next_x, next_y) = self.knots[above - 1], self.knots[above]
        return y + (next_y - y) * (log_odds - x) / (next_x - x)
