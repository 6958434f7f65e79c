"""docs/security.md and docs/faults.md name tests as evidence: each of them must exist."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
_FILES = subprocess.run(
    ["git", "ls-files", "--cached", "--others", "--exclude-standard", "tests"],
    cwd=ROOT,
    capture_output=True,
    text=True,
    check=True,
).stdout.splitlines()
_TESTS = {
    name
    for path in _FILES
    if path.endswith(".py") and (ROOT / path).exists()
    for name in re.findall(r"^\s*def (test_\w+)", (ROOT / path).read_text(encoding="utf-8"), flags=re.MULTILINE)
}


@pytest.mark.parametrize("document", ["docs/security.md", "docs/faults.md"])
def test_every_test_named_as_evidence_exists(document: str) -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / document).read_text(encoding="utf-8")))
    assert len(named) > 10
    assert named - _TESTS == set()


def test_every_asvs_item_that_is_met_names_its_evidence() -> None:
    text = (ROOT / "docs/security.md").read_text(encoding="utf-8")
    rows = [row.split(" | ") for row in text.splitlines() if re.match(r"\| V\d", row)]
    assert len(rows) > 40
    assert {row[1] for row in rows} <= {"yes", "in part", "no", "site"}
    assert [row[0] for row in rows if row[1] == "yes" and "`test_" not in row[-1]] == []
