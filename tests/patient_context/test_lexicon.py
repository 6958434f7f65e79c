"""What is learned about codes and units never changes an answer, never grows without bound, never holds a name."""

import pytest

from model.analytes import Analyte
from patient_context.codes import LOINC
from patient_context.lexicon import Lexicon, lexicon_of
from patient_context.reading import SiteReading
from patient_context.results import Coded, Concept, Part, Quantity
from patient_context.shapes import Refused
from patient_context.values import canonical_value
from tests.builders.fhir import quantity


def coded(system: str, code: str) -> Concept:
    return Concept([Coded(system, code)])


CREATININE = coded(LOINC, "2160-0")


def held(lexicon: Lexicon) -> int:
    return len(lexicon._known)


def test_a_site_learns_a_code_once_and_another_site_knows_nothing_of_it() -> None:
    local = coded("urn:x", "KREA")
    ours = lexicon_of(SiteReading(local_codes={"urn:x|KREA": "2160-0"}))
    known = ours.test_of(local)
    assert known is not None
    assert known.test.analyte is Analyte.CREATININE
    assert ours.test_of(local) is known
    assert lexicon_of(SiteReading()).test_of(local) is None


def test_sites_that_trust_the_unit_do_not_share_what_they_learn_with_those_that_do_not() -> None:
    molar = Part(valueQuantity=Quantity(**quantity(88.42, "umol/L")))
    trusting, strict = (
        lexicon_of(SiteReading(trust_unit_over_code=trust)).test_of(CREATININE) for trust in (True, False)
    )
    assert trusting is not None
    assert strict is not None
    assert canonical_value(molar, trusting)[0] == pytest.approx(1)
    with pytest.raises(Refused):
        canonical_value(molar, strict)


def test_strange_codes_and_units_are_forgotten_at_a_bound_and_answers_stay_right() -> None:
    lexicon = Lexicon({})
    for number in range(6000):
        assert lexicon.test_of(coded("urn:x", str(number))) is None
    assert held(lexicon) <= 4096
    known = lexicon.test_of(CREATININE)
    assert known is not None
    for number in range(200):
        printed = Part(valueQuantity=Quantity(**{**quantity(1.5, "mg/dL"), "unit": f"printed {number}"}))
        assert canonical_value(printed, known) == (1.5, None)
    assert len(known._scales) <= 64


def test_a_refusal_and_a_long_text_are_not_kept() -> None:
    lexicon = Lexicon({})
    with pytest.raises(Refused):
        lexicon.test_of(coded(LOINC, "2161-8"))
    assert lexicon.test_of(coded("urn:x", "a name " * 200)) is None
    assert held(lexicon) == 0
