"""The rows of the patient list, and searching and sorting them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class PatientRow:
    """One line of the patient list."""

    id: str
    name: str
    sex: str
    age: int | None = None
    mrn: str = ""
    category: str = ""
    encounter_id: str | None = None
    ward: str = ""
    creatinine: float | None = None
    creatinine_unit: str = ""
    creatinine_at: datetime | None = None


PatientRows = Callable[[], Sequence[PatientRow]]

_SORT_KEYS: dict[str, Callable[[PatientRow], tuple[bool, float | str]]] = {
    "name": lambda row: (False, row.name.casefold()),
    "age": lambda row: (row.age is None, row.age or 0),
    "sex": lambda row: (not row.sex, row.sex),
    "mrn": lambda row: (not row.mrn, row.mrn),
    "category": lambda row: (not row.category, row.category),
    "creatinine": lambda row: (row.creatinine is None, row.creatinine or 0.0),
    "when": lambda row: (row.creatinine_at is None, row.creatinine_at.timestamp() if row.creatinine_at else 0.0),
}
SORTS = tuple(_SORT_KEYS)


def select_rows(
    rows: Sequence[PatientRow],
    *,
    words: str = "",
    category: str = "",
    sort: str = "name",
    descending: bool = False,
) -> list[PatientRow]:
    """Rows with every word in name, MRN or id, and of the category; those without the sorted value come last."""
    wanted = words.casefold().split()
    kept = [row for row in rows if _matches(row, wanted) and category in ("", row.category)]
    key = _SORT_KEYS.get(sort, _SORT_KEYS["name"])
    present = sorted((row for row in kept if not key(row)[0]), key=key, reverse=descending)
    return present + [row for row in kept if key(row)[0]]


def _matches(row: PatientRow, words: Sequence[str]) -> bool:
    text = f"{row.name} {row.mrn} {row.id}".casefold()
    return all(word in text for word in words)
