"""Units at the border of the clinical core: one frozen table from (analyte, unit) to the canonical unit.

A unit counts only if `model.unit_tables` lists it for that analyte: UCUM codes exactly as UCUM spells them
when the sender says it speaks UCUM, otherwise an allow-list of spellings. Nothing is inferred from a value's
size: a value no patient can have is refused for checking, never repaired.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from model.analytes import CANONICAL_UNIT, Analyte
from model.errors import ImplausibleValue, UnitConflictsWithCode, UnitNotUnderstood, ValueNotUsable
from model.sentences import Sentence
from model.unit_tables import PLAUSIBLE, SPELLINGS, UCUM_ROWS, UREA_ROWS, Conversion, QuantityKind, Rows

__all__ = ["QuantityKind", "ReportedAs", "Scale", "conversion_for", "scale_for", "to_canonical"]


class ReportedAs(StrEnum):
    """Which substance the number counts. Urea and urea nitrogen share units and differ 2.14-fold by mass."""

    ITSELF = "itself"
    UREA = "urea"  # mass of urea (Germany, Spain), held as urea nitrogen


def _with_lower_case_litre(rows: Rows) -> Rows:
    """UCUM writes the litre both `l` and `L`; both are codes in their own right."""
    extra = {unit.replace("L", "l"): row for unit, row in rows.items() if "[" not in unit and "{" not in unit}
    return {**extra, **rows}


def _folded(unit: str) -> str:
    """A unit's spelling without spaces, letter case and the two code points of mu (U+00B5, U+03BC)."""
    return "".join(unit.replace("\u00b5", "u").replace("\u03bc", "u").split()).lower()


def _spelled(rows: Rows) -> Rows:
    names: Iterable[tuple[str, Conversion]] = (
        (spelling, row) for code, row in rows.items() for spelling in (code, *SPELLINGS.get(code, ()))
    )
    return {_folded(spelling): row for spelling, row in names if spelling != "1"}


_Key = tuple[Analyte, ReportedAs]
_TABLES: Final[dict[_Key, Rows]] = {
    (a, ReportedAs.ITSELF): _with_lower_case_litre(r) for a, r in UCUM_ROWS.items()
}
_TABLES[Analyte.UREA_NITROGEN, ReportedAs.UREA] = _with_lower_case_litre(UREA_ROWS)
_TEXT_TABLES: Final[dict[_Key, Rows]] = {key: _spelled(rows) for key, rows in _TABLES.items()}
_EMPTY: Final[Rows] = {}
_KIND_WORDS: Final = {
    QuantityKind.MASS: Sentence("mass"),
    QuantityKind.MOLES: Sentence("moles"),
    QuantityKind.OTHER: Sentence("other"),
}


def conversion_for(
    analyte: Analyte, unit: str, *, ucum: bool, reported_as: ReportedAs = ReportedAs.ITSELF
) -> Conversion | None:
    """The conversion of one unit, or None when the table does not list it for this analyte."""
    key = (analyte, reported_as)
    if ucum:
        return _TABLES.get(key, _EMPTY).get(unit)
    return _TEXT_TABLES.get(key, _EMPTY).get(_folded(unit))


@dataclass(frozen=True, slots=True)
class Scale:
    """One analyte in one unit: how a number becomes canonical, and what is plausible. Never changes: keep it."""

    analyte: Analyte
    multiplier: float
    divisor: float
    offset: float
    low: float
    high: float

    def to_canonical(self, value: float) -> float:
        """The value in `CANONICAL_UNIT[analyte]`. Raises ValueNotUsable or ImplausibleValue."""
        # The window refuses NaN and infinity too, so the usual value passes with one comparison.
        if value is not True and value is not False:
            try:
                canonical = value * self.multiplier / self.divisor + self.offset
            except (TypeError, OverflowError):  # no number, or an integer too large for a float
                raise _not_finite(self.analyte) from None
            if self.low <= canonical <= self.high:
                return canonical
        raise self._refusal(value)

    def _refusal(self, value: float) -> ValueNotUsable | ImplausibleValue:
        if isinstance(value, bool) or not math.isfinite(value):
            return _not_finite(self.analyte)
        if value <= 0:
            return ValueNotUsable(self.analyte, "The value is zero or negative.")
        sentence = Sentence(
            "The value is outside {low:g} to {high:g} {unit}; the unit may be wrong. Please check the result.",
            low=self.low,
            high=self.high,
            unit=CANONICAL_UNIT[self.analyte],
        )
        return ImplausibleValue(self.analyte, sentence)


def _not_finite(analyte: Analyte) -> ValueNotUsable:
    return ValueNotUsable(analyte, "The value is not a finite number.")


def scale_for(
    analyte: Analyte,
    unit: str,
    *,
    ucum: bool,
    reported_as: ReportedAs = ReportedAs.ITSELF,
    expected_kind: QuantityKind | None = None,
) -> Scale:
    """How numbers of one analyte in one unit are read.

    `ucum` says the unit is a UCUM code; otherwise it is free text looked up in the allow-list. `expected_kind`
    is what the test's code promises. Raises UnitNotUnderstood or UnitConflictsWithCode (FH-6).
    """
    row = conversion_for(analyte, unit, ucum=ucum, reported_as=reported_as)
    if row is None:
        raise UnitNotUnderstood(analyte, _unit_sentence(unit))
    if expected_kind is not None and row.kind is not expected_kind and row.kind is not QuantityKind.OTHER:
        sentence = Sentence(
            "The test's code stands for a {promised} concentration, its unit for {given}.",
            promised=_KIND_WORDS[expected_kind],
            given=_KIND_WORDS[row.kind],
        )
        raise UnitConflictsWithCode(analyte, sentence)
    window = PLAUSIBLE[analyte]
    return Scale(analyte, row.multiplier, row.divisor, row.offset, window.low, window.high)


def to_canonical(
    analyte: Analyte,
    value: float,
    unit: str,
    *,
    ucum: bool,
    reported_as: ReportedAs = ReportedAs.ITSELF,
    expected_kind: QuantityKind | None = None,
) -> float:
    """The value in `CANONICAL_UNIT[analyte]`: `scale_for` and `Scale.to_canonical` in one.

    Raises UnitNotUnderstood, UnitConflictsWithCode, ValueNotUsable or ImplausibleValue.
    """
    return scale_for(analyte, unit, ucum=ucum, reported_as=reported_as, expected_kind=expected_kind).to_canonical(
        value
    )


def _unit_sentence(unit: str) -> str:
    """Name the unit if it looks like one; any other text could be anything, even a name."""
    shown = "".join(c for c in unit if c.isprintable()).strip()
    if not shown:
        return Sentence("The result has no unit.")
    if len(shown) <= 4 or (len(shown) <= 16 and any(sign in shown for sign in "/%")):
        return Sentence('The unit "{unit}" is not understood for this test.', unit=shown)
    return Sentence("The unit is not understood.")
