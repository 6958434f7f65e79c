"""The panel "Why": what moved the probability, by how much, from which value (REG-13, REG-16)."""

import re
from dataclasses import dataclass
from datetime import date, datetime
from math import exp
from zoneinfo import ZoneInfo

from app.presentation.banner import age_in_years
from app.presentation.forecast import shown_prediction
from app.presentation.wording import natural_frequency, odds_factor, short_moment
from model.assessment import Contribution, Outcome, Prediction

#: Rows shown at once; the others are one click away in the full table.
FIRST_ROWS = 6
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
_TWO_DECIMALS = re.compile(r"^[+-]?\d+\.\d\d$")


@dataclass(frozen=True, slots=True)
class DriverRow:
    """One finding: a bar from the middle, to the right when it raises the risk. Bar positions are in percent.

    `group` names what else the bar stands for, where several results share one effect.
    """

    label: str
    group: str
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


def drivers_panel(outcome: Outcome, zone: ZoneInfo, *, birth_date: date | None = None) -> DriversPanel | None:
    """The explanation of the shown prediction, or None when there is no number to explain."""
    prediction = shown_prediction(outcome)
    if prediction is None:
        return None
    ranked = sorted(prediction.contributions, key=lambda c: -abs(c.log_odds))
    widest = max((abs(c.log_odds) for c in ranked), default=1.0) or 1.0
    years = _completed_years(birth_date, outcome.assessed_at.astimezone(zone))
    rows = tuple(_row(c, widest, zone, years) for c in ranked)
    return DriversPanel(
        start_words=_start_words(prediction),
        end_words=natural_frequency(prediction.probability),
        first=tuple(r for r in rows[:FIRST_ROWS] if r.bar_width >= 0.5),
        rows=rows,
    )


def _start_words(prediction: Prediction) -> str:
    return natural_frequency(1 / (1 + exp(-prediction.base_log_odds)))


def _row(contribution: Contribution, widest: float, zone: ZoneInfo, completed_years: str) -> DriverRow:
    width = round(50 * abs(contribution.log_odds) / widest, 1)
    raises = contribution.log_odds >= 0
    label, group = _label_and_group(contribution.label)
    return DriverRow(
        label=label,
        group=group,
        value=completed_years if completed_years and contribution.feature == "age" else _value(contribution),
        when=short_moment(contribution.at, zone) if contribution.at else "",
        source=contribution.source or "",
        direction="raises" if raises else "lowers",
        factor=odds_factor(contribution.log_odds),
        bar_x=50.0 if raises else round(50.0 - width, 1),
        bar_width=width,
    )


def _completed_years(birth_date: date | None, on: datetime) -> str:
    """The age the banner shows; the model's own input has a fraction and would round to another year."""
    return "" if birth_date is None else f"{age_in_years(birth_date, on)} y"


def _label_and_group(label: str) -> tuple[str, str]:
    """ "Blood count: haemoglobin" -> "Haemoglobin" and "blood count": the share is the whole group's."""
    group, colon, finding = label.partition(": ")
    return (finding[:1].upper() + finding[1:], group[:1].lower() + group[1:]) if colon else (label, "")


def _value(contribution: Contribution) -> str:
    if contribution.value is None:
        return "not measured"
    number = contribution.value
    if contribution.feature.startswith("creatinine") and _TWO_DECIMALS.match(number):
        number = number.removesuffix("0")  # as `wording.creatinine` writes it
    given = contribution.unit or ""
    unit = "" if _ANNOTATION.match(given) else _UNITS.get(given, given)
    return f"{number} {unit}".strip()
