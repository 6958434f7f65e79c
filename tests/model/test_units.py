"""tests/spec/units and the laws every conversion obeys; ucumvert reads UCUM as an independent oracle."""

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.analytes import CANONICAL_UNIT, Analyte
from model.errors import QuantityRefused, UnitConflictsWithCode, UnitNotUnderstood, ValueNotUsable
from model.unit_tables import PLAUSIBLE, UCUM_ROWS
from model.units import QuantityKind, ReportedAs, conversion_for, to_canonical

SPEC = Path(__file__).parent.parent / "spec" / "units" / "conversions.md"


def rows() -> list[list[str]]:
    lines = [line for line in SPEC.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    return [row for row in cells if row[0] not in ("analyte", "---")]


@pytest.mark.parametrize("row", rows(), ids=lambda row: " ".join(row[:4]))
def test_a_value_is_held_as_the_table_says(row: list[str]) -> None:
    name, value, unit, system, expected, _ = row
    analyte, _, form = name.partition(" as ")
    found = held_as(Analyte(analyte), float(value), unit, system == "UCUM", ReportedAs(form or "itself"))
    assert found == (expected if expected.startswith("refused") else pytest.approx(float(expected), rel=1e-3))


def held_as(analyte: Analyte, value: float, unit: str, ucum: bool, reported_as: ReportedAs) -> float | str:
    try:
        return to_canonical(analyte, value, unit, ucum=ucum, reported_as=reported_as)
    except QuantityRefused as refusal:
        return f"refused {refusal.code}"


UNITS = [(analyte, unit) for analyte, table in UCUM_ROWS.items() for unit in table]


def test_every_analyte_has_a_table_a_window_and_its_canonical_unit() -> None:
    assert UCUM_ROWS.keys() == PLAUSIBLE.keys() == CANONICAL_UNIT.keys() == set(Analyte)
    for analyte, unit in CANONICAL_UNIT.items():
        row = conversion_for(analyte, unit, ucum=True)
        assert row is not None
        assert (row.multiplier, row.divisor, row.offset) == (1, 1, 0)


@settings(deadline=None)
@given(st.sampled_from(UNITS), st.floats(0.0, 1.0))
def test_converting_there_and_back_returns_the_value(of: tuple[Analyte, str], share: float) -> None:
    analyte, unit = of
    window, row = PLAUSIBLE[analyte], UCUM_ROWS[analyte][unit]
    canonical = window.low + share * (window.high - window.low)
    value = (canonical - row.offset) * row.divisor / row.multiplier
    try:
        assert to_canonical(analyte, value, unit, ucum=True) == pytest.approx(canonical, rel=1e-9, abs=1e-9)
    except QuantityRefused:
        assert min(canonical - window.low, window.high - canonical) <= 1e-9 * window.high or canonical <= 0


@settings(deadline=None)
@given(st.sampled_from(list(Analyte)), st.floats() | st.integers(), st.text(max_size=8), st.booleans())
def test_any_number_in_any_unit_is_finite_and_plausible_or_refused(
    analyte: Analyte, value: float, unit: str, ucum: bool
) -> None:
    for spelled in (unit, CANONICAL_UNIT[analyte]):
        try:
            held = to_canonical(analyte, value, spelled, ucum=ucum)
        except QuantityRefused:
            continue
        assert math.isfinite(held)
        assert PLAUSIBLE[analyte].low <= held <= PLAUSIBLE[analyte].high


@pytest.mark.parametrize("value", [True, False, "1.0", None, 10**400])
def test_what_is_no_finite_number_is_refused(value: Any) -> None:
    with pytest.raises(ValueNotUsable):
        to_canonical(Analyte.CREATININE, value, "mg/dL", ucum=True)


def test_a_unit_of_another_kind_than_the_code_promises_is_refused() -> None:
    with pytest.raises(UnitConflictsWithCode):
        to_canonical(Analyte.CREATININE, 88, "umol/L", ucum=True, expected_kind=QuantityKind.MASS)
    with pytest.raises(UnitConflictsWithCode):
        to_canonical(Analyte.CREATININE, 1, "mg/dL", ucum=True, expected_kind=QuantityKind.MOLES)


def test_a_refusal_never_quotes_the_value_nor_a_long_text() -> None:
    with pytest.raises(UnitNotUnderstood) as refusal:
        to_canonical(Analyte.CREATININE, 123.456, "a text that is too long for a unit", ucum=False)
    assert "123.456" not in str(refusal.value)
    assert "too long" not in str(refusal.value)


@pytest.mark.parametrize(
    ("unit", "named"), [("mg/mol", True), ("foo", True), ("Zebedee", False), ("Ann Smith", False)]
)
def test_a_refusal_repeats_a_unit_only_if_it_looks_like_one(unit: str, named: bool) -> None:
    with pytest.raises(UnitNotUnderstood) as refusal:
        to_canonical(Analyte.CREATININE, 1.0, unit, ucum=False)
    assert (unit in str(refusal.value)) is named


def test_factors_of_one_dimension_agree_with_ucum() -> None:
    """Mass to moles needs a substance and degrees an offset; every other factor is UCUM's own."""
    from ucumvert import PintUcumRegistry

    registry = PintUcumRegistry()
    compared = 0
    for analyte, unit in UNITS:
        canonical = CANONICAL_UNIT[analyte]
        if (
            any(mark in unit + canonical for mark in "{^")
            or "[pH]" in canonical
            or unit in ("1", "meq/L", "meq/l")
        ):
            continue
        given, wanted = registry.from_ucum(unit), registry.from_ucum(canonical)
        if given.dimensionality != wanted.dimensionality or analyte is Analyte.TEMPERATURE:
            continue
        row = UCUM_ROWS[analyte][unit]
        factor = float((given / wanted).to_base_units().magnitude)
        assert row.multiplier / row.divisor == pytest.approx(factor, rel=1e-5), (analyte, unit)
        compared += 1
    assert compared > 90
