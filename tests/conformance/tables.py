"""Reads the tables of this folder and writes `docs/conformance.md` and `docs/attacks.md`.

A table names its `[tests]` once (short name = "path::test") and has one row per requirement:
`number = ["level", "the requirement in our words", "by: short names" or "n/a: why" or "open: what is missing"]`.
A test checks that every named test exists, so a row cannot be met by a test that is gone.

    python -m tests.conformance.tables          writes the documents anew
"""

import ast
import tomllib
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
ROOT = FOLDER.parent.parent
STATUS = {"by": "met", "n/a": "not applicable", "open": "not met"}


@dataclass(frozen=True)
class Row:
    """One requirement, and the tests that show it or the reason there is none."""

    number: int
    level: str
    words: str
    kind: str
    tests: tuple[str, ...]
    reason: str

    @property
    def status(self) -> str:
        return STATUS[self.kind]


@dataclass(frozen=True)
class Table:
    """One list of requirements."""

    name: str
    title: str
    about: str
    columns: tuple[str, str]
    rows: tuple[Row, ...]


def read_table(name: str) -> Table:
    """One `<name>.toml` of this folder. Raises ValueError naming the row that is not understood."""
    document = tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    rows = tuple(_row(int(number), cells, document["tests"]) for number, cells in document["rows"].items())
    columns = tuple(document.get("columns", ["Level", "Requirement, in our words"]))
    return Table(name, document["title"], document["about"].strip(), columns, rows)  # type: ignore[arg-type]


def _row(number: int, cells: list[str], known: dict[str, str]) -> Row:
    if len(cells) != 3 or ": " not in cells[2]:
        raise ValueError(f'row {number}: must be ["level", "words", "by: ..." | "n/a: ..." | "open: ..."]')
    level, words, outcome = cells
    kind, _, rest = outcome.partition(": ")
    if kind not in STATUS:
        raise ValueError(f"row {number}: {kind} is not one of {', '.join(STATUS)}")
    short = rest.split() if kind == "by" else []
    if missing := [name for name in short if name not in known]:
        raise ValueError(f"row {number}: no test is called {', '.join(missing)} in [tests]")
    return Row(number, level, words, kind, tuple(known[name] for name in short), "" if kind == "by" else rest)


@cache
def tests_in(path: str) -> frozenset[str]:
    """The names of the test functions of a file."""
    try:
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return frozenset()
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def exists(test: str) -> bool:
    """Whether "path::test" is a test of this repository."""
    path, _, name = test.partition("::")
    return name.startswith("test_") and name in tests_in(path)


def document(title: str, about: str, names: list[str]) -> str:
    """Markdown of some tables."""
    parts = [f"# {title}", "", about.strip(), ""]
    for name in names:
        parts += _section(read_table(name))
    return "\n".join(parts).rstrip() + "\n"


def _section(table: Table) -> list[str]:
    counts = Counter((row.level, row.status) for row in table.rows)
    levels = list(dict.fromkeys(row.level for row in table.rows))
    lines = [f"## {table.title}", "", table.about, ""]
    if len(levels) <= 6:
        lines += ["| | met | not applicable | not met |", "| --- | --- | --- | --- |"]
        for level in levels:
            cells = " | ".join(str(counts[level, status]) for status in STATUS.values())
            lines.append(f"| {level} | {cells} |")
        lines.append("")
    lines += [f"| | {table.columns[0]} | {table.columns[1]} | Status | Test, or reason |"]
    lines += ["| --- | --- | --- | --- | --- |"]
    lines += [f"| {r.number} | {r.level} | {r.words} | {r.status} | {_evidence(r)} |" for r in table.rows]
    return [*lines, ""]


def _evidence(row: Row) -> str:
    if row.kind != "by":
        return row.reason
    return "<br>".join(f"[{_spoken(test)}](../{test.partition('::')[0]})" for test in row.tests)


def _spoken(test: str) -> str:
    return test.partition("::")[2].removeprefix("test_").replace("_", " ")


CONFORMANCE = """
Made from the tables in `tests/conformance` by `python -m tests.conformance.tables`; a test keeps it current, and
another that every test named here exists. A row is *met* as long as its tests pass, and they run on every change.
The words are ours; the numbers are those of the published lists.
"""
ATTACKS = """
What an attacker, a careless network or a misbehaving EHR may try, what happens, and the test that shows it.
Made from `tests/conformance` by `python -m tests.conformance.tables`; a test keeps it current. *Requests* is how
many leave this app because of it, as the test counts them: at the server that must get none, or by refusing to
connect at all.
"""

DOCUMENTS: dict[str, tuple[str, str, list[str]]] = {
    "docs/conformance.md": ("Conformance", CONFORMANCE, ["smart_client", "cds_service", "cds_hooks_rows"]),
    "docs/attacks.md": ("Attacks and faults", ATTACKS, ["attacks", "faults"]),
}


def main() -> None:
    """Write every document anew."""
    for path, (title, about, names) in DOCUMENTS.items():
        (ROOT / path).write_text(document(title, about, names), encoding="utf-8")


def all_tables() -> list[Any]:
    """Every table of the documents."""
    return [read_table(name) for _, _, names in DOCUMENTS.values() for name in names]


if __name__ == "__main__":
    main()
