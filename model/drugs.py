"""Which drug an order is, and whether it reaches the kidneys: recognised by code, never by free text alone.

Orders carry codes of products more often than of ingredients. A product's code is recognised through the name its
own terminology gives it ("ibuprofen 400 MG Oral Tablet"); words without such a code only hint (`NAME_ONLY`).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from model.drug_table import ATC, DRUG_TERMINOLOGIES, DrugTable, Ingredient, canonical, drug_table
from model.snapshot import Medication

ANALGESIC_ASPIRIN_MG = 300.0  # below it aspirin is given for the vessels and is no NSAID here


class Recognition(StrEnum):
    """How a drug was recognised. Only the first two may raise a card about the drug itself."""

    CODE = "code"
    PRODUCT_NAME = "product_name"
    NOT_LISTED = "not_listed"  # a known code, of a drug that is not in the table
    NAME_ONLY = "name_only"  # the words name a drug of the table, but no code says so
    UNRECOGNISED = "unrecognised"


@dataclass(frozen=True, slots=True)
class DrugFacts:
    """One order or drug as the rules see it.

    `ingredients` are those that act on the whole body; those applied to eye, ear, nose, lung or skin, and those
    swallowed but not absorbed, are in `local` and count for nothing.
    """

    name: str
    recognition: Recognition
    ingredients: tuple[Ingredient, ...] = ()
    local: tuple[Ingredient, ...] = ()
    source: str = ""

    @property
    def classes(self) -> frozenset[str]:
        """The classes of its ingredients; empty unless recognised by code."""
        if self.recognition not in (Recognition.CODE, Recognition.PRODUCT_NAME):
            return frozenset()
        return frozenset().union(*(one.classes for one in self.ingredients))

    @property
    def is_nephrotoxic(self) -> bool:
        """Whether it counts towards nephrotoxin exposure."""
        return bool(self.classes) and any(one.nephrotoxic for one in self.ingredients)

    @property
    def is_unclear(self) -> bool:
        """Whether nobody can say which drug it is."""
        return self.recognition in (Recognition.NAME_ONLY, Recognition.UNRECOGNISED)


def recognise(medication: Medication, *, dose_mg: float | None = None) -> DrugFacts:
    """What a drug is, from its codes, the name beside them and its route.

    `dose_mg` is the single dose where an order gives one; else it is read from the product's name.
    """
    table = drug_table()
    coded, recognition = _by_code(medication, table)
    named = table.named_in(medication.text)
    if not coded and named:
        has_terminology = any(canonical(code).system in DRUG_TERMINOLOGIES for code in medication.codes)
        recognition = Recognition.PRODUCT_NAME if has_terminology else Recognition.NAME_ONLY
    found = (
        tuple(dict.fromkeys((*coded, *named))) if coded and _is_product_name(medication.text) else coded or named
    )
    systemic = tuple(one for one in found if _reaches_the_kidneys(one, medication))
    dose = dose_mg if dose_mg is not None else _strength_mg(medication.text)
    settled = tuple(_settle_aspirin(one, dose) for one in systemic)
    local = tuple(one for one in found if one not in systemic)
    return DrugFacts(medication.text or _fallback_name(found), recognition, settled, local, medication.source)


def _by_code(medication: Medication, table: DrugTable) -> tuple[tuple[Ingredient, ...], Recognition]:
    found: list[Ingredient] = []
    for coding in sorted(medication.codes, key=lambda one: (one.system, one.code)):
        ingredient = table.of_code(coding)
        guess = table.unconfirmed.get(canonical(coding))
        if ingredient is None and guess is not None and guess in table.named_in(medication.text):
            ingredient = guess
        if ingredient is not None:
            found.append(ingredient)
    if found:
        return _without_branches(found), Recognition.CODE
    return (), Recognition.NOT_LISTED if _is_known_other(medication, table) else Recognition.UNRECOGNISED


def _without_branches(found: Iterable[Ingredient]) -> tuple[Ingredient, ...]:
    """Where a substance and a branch of ATC say the same, the substance alone."""
    distinct = tuple(dict.fromkeys(found))
    table = drug_table()
    substances = [one for one in distinct if table.by_name.get(one.name) is one]
    covered = frozenset[str]().union(*(one.classes for one in substances))
    return tuple(one for one in distinct if one in substances or not one.classes <= covered)


def _is_known_other(medication: Medication, table: DrugTable) -> bool:
    """A drug terminology knows it and it is not in the table: an ATC code says so itself, others by their name."""
    codes = {canonical(code) for code in medication.codes}
    if codes & table.unconfirmed.keys():
        return False
    systems = {code.system for code in codes}
    if any(code.system == ATC and len(code.code) >= 5 for code in codes):
        return True
    return bool(systems & DRUG_TERMINOLOGIES) and bool(medication.text.strip())


def _fallback_name(found: tuple[Ingredient, ...]) -> str:
    return " / ".join(one.name for one in found) or "a drug without a name"


# --- route --------------------------------------------------------------------------------------------------

_LOCAL = re.compile(
    r"(?<![-a-z])(topical|ophthalmic|ocular|eyes?|conjunctival|otic|auricular|ears?|nasal|nostrils?|inhal\w*|nebuli[sz]\w*"
    r"|respiratory|transdermal|cutaneous|dermal|skin|patch|cream|ointment|gel|lotion|vaginal|mouth ?wash"
    r"|irrigation|intravitreal|bacitracin|shampoo)(?![a-z])",
    re.IGNORECASE,
)
_LOCAL_ABBREVIATIONS = frozenset({"TP", "TOP", "TD", "IH", "INH", "NEB", "OU", "OD", "OS", "AU", "AD", "AS", "NU"})
_LOCAL_SNOMED = frozenset({"6064005", "54485002", "10547007", "46713006", "447694001", "45890007", "16857009"})
_ORAL = re.compile(
    r"(?<![a-z])(oral(ly)?|p\.?o\.?|by mouth|per os|n\.?g\.?|nasogastric|enteral|gastrostomy|26643006)(?![a-z])",
    re.IGNORECASE,
)
_INJECTED = re.compile(
    r"(?<![a-z])(i\.?v\.?|intravenous|injecti\w+|infus\w+|i\.?m\.?|47625008)(?![a-z])", re.IGNORECASE
)


def _reaches_the_kidneys(ingredient: Ingredient, medication: Medication) -> bool:
    """By the order's route; where it says nothing, by the product's name. Without either it acts on the body."""
    place = _place(medication.route or "") or _place(medication.text)
    return place != "local" and (place != "mouth" or ingredient.acts_by_mouth)


def _place(words: str) -> str | None:
    plain = words.strip()
    if _INJECTED.search(words):
        return "blood"
    if _ORAL.search(words):
        return "mouth"
    if _LOCAL.search(words) or plain.upper() in _LOCAL_ABBREVIATIONS or plain in _LOCAL_SNOMED:
        return "local"
    return None


# --- strength -----------------------------------------------------------------------------------------------

_STRENGTH = re.compile(r"(\d+(?:\.\d+)?)\s*(mg|g|milligrams?)\b", re.IGNORECASE)


def _is_product_name(text: str) -> bool:
    """A name with a strength, as terminologies write products: all its ingredients are named in it."""
    return _STRENGTH.search(text) is not None


def _strength_mg(text: str) -> float | None:
    found = _STRENGTH.search(text)
    if found is None:
        return None
    return float(found[1]) * (1000.0 if found[2].lower() == "g" else 1.0)


def _settle_aspirin(ingredient: Ingredient, dose_mg: float | None) -> Ingredient:
    """Aspirin counts as an NSAID from 300 mg; low-dose aspirin, and aspirin of unknown dose, does not."""
    if "aspirin" not in ingredient.classes or dose_mg is None or dose_mg < ANALGESIC_ASPIRIN_MG:
        return ingredient
    return Ingredient(ingredient.name, ingredient.classes | {"nsaid"}, nephrotoxic=True)
