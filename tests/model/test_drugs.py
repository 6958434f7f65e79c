"""Which drug an order is: by any code, by a product's name, by route; never by free text alone (aki.md 3.4)."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.drug_table import ATC, RXNORM, SNOMED, drug_table
from model.drugs import DrugFacts, Recognition, recognise
from model.snapshot import Coding, Medication

LOCAL = "urn:oid:1.2.840.114350.1.13.0.1.7.2.698288"
NDC = "http://hl7.org/fhir/sid/ndc"


def facts(text: str, *codes: tuple[str, str], route: str | None = None, dose_mg: float | None = None) -> DrugFacts:
    coded = frozenset(Coding(system, code) for system, code in codes)
    return recognise(Medication(text, coded, "MedicationRequest/1", route), dose_mg=dose_mg)


RECOGNISED = {
    "ingredient code": (("ibuprofen", (RXNORM, "5640")), "code", {"nsaid"}),
    "ingredient code, odd spelling": (("", ("urn:oid:2.16.840.1.113883.6.88", " 5640 ")), "code", {"nsaid"}),
    "product code with its name": (
        ("ibuprofen 400 MG Oral Tablet", (RXNORM, "197805")),
        "product_name",
        {"nsaid"},
    ),
    "package code with its name": (("Ketorolac 30 mg/mL vial", (NDC, "0409-3795-01")), "product_name", {"nsaid"}),
    "combination product": (
        ("lisinopril 10 MG / hydrochlorothiazide 12.5 MG Oral Tablet", (RXNORM, "197885")),
        "product_name",
        {"acei", "thiazide"},
    ),
    "one of two ingredients coded": (
        ("lisinopril 10 MG / hydrochlorothiazide 12.5 MG", (RXNORM, "29046")),
        "code",
        {"acei", "thiazide"},
    ),
    "ATC substance": (("", (ATC, "J01GB03")), "code", {"aminoglycoside"}),
    "ATC branch": (("Aceclofenac", (ATC, "M01AB16")), "code", {"nsaid"}),
    "ATC combination": (("", (ATC, "C09DA01")), "code", {"arb", "thiazide"}),
    "substance and branch agree": (("", (ATC, "M01AE01"), (RXNORM, "5640")), "code", {"nsaid"}),
    "SNOMED substance": (("", (SNOMED, "109218004")), "code", {"contrast"}),
    "SNOMED ingredient": (("", (SNOMED, "387207008")), "code", {"nsaid"}),
    "dm+d ingredient": (("", ("https://dmd.nhs.uk", "387475002")), "code", {"loop"}),
    "unconfirmed code, words agree": (("iohexol 300 MG/ML", (RXNORM, "5956")), "code", {"contrast"}),
    "unconfirmed code alone": (("something", (RXNORM, "5956")), "unrecognised", set()),
    "text alone": (("ibuprofen 400 mg",), "name_only", set()),
    "local code and text": (("ibuprofen 400 mg", (LOCAL, "3843")), "name_only", set()),
    "brand by text alone": (("Toradol",), "unrecognised", set()),
    "known and not listed": (("acetaminophen 325 MG Oral Tablet", (RXNORM, "313782")), "not_listed", set()),
    "ATC not listed": (("", (ATC, "N02BE01")), "not_listed", set()),
    "product code without a name": (("", (RXNORM, "197805")), "unrecognised", set()),
    "nothing": (("",), "unrecognised", set()),
    "part of another word": (("prednisolone aspirinfree", (RXNORM, "1")), "not_listed", set()),
}


@pytest.mark.parametrize(("given_", "recognition", "classes"), RECOGNISED.values(), ids=RECOGNISED.keys())
def test_a_drug_is_recognised_by_code_and_said_to_be_unknown_otherwise(
    given_: tuple[str, tuple[str, str]], recognition: str, classes: set[str]
) -> None:
    found = facts(*given_)
    assert (found.recognition, found.classes) == (recognition, classes)


REACHES = {
    ("vancomycin", "11124", "", "IV"): True,
    ("vancomycin", "11124", "", "PO/NG"): False,
    ("vancomycin", "11124", "Vancomycin 125 MG Oral Capsule", None): False,
    ("vancomycin", "11124", "vancomycin 1 G injection", None): True,
    ("vancomycin", "11124", "", None): True,
    ("diclofenac", "3355", "diclofenac sodium 0.01 MG/MG Topical Gel", None): False,
    ("diclofenac", "3355", "", "Ophthalmic route"): False,
    ("diclofenac", "3355", "", "54485002"): False,
    ("diclofenac", "3355", "", "TP"): False,
    ("diclofenac", "3355", "", "PR"): True,
    ("ketorolac", "35827", "ketorolac 5 MG/ML Ophthalmic Solution", None): False,
    ("ibuprofen", "5640", "ibuprofen 200 MG Oral Capsule [Advil Liqui-Gels]", None): True,
    ("tobramycin", "10627", "tobramycin 60 MG/ML Inhalation Solution", None): False,
    ("gentamicin", "1596450", "gentamicin ear drops", None): False,
    ("tobramycin", "10627", "", "BOTH EYES"): False,
}


@pytest.mark.parametrize(("order", "reaches"), REACHES.items(), ids=lambda value: str(value))
def test_only_what_reaches_the_blood_counts(order: tuple[str, str, str, str | None], reaches: bool) -> None:
    name, code, text, route = order
    found = facts(text or name, (RXNORM, code), route=route)
    assert bool(found.ingredients) is reaches
    assert bool(found.local) is not reaches
    assert found.is_nephrotoxic is reaches


@pytest.mark.parametrize(
    ("text", "dose_mg", "is_nsaid"),
    [
        ("aspirin 81 MG Oral Tablet", None, False),
        ("aspirin 325 MG Oral Tablet", None, True),
        ("aspirin", None, False),
        ("aspirin", 600.0, True),
        ("aspirin 325 MG Oral Tablet", 75.0, False),
        ("aspirin 0.5 g", None, True),
    ],
)
def test_aspirin_is_an_nsaid_from_300_mg(text: str, dose_mg: float | None, is_nsaid: bool) -> None:
    assert ("nsaid" in facts(text, (RXNORM, "1191"), dose_mg=dose_mg).classes) is is_nsaid


def _verhoeff_holds(code: str) -> bool:
    """SNOMED CT's check digit: Verhoeff's dihedral sum over the digits, from the right, is nought."""

    def dihedral(a: int, b: int) -> int:
        turned = a + b if a < 5 else a - b
        return turned % 5 + 5 * ((a < 5) != (b < 5))

    permuted, total = list(range(10)), 0
    for digit in map(int, reversed(code)):
        total = dihedral(total, permuted[digit])
        permuted = [(1, 5, 7, 6, 2, 8, 3, 0, 9, 4)[one] for one in permuted]
    return total == 0


class TestTable:
    def test_every_row_has_a_source_and_no_code_stands_for_two_substances(self) -> None:
        import tomllib
        from importlib import resources

        text = (resources.files("model") / "knowledge" / "drugs.toml").read_text(encoding="utf-8")
        document = tomllib.loads(text)
        seen: dict[tuple[str, str], str] = {}
        for row in document["ingredient"]:
            assert row["source"]
            assert set(row["source"]) <= document["sources"].keys()
            for system in ("rxnorm", "atc", "snomed", "rxnorm_unconfirmed"):
                for code in row.get(system, ()):
                    assert seen.setdefault((system.removesuffix("_unconfirmed"), code), row["name"]) == row["name"]

    def test_codes_have_the_form_of_their_system(self) -> None:
        table = drug_table()
        forms = {RXNORM: r"\d+", ATC: r"[A-Z]\d\d[A-Z]{2}\d\d", SNOMED: r"\d{6,18}"}
        for coding in (*table.by_code, *table.unconfirmed):
            assert re.fullmatch(forms[coding.system], coding.code), coding

    def test_every_snomed_code_has_its_check_digit(self) -> None:
        """A digit mistyped or two exchanged would name another substance, or none."""
        codes = [coding.code for coding in drug_table().by_code if coding.system == SNOMED]
        assert len(codes) > 20
        assert [code for code in codes if not _verhoeff_holds(code)] == []
        assert not _verhoeff_holds("387207080")

    def test_an_unconfirmed_code_is_never_also_a_confirmed_one(self) -> None:
        table = drug_table()
        assert not table.unconfirmed.keys() & table.by_code.keys()

    def test_a_branch_gives_the_classes_of_its_substances(self) -> None:
        table = drug_table()
        for coding, ingredient in table.by_code.items():
            if coding.system == ATC:
                branches = [
                    one
                    for prefix, exceptions, one in table.atc_groups
                    if coding.code.startswith(prefix) and coding.code not in exceptions
                ]
                assert all(branch.classes & ingredient.classes for branch in branches[:1]), coding


@settings(deadline=None)
@given(text=st.text(max_size=80), code=st.text(max_size=20), route=st.none() | st.text(max_size=20))
def test_no_words_and_no_code_break_the_recognition(text: str, code: str, route: str | None) -> None:
    found = facts(text, (RXNORM, code), route=route)
    assert not (found.classes and found.recognition in {Recognition.NAME_ONLY, Recognition.UNRECOGNISED})


@settings(deadline=None)
@given(st.text(max_size=60))
def test_free_text_alone_never_has_a_class(text: str) -> None:
    assert facts(f"{text} ibuprofen gentamicin").classes == frozenset()
