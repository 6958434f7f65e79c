"""How words, values, times and probabilities are written for one reader. The one place for all of these.

A `Wording` is made once for a page and handed to every panel; nothing here asks who is reading.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from gettext import NullTranslations
from math import exp
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_skeleton, get_datetime_format
from babel.numbers import format_percent, get_decimal_symbol

from app.presentation.units import MASS, MOLES, ShownUnit, Units, in_unit
from model.analytes import Analyte
from model.assessment import Baseline, BaselineMethod, KdigoCriterion
from model.reported import mg_dl_digits
from model.sentences import Sentence

BASELINE_WORDS: Final = {
    BaselineMethod.OUTPATIENT_MEDIAN_8_365_D: Sentence("median of outpatient values, 8 to 365 days ago"),
    BaselineMethod.MEDIAN_8_365_D: Sentence("median of the values 8 to 365 days ago"),
    BaselineMethod.LOWEST_7_D: Sentence("lowest of the last 7 days"),
    BaselineMethod.LOWEST_48_H: Sentence("lowest of the last 48 hours"),
    BaselineMethod.FIRST_OF_STAY: Sentence("first value of this stay"),
    BaselineMethod.ESTIMATED_EGFR_75_MDRD: Sentence("assumed: the creatinine of an eGFR of 75 (MDRD)"),
    BaselineMethod.ESTIMATED_EGFR_75_CKD_EPI_2021: Sentence(
        "assumed: the creatinine of an eGFR of 75 (CKD-EPI 2021)"
    ),
    BaselineMethod.SUPPLIED: Sentence("supplied by the sender"),
}
_LONG_TERM: Final = frozenset({BaselineMethod.OUTPATIENT_MEDIAN_8_365_D, BaselineMethod.MEDIAN_8_365_D})
CRITERION_WORDS: Final = {
    KdigoCriterion.CREATININE: Sentence("by creatinine"),
    KdigoCriterion.URINE_OUTPUT: Sentence("by urine output"),
    KdigoCriterion.RRT: Sentence("by renal replacement therapy"),
}
COURSE_WORDS: Final = {
    "rising": Sentence("Rising ↗"),
    "stable": Sentence("Stable →"),
    "falling": Sentence("Falling ↘"),
}
#: English by day and month, on a clock of 24 hours, as everywhere but in one country.
_LOCALES: Final = {"en": "en_GB"}
_FULL_STOPS: Final = {"ja": "。"}
_DAY: Final = timedelta(days=1)


def full_stop(language: str) -> str:
    """What ends a sentence that is put together from parts."""
    return _FULL_STOPS.get(language, ".")


@cache
def _locale(language: str) -> Locale:
    return Locale.parse(_LOCALES.get(language, language))


@dataclass(frozen=True, slots=True)
class Wording:
    """One reader's language, clock and units. Times are shown in `zone`, the clock of the EHR."""

    zone: ZoneInfo
    language: str = "en"
    catalogue: NullTranslations = field(default_factory=NullTranslations, repr=False)
    units: Units = MASS

    # --- words: messages name their gaps, {like: .1f this}; numbers and dates in them follow the language -------

    def gettext(self, message: str, /, **facts: Any) -> str:
        """A message in the reader's language with its gaps filled."""
        return self._filled(self.catalogue.gettext(message), facts)

    def ngettext(self, one: str, many: str, count: int, /, **facts: Any) -> str:
        """The form of a message that goes with `count`, which is also its gap {count}."""
        return self._filled(self.catalogue.ngettext(one, many, count), {"count": count, **facts})

    def pgettext(self, context: str, message: str, /, **facts: Any) -> str:
        """A message whose English alone does not say which word is meant."""
        return self._filled(self.catalogue.pgettext(context, message), facts)

    def sentence(self, text: str) -> str:
        """A sentence of the clinical rooms. One that no catalogue knows stays as it came, in English."""
        if isinstance(text, Sentence):
            return self._filled(self.catalogue.gettext(text.pattern), text.facts)
        return self.catalogue.gettext(text) if text else ""

    def _filled(self, pattern: str, facts: Mapping[str, Any]) -> str:
        return pattern.format(**{name: _Gap(self, fact) for name, fact in facts.items()}) if facts else pattern

    def ended(self, words: str) -> str:
        """A sentence with the full stop of the reader's language."""
        return f"{words}{full_stop(self.language)}"

    # --- numbers ------------------------------------------------------------------------------------------------

    def number(self, value: float, decimals: int = 0) -> str:
        """A number with the reader's decimal mark; no thousands are set apart, as in laboratory reports."""
        return self.marked(f"{value:.{decimals}f}")

    def marked(self, digits: str) -> str:
        """Digits written with a point, with the reader's decimal mark."""
        return digits.replace(".", get_decimal_symbol(_locale(self.language)))

    def percent(self, probability: float) -> str:
        """Whole percent; never "0%" or "100%", which no model can mean."""
        if probability < 0.01:
            return f"<{self._percent(1)}"
        if probability > 0.99:
            return f">{self._percent(99)}"
        return self._percent(_whole_percent(probability))

    def fine_percent(self, probability: float) -> str:
        """Percent to a tenth, for two numbers that whole percent cannot tell apart."""
        return format_percent(round(probability, 3), locale=_locale(self.language), decimal_quantization=False)

    def _percent(self, whole: int) -> str:
        return format_percent(whole / 100, locale=_locale(self.language))

    def natural_frequency(self, probability: float) -> str:
        """ "about 14 in 100": how many of a hundred such patients, which people judge better than a percentage."""
        if probability < 0.01:
            return self.gettext("fewer than 1 in 100")
        if probability > 0.99:
            return self.gettext("more than 99 in 100")
        return self.gettext("about {count} in 100", count=_whole_percent(probability))

    def odds_factor(self, log_odds: float) -> str:
        """ "×1.5": by how much a finding multiplies the odds."""
        factor = exp(log_odds)
        return f"×{self.number(factor, 2 if factor < 10 else 0)}"

    # --- laboratory values --------------------------------------------------------------------------------------

    def creatinine(self, mg_dl: float, unit: ShownUnit | None = None) -> str:
        """A creatinine in the reader's unit, or another: 0.3, 1.0, 0.85 mg/dL, one decimal at least, two at most,
        none invented; whole µmol/L."""
        unit = unit or self.units.creatinine
        value = in_unit(Analyte.CREATININE, mg_dl, unit.code)
        return self.marked(mg_dl_digits(value) if unit.decimals else f"{value:.0f}")

    def creatinine_with_unit(self, mg_dl: float) -> str:
        """A creatinine with the reader's unit."""
        return f"{self.creatinine(mg_dl)} {self.units.creatinine.written}"

    def creatinine_in_other_unit(self, mg_dl: float) -> str:
        """The same creatinine with the unit the reader did not choose."""
        return f"{self.creatinine(mg_dl, self.other_creatinine_unit)} {self.other_creatinine_unit.written}"

    @property
    def other_creatinine_unit(self) -> ShownUnit:
        """The unit of creatinine the reader did not choose."""
        return (MASS if self.units is MOLES else MOLES).creatinine

    # --- times --------------------------------------------------------------------------------------------------

    def clock(self, at: datetime) -> str:
        """ "14:05"."""
        return f"{at.astimezone(self.zone):%H:%M}"

    def day(self, at: date) -> str:
        """ "3 Nov 2026": the month as a word, so that no two readers can read two days."""
        return self._date("yMMMd", at)

    def moment(self, at: datetime) -> str:
        """ "3 Nov 2026, 14:05"."""
        return self._with_clock(self._date("yMMMd", at), at)

    def short_moment(self, at: datetime) -> str:
        """ "3 Nov, 14:05": for tables whose year is stated once."""
        return self._with_clock(self._date("MMMd", at), at)

    def tick(self, at: datetime, skeleton: str) -> str:
        """A label on a time axis, by its CLDR skeleton: "MMMd", "yMMM", "MMM", "y"."""
        return self._date(skeleton, at)

    def _date(self, skeleton: str, at: date) -> str:
        local = at.astimezone(self.zone) if isinstance(at, datetime) else at
        return format_skeleton(skeleton, local, locale=_locale(self.language))

    def _with_clock(self, day: str, at: datetime) -> str:
        pattern = str(get_datetime_format("medium", locale=_locale(self.language)))
        return pattern.replace("{1}", day).replace("{0}", self.clock(at))

    def long_day(self, at: date) -> str:
        """ "3 November 2026", inside a sentence."""
        local = at.astimezone(self.zone) if isinstance(at, datetime) else at
        return format_date(local, "long", locale=_locale(self.language))

    def duration(self, span: timedelta) -> str:
        """ "2 d 3 h", "5 h 10 min", "12 min": two parts at most."""
        minutes = max(int(span.total_seconds() // 60), 0)
        days, hours = minutes // (60 * 24), minutes // 60
        if days >= 60 or (days and not hours % 24):
            return self.gettext("{days} d", days=days)
        if days:
            return self.gettext("{days} d {hours} h", days=days, hours=hours % 24)
        if hours and minutes % 60:
            return self.gettext("{hours} h {minutes} min", hours=hours, minutes=minutes % 60)
        return self.gettext("{hours} h", hours=hours) if hours else self.gettext("{minutes} min", minutes=minutes)

    # --- baselines ----------------------------------------------------------------------------------------------

    def baseline(self, baseline: Baseline) -> str:
        """Method, number of values and date of a baseline, in one phrase."""
        words = self.sentence(BASELINE_WORDS[baseline.method])
        if baseline.n > 1:
            words += self.ngettext(", {count} value", ", {count} values", baseline.n)
        if baseline.at and baseline.n == 1:
            long_ago = baseline.method in _LONG_TERM  # with its year: a year ago today must not read as today
            words += f", {self.moment(baseline.at) if long_ago else self.short_moment(baseline.at)}"
        if baseline.at and baseline.n > 1:
            words += self.gettext(", latest {day}", day=self.day(baseline.at))
        return words


@dataclass(frozen=True, slots=True)
class _Gap:
    """A fact inside a message: numbers keep the decimals the message asks for, words are translated themselves."""

    wording: Wording
    fact: Any

    def __format__(self, spec: str) -> str:
        if isinstance(self.fact, Sentence):
            return self.wording.sentence(self.fact)
        if isinstance(self.fact, str):
            return self.fact
        if isinstance(self.fact, datetime) and "%H" in spec:
            return self.wording.moment(self.fact)
        if isinstance(self.fact, date):
            return self.wording.long_day(self.fact)
        return self.wording.marked(format(self.fact, spec))


def english(zone: ZoneInfo) -> Wording:
    """For programs and terminals, which speak English."""
    return Wording(zone)


def machine_time(at: datetime) -> str:
    """ISO 8601 in UTC, for the `datetime` attribute."""
    return at.astimezone(UTC).isoformat(timespec="seconds")


def in_hundred(probability: float) -> int:
    """How many of the hundred dots are filled: 0 and 100 stay reserved for what is certain."""
    return min(max(_whole_percent(probability), 1), 99)


def _whole_percent(probability: float) -> int:
    return int(probability * 100 + 0.5)
