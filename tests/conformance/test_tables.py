"""The conformance documents say what the tests show, and nothing else."""

import pytest

from tests.conformance.tables import DOCUMENTS, ROOT, Table, all_tables, document, exists, read_table


@pytest.mark.parametrize("table", all_tables(), ids=lambda table: table.name)
def test_every_test_a_row_names_exists(table: Table) -> None:
    assert [test for row in table.rows for test in row.tests if not exists(test)] == []


@pytest.mark.parametrize("table", all_tables(), ids=lambda table: table.name)
def test_every_row_has_words_and_evidence_or_a_reason(table: Table) -> None:
    assert [row.number for row in table.rows if not row.words or not (row.tests or row.reason)] == []
    numbers = [row.number for row in table.rows]
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize("path", DOCUMENTS)
def test_the_committed_document_is_current(path: str) -> None:
    title, about, names = DOCUMENTS[path]
    written = (ROOT / path).read_text(encoding="utf-8")
    assert written == document(title, about, names), f"run: python -m tests.conformance.tables ({path})"


@pytest.mark.parametrize(("name", "rows"), [("smart_client", 164), ("cds_service", 120), ("cds_hooks_rows", 93)])
def test_no_requirement_with_shall_is_left_open(name: str, rows: int) -> None:
    table = read_table(name)
    assert len(table.rows) == rows
    assert [row.number for row in table.rows if row.level.startswith("SHALL") and row.kind == "open"] == []
