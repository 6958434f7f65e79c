"""How far a prediction would move had the model learned from other patients like those it learned from.

The model was fitted again on patients drawn with replacement (`model.training.replicas`). For every step of every
table the artifact holds what each of those fits says more or less than their mean. Added up along one patient's
values they give one deviation per fit, and so the standard error of that patient's log-odds.

What it is not: it knows nothing of other hospitals, of wrong inputs, or of what the chart does not hold.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

Deviations = tuple[int, ...]  # one per replica, in units of 0.001 log-odds
UNIT = 0.001


@dataclass(frozen=True, slots=True)
class Spread:
    """The replicas' deviations, laid out as the head they belong to: `shapes[j][level]`, `pairs[k][row][column]`.

    The interval reaches `multiplier` standard errors to either side and is meant to hold `level` of the fits.
    """

    level: float
    multiplier: float
    method: str
    base: Deviations
    shapes: tuple[tuple[Deviations, ...], ...]
    pairs: tuple[tuple[tuple[Deviations, ...], ...], ...]

    def standard_error(self, levels: Sequence[int | None], cells: Sequence[tuple[int, int] | None]) -> float:
        """Of the log-odds of a patient at these levels of the shapes and cells of the pairs; None is unknown."""
        rows = [self.base]
        rows += [steps[i] for steps, i in zip(self.shapes, levels, strict=True) if i is not None]
        rows += [table[at[0]][at[1]] for table, at in zip(self.pairs, cells, strict=True) if at is not None]
        drawn = [sum(column) for column in zip(*rows, strict=True)]
        mean = sum(drawn) / len(drawn)
        return UNIT * math.sqrt(math.fsum((one - mean) ** 2 for one in drawn) / (len(drawn) - 1))
