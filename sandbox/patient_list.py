"""Searching and sorting the patient list."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sandbox.store import PatientSummary

PatientRows = Callable[[], Sequence[PatientSummary]]

CATEGORIES = {
    "aki_within_48_h": "AKI within 48 h",
    "stage_1": "AKI stage 1",
    "stage_2": "AKI stage 2",
    "stage_3": "AKI stage 3",
    "dialysis": "On dialysis",
    "recovering": "Recovering",
    "no_aki": "No AKI",
    "too_little_data": "Too little data",
    "outpatient": "Outpatient",
}
"""What the data set knows about each demo moment, most urgent first. Shown here only, never served as FHIR."""

_ORDER = {category: place for place, category in enumerate(CATEGORIES)}

_SORT_KEYS: dict[str, Callable[[PatientSummary], tuple[bool, float | str]]] = {
    "name": lambda row: (False, row.name.casefold()),
    "age": lambda row: (False, row.age_years),
    "sex": lambda row: (not row.sex, row.sex),
    "mrn": lambda row: (not row.record_number, row.record_number),
    "category": lambda row: (False, _ORDER.get(row.category, len(_ORDER))),
    "creatinine": lambda row: (row.creatinine is None, row.creatinine or 0.0),
    "when": lambda row: (row.creatinine_at is None, row.creatinine_at.timestamp() if row.creatinine_at else 0.0),
}
SORTS = tuple(_SORT_KEYS)


def select_rows(
    rows: Sequence[PatientSummary],
    *,
    words: str = "",
    category: str = "",
    sort: str = "name",
    descending: bool = False,
) -> list[PatientSummary]:
    """Rows with every word in name, MRN or findings, and of the category; those without the sorted value last."""
    wanted = words.casefold().split()
    kept = [row for row in rows if _matches(row, wanted) and category in ("", row.category)]
    key = _SORT_KEYS.get(sort, _SORT_KEYS["name"])
    present = sorted((row for row in kept if not key(row)[0]), key=key, reverse=descending)
    return present + [row for row in kept if key(row)[0]]


def _matches(row: PatientSummary, words: Sequence[str]) -> bool:
    text = searched_words(row)
    return all(word in text for word in words)


def searched_words(row: PatientSummary) -> str:
    """What a search looks at."""
    return " ".join((row.name, row.record_number, CATEGORIES.get(row.category, ""), *row.findings)).casefold()
