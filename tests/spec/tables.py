"""Reads the staging tables a clinician writes (tests/spec/kdigo, tests/spec/nhs) into cases.

A table has the columns `patient | results | expected | because`. Times count back from now: `-48h`, `-7d`,
`-48h01m`, `0`. Results are `time value [unit] [flags]`, separated by commas. See CONTRIBUTING for an example.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

COLUMNS = ["patient", "results", "expected", "because"]


@dataclass(frozen=True)
class Case:
    """One row of a table."""

    place: str  # "02_stages.md:14", so a failing case is found at once
    patient: tuple[str, ...]
    results: tuple[str, ...]
    expected: tuple[str, ...]
    because: str


def read_cases(folder: Path) -> list[Case]:
    """Every row of every table of a folder, in order of the files."""
    return [case for path in sorted(folder.glob("*.md")) for case in _cases_of(path)]


def _cases_of(path: Path) -> Iterator[Case]:
    in_table = False
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if cells == COLUMNS:
            in_table = True
        elif not line.startswith("|"):
            in_table = False
        elif in_table and not re.fullmatch(r"-+", cells[0]):
            if len(cells) != len(COLUMNS):
                raise ValueError(f"{path.name}:{number}: {len(cells)} cells instead of {len(COLUMNS)}")
            patient, results, expected, because = cells
            yield Case(f"{path.name}:{number}", _items(patient), _items(results), _items(expected), because)


def _items(cell: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in cell.replace("`", "").split(",") if item.strip())
