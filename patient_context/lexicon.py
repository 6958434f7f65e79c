"""What one site's codes and units mean, worked out once: a chart names the same few tests hundreds of times.

Kept for as long as the process lives, so it holds nothing of a patient, is bounded, and remembers no refusals.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, TypeVar

from model.analytes import Analyte
from model.units import Scale, conversion_for, scale_for
from patient_context.codes import LOINC, REFUSED_TESTS, TESTS, TestCode
from patient_context.reading import SiteReading
from patient_context.results import Concept, Quantity
from patient_context.shapes import Refused, text

LOINC_SYSTEMS: Final = frozenset({LOINC, "urn:oid:2.16.840.1.113883.6.1"})
UCUM: Final = frozenset({"http://unitsofmeasure.org", "urn:oid:2.16.840.1.113883.6.8"})
_PULSE_OXIMETRY: Final = frozenset({Analyte.SPO2, Analyte.SAO2})
_MOST_CODES, _MOST_UNITS, _LONGEST_UNIT = 4096, 64, 32

Codings = tuple[tuple[str, str], ...]
Unit = tuple[Any, Any, Any]  # Quantity.system, .code, .unit
_K = TypeVar("_K")
_V = TypeVar("_V")


class KnownTest:
    """A test that is read, and how its units convert."""

    __slots__ = ("_scales", "_trust_unit", "test")

    def __init__(self, test: TestCode, *, trust_unit: bool) -> None:
        self.test = test
        self._trust_unit = trust_unit
        self._scales: dict[Unit, Scale] = {}

    def scale_of(self, quantity: Quantity) -> Scale:
        """How the Quantity's unit converts. Raises Refused `unit-conflict`, and QuantityRefused."""
        unit = quantity.system, quantity.code, quantity.unit
        try:
            found = self._scales.get(unit)
        except TypeError:  # a list where a string belongs
            found = None
        return found or self._learn(unit)

    def _learn(self, unit: Unit) -> Scale:
        system, code, printed = unit
        shown, coded = text(printed), text(code)
        if coded and isinstance(system, str) and system in UCUM:
            if shown and shown != coded:
                self._require_same_meaning(coded, shown)
            scale = self._scale(coded, ucum=True)
        else:
            scale = self._scale(shown or coded or "", ucum=False)
        if all(part is None or (isinstance(part, str) and len(part) <= _LONGEST_UNIT) for part in unit):
            _keep(self._scales, unit, scale, _MOST_UNITS)
        return scale

    def _scale(self, unit: str, *, ucum: bool) -> Scale:
        test = self.test
        kind = None if self._trust_unit else test.kind
        return scale_for(test.analyte, unit, ucum=ucum, reported_as=test.reported_as, expected_kind=kind)

    def _require_same_meaning(self, coded: str, printed: str) -> None:
        """A printed unit that means something else than the coded one makes the number unusable."""
        analyte, reported_as = self.test.analyte, self.test.reported_as
        by_text = conversion_for(analyte, printed, ucum=False, reported_as=reported_as)
        by_code = conversion_for(analyte, coded, ucum=True, reported_as=reported_as)
        if by_text is not None and by_code is not None and by_text != by_code:
            raise Refused("unit-conflict", "The coded unit and the printed unit differ.")


class Lexicon:
    """The tests of one site: LOINC and the codes its registration maps to LOINC (VN-15)."""

    def __init__(self, local_codes: Mapping[str, str], *, trust_unit: bool = False) -> None:
        self._local_codes = local_codes
        self._trust_unit = trust_unit
        self._known: dict[Codings, KnownTest | None] = {}
        self.pulse_oximetry = KnownTest(TestCode(Analyte.SPO2), trust_unit=trust_unit)

    def test_of(self, concept: Concept | None) -> KnownTest | None:
        """What the codings of a concept promise together; None if no test that is read.

        Raises Refused for codes that must not be used or that disagree.
        """
        given = concept.pairs() if concept is not None else ()
        try:
            return self._known[given]
        except KeyError:
            return self._learn(given)

    def _learn(self, given: Codings) -> KnownTest | None:
        test = self._meaning(given)
        known = KnownTest(test, trust_unit=self._trust_unit) if test is not None else None
        if sum(len(system) + len(code) for system, code in given) <= 512:
            _keep(self._known, given, known, _MOST_CODES)
        return known

    def _meaning(self, given: Codings) -> TestCode | None:
        test: TestCode | None = None
        for system, code in given:
            loinc = code if system in LOINC_SYSTEMS else self._local_codes.get(f"{system}|{code}")
            if loinc is None:
                continue
            if loinc in REFUSED_TESTS:
                raise Refused(*REFUSED_TESTS[loinc])
            other = TESTS.get(loinc)
            if other is not None and other != test:
                test = other if test is None else _agreed(test, other)
        return test


def _agreed(one: TestCode, other: TestCode) -> TestCode:
    """One test under two codes must be one analyte; where mass and moles are both named, the unit decides."""
    if {one.analyte, other.analyte} == _PULSE_OXIMETRY:  # the US Core profile sends both codes
        return TestCode(Analyte.SPO2)
    if one.analyte is not other.analyte or one.reported_as is not other.reported_as:
        raise Refused("code-ambiguous", "Its codes name different tests.")
    return TestCode(one.analyte, None, one.reported_as)


def _keep(held: dict[_K, _V], key: _K, value: _V, most: int) -> None:
    if len(held) < most:
        held[key] = value


def lexicon_of(reading: SiteReading) -> Lexicon:
    """The lexicon of a site; sites with the same local codes share one."""
    return _lexicon(frozenset(reading.local_codes.items()), trust_unit=reading.trust_unit_over_code)


@lru_cache(maxsize=128)
def _lexicon(local_codes: frozenset[tuple[str, str]], *, trust_unit: bool) -> Lexicon:
    return Lexicon(dict(local_codes), trust_unit=trust_unit)
