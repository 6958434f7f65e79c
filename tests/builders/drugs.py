"""Drugs in shorthand for tables: `ibuprofen`, `aspirin81`, `vancomycin(mouth)`, `lisinopril-name` (text alone)."""

import re

from model.drug_table import RXNORM, drug_table
from model.snapshot import Coding, Medication

_SHORTHAND = re.compile(r"(?P<name>[a-z]+(?:-b)?)(?P<mg>\d+)?(?P<text>-name)?(?:\((?P<route>\w+)\))?")
_ROUTES = {"eye": "Ophthalmic route", "skin": "Topical", "inhaled": "Inhalation", "mouth": "Oral route"}
_NOT_LISTED = {"paracetamol": "161"}


def code_of(name: str) -> Coding:
    """The first confirmed code of an ingredient; of one outside the table, its RxNorm code."""
    if name in _NOT_LISTED:
        return Coding(RXNORM, _NOT_LISTED[name])
    table = drug_table()
    ingredient = table.by_name[name]
    return next(coding for coding, one in table.by_code.items() if one is ingredient)


def medication(shorthand: str, *, number: int = 0, active: bool = True) -> Medication:
    """One drug as an EHR codes it."""
    found = _SHORTHAND.fullmatch(shorthand)
    assert found, shorthand
    name = found["name"].replace("-", " ")
    words = f"{name} {found['mg']} MG" if found["mg"] else name
    codes = frozenset() if found["text"] else frozenset({code_of(name)})
    route = _ROUTES[found["route"]] if found["route"] else None
    return Medication(words, codes, f"MedicationRequest/{shorthand}-{number}", route, active)
