"""The panel "Why": what moved the probability, by how much, from which value (REG-13, REG-16)."""

import re
from dataclasses import dataclass
from datetime import date, datetime
from math import exp
from typing import Final

from app.presentation.banner import age_in_years
from app.presentation.units import in_unit
from app.presentation.wording import Wording
from model.analytes import CANONICAL_UNIT, Analyte
from model.assessment import Contribution, Outcome, Prediction
from model.explanation import has_group, label_of
from model.feature_list import CONCEPTS, FEATURES
from model.features import Feature
from model.forecasts import forecast_of
from model.sentences import Sentence

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
    "a": Sentence("y"),
    "1": "",
}
_ANNOTATION = re.compile(r"^\{.*\}$")
_TWO_DECIMALS = re.compile(r"^[+-]?\d+[.,]\d\d$")
_PER_HOUR: Final = "/h"
_FEATURES: Final = {label_of(feature): feature for feature in FEATURES}
#: In mmol/L urea and urea nitrogen are the same number, and laboratories call it urea.
_AS_UREA: Final = {
    "Urea nitrogen": Sentence("Urea"),
    "Urea nitrogen, change within 48 h": Sentence("{words}, change within 48 h", words=Sentence("Urea")),
}


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
    direction_words: str
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


def drivers_panel(outcome: Outcome, say: Wording, *, birth_date: date | None = None) -> DriversPanel | None:
    """The explanation of the shown prediction, or None when there is no number to explain."""
    forecast = forecast_of(outcome)
    if forecast is None:
        return None
    prediction = forecast.prediction
    ranked = sorted(prediction.contributions, key=lambda c: -abs(c.log_odds))
    widest = max((abs(c.log_odds) for c in ranked), default=1.0) or 1.0
    years = _completed_years(birth_date, outcome.assessed_at.astimezone(say.zone), say)
    rows = tuple(_row(c, widest, say, years) for c in ranked)
    return DriversPanel(
        start_words=_start_words(prediction, say),
        end_words=say.natural_frequency(prediction.probability),
        first=tuple(r for r in rows[:FIRST_ROWS] if r.bar_width >= 0.5),
        rows=rows,
    )


def _start_words(prediction: Prediction, say: Wording) -> str:
    return say.natural_frequency(1 / (1 + exp(-prediction.base_log_odds)))


def _row(contribution: Contribution, widest: float, say: Wording, completed_years: str) -> DriverRow:
    width = round(50 * abs(contribution.log_odds) / widest, 1)
    raises = contribution.log_odds >= 0
    feature = _FEATURES.get(contribution.label)
    label, group = _label_and_group(contribution.label, feature, say)
    return DriverRow(
        label=label,
        group=group,
        value=completed_years if completed_years and contribution.feature == "age" else _value(contribution, say),
        when=say.short_moment(contribution.at) if contribution.at else "",
        source=contribution.source or "",
        direction="raises" if raises else "lowers",
        direction_words=say.gettext("raises") if raises else say.gettext("lowers"),
        factor=say.odds_factor(contribution.log_odds),
        bar_x=50.0 if raises else round(50.0 - width, 1),
        bar_width=width,
    )


def _completed_years(birth_date: date | None, on: datetime, say: Wording) -> str:
    """The age the banner shows; the model's own input has a fraction and would round to another year."""
    return "" if birth_date is None else say.gettext("{years} y", years=age_in_years(birth_date, on))


def _label_and_group(label: str, feature: Feature | None, say: Wording) -> tuple[str, str]:
    """ "Blood count: haemoglobin" -> "Haemoglobin" and "blood count": the share is the whole group's."""
    if feature is None:  # of a model this version does not know
        group, colon, finding = label.partition(": ")
        return (_capital(finding), group[:1].lower() + group[1:]) if colon else (label, "")
    finding = feature.label
    if feature.analyte is Analyte.UREA_NITROGEN and say.units.of(Analyte.UREA_NITROGEN):
        finding = _AS_UREA.get(finding, finding)
    return _capital(say.sentence(finding)), say.sentence(group_words(feature)) if has_group(feature) else ""


def group_words(feature: Feature) -> str:
    """A feature's concept as it stands inside a sentence."""
    name = CONCEPTS[feature.concept]
    return name[:1].lower() + name[1:]


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _value(contribution: Contribution, say: Wording) -> str:
    if contribution.value is None:
        return say.gettext("not measured")
    feature = _FEATURES.get(contribution.label)
    if converted := _converted(contribution.value, feature, say):
        return converted
    number = say.sentence(contribution.value)
    if contribution.feature.startswith("creatinine") and _TWO_DECIMALS.match(number):
        number = number.removesuffix("0")  # as `Wording.creatinine` writes it
    given = contribution.unit or ""
    unit = "" if _ANNOTATION.match(given) else say.sentence(_UNITS.get(given, given))
    return f"{number} {unit}".strip()


def _converted(value: str, feature: Feature | None, say: Wording) -> str:
    """The value in the unit the reader chose for its analyte; nothing where it is shown in its own."""
    chosen = say.units.of(feature.analyte) if feature and feature.analyte else None
    if chosen is None or feature is None or feature.analyte is None or not isinstance(value, Sentence):
        return ""
    canonical, number = CANONICAL_UNIT[feature.analyte], value.facts.get("number")
    own, per = (feature.unit or "").removesuffix(_PER_HOUR), feature.unit.endswith(_PER_HOUR)
    if own != canonical or not isinstance(number, int | float):
        return ""
    sign = "+" if feature.signed and number > 0 else ""
    shown = in_unit(feature.analyte, number, chosen.code)
    digits = f"{sign}{say.number(shown, chosen.decimals + per)}"
    if feature.phrase:
        return say.sentence(Sentence(value.pattern, number=digits, unit=chosen.written))
    return f"{digits} {chosen.written}{_PER_HOUR if per else ''}"
