"""The panel "Why": what moved the probability, by how much, from which value (REG-13, REG-16)."""

import re
from dataclasses import dataclass
from math import exp
from zoneinfo import ZoneInfo

from app.presentation.forecast import shown_prediction
from app.presentation.wording import natural_frequency, odds_factor, short_moment
from model.assessment import Contribution, Outcome, Prediction

#: Rows shown at once; the others are one click away in the full table.
FIRST_ROWS = 8
#: UCUM as clinicians write it; annotations in braces are dropped.
_UNITS = {
    "mm[Hg]": "mmHg",
    "Cel": "°C",
    "[pH]": "",
    "10*3/uL": "×10³/µL",
    "mL/min/{1.73_m2}": "mL/min/1.73 m²",
    "mL/min/1.73m2": "mL/min/1.73 m²",
    "a": "y",
    "1": "",
}
_ANNOTATION = re.compile(r"^\{.*\}$")


@dataclass(frozen=True, slots=True)
class DriverRow:
    """One finding: a bar from the middle, to the right when it raises the risk. Bar positions are in percent."""

    label: str
    value: str
    when: str
    source: str
    direction: str  # "raises" | "lowers"
    factor: str
    bar_x: float
    bar_width: float


@dataclass(frozen=True, slots=True)
class DriversPanel:
    """The strongest findings first; `rows` holds every one of them."""

    start_words: str
    end_words: str
    first: tuple[DriverRow, ...]
    rows: tuple[DriverRow, ...]


def drivers_panel(outcome: Outcome, zone: ZoneInfo) -> DriversPanel | None:
    """The explanation of the shown prediction, or None when there is no number to explain."""
    prediction = shown_prediction(outcome)
    if prediction is None:
        return None
    ranked = sorted(prediction.contributions, key=lambda c: -abs(c.log_odds))
    widest = max((abs(c.log_odds) for c in ranked), default=1.0) or 1.0
    rows = tuple(_row(c, widest, zone) for c in ranked)
    return DriversPanel(
        start_words=_start_words(prediction),
        end_words=natural_frequency(prediction.probability),
        first=tuple(r for r in rows[:FIRST_ROWS] if r.bar_width >= 0.5),
        rows=rows,
    )


def _start_words(prediction: Prediction) -> str:
    return natural_frequency(1 / (1 + exp(-prediction.base_log_odds)))


def _row(contribution: Contribution, widest: float, zone: ZoneInfo) -> DriverRow:
    width = round(50 * abs(contribution.log_odds) / widest, 1)
    raises = contribution.log_odds >= 0
    return DriverRow(
        label=contribution.label,
        value=_value(contribution),
        when=short_moment(contribution.at, zone) if contribution.at else "",
        source=contribution.source or "",
        direction="raises" if raises else "lowers",
        factor=odds_factor(contribution.log_odds),
        bar_x=50.0 if raises else round(50.0 - width, 1),
        bar_width=width,
    )


def _value(contribution: Contribution) -> str:
    if contribution.value is None:
        return "not measured"
    given = contribution.unit or ""
    unit = "" if _ANNOTATION.match(given) else _UNITS.get(given, given)
    return f"{contribution.value} {unit}".strip()
