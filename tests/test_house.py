"""The house keeps its own promises: maps are true, pins agree, nothing private or foreign slipped in."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from app.configured.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
TRACKED = subprocess.run(
    ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
).stdout.splitlines()
TEXT_ENDINGS = {
    ".py",
    ".md",
    ".toml",
    ".html",
    ".css",
    ".js",
    ".json",
    ".yaml",
    ".yml",
    ".txt",
    ".ini",
    ".cfg",
    "",
}


def _texts() -> list[tuple[str, str]]:
    paths = [p for p in TRACKED if Path(p).suffix in TEXT_ENDINGS and (ROOT / p).is_file()]
    return [(p, (ROOT / p).read_text(encoding="utf-8", errors="replace")) for p in paths]


def _where_table() -> list[tuple[str, str]]:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = text.split("## Where do I change", 1)[1].split("\n## ", 1)[0]
    return [
        (row.split("|")[1].strip(), name)
        for row in table.splitlines()
        if row.startswith("|")
        for name in re.findall(r"`([^`]+)`", row.split("|")[2])
    ]


@pytest.mark.parametrize(("change", "place"), _where_table())
def test_the_where_do_i_change_table_names_places_that_exist(change: str, place: str) -> None:
    path, _, word = place.partition("::")
    assert (ROOT / path).exists(), f"{change}: {path} does not exist"
    if word:
        assert re.search(rf"\b{re.escape(word)}\b", (ROOT / path).read_text(encoding="utf-8")), (
            f"{word} not in {path}"
        )


def test_every_local_link_in_the_documents_leads_somewhere() -> None:
    broken = []
    for name, text in _texts():
        if not name.endswith(".md"):
            continue
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", text):
            if not (ROOT / name).parent.joinpath(target).exists():
                broken.append(f"{name}: {target}")
    assert broken == []


def test_the_image_runs_the_python_the_project_pins() -> None:
    pinned = (ROOT / ".python-version").read_text().strip()
    images = re.findall(r"^FROM python:([\d.]+)", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    assert images == [pinned] * 2


def test_every_room_is_packaged_typed_and_bound_by_the_import_contracts() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    rooms = sorted(p.parent.name for p in ROOT.glob("*/__init__.py") if p.parent.name != "tests")
    assert sorted(project["hatch"]["build"]["targets"]["wheel"]["packages"]) == rooms
    assert sorted(project["mypy"]["packages"]) == rooms
    assert sorted(project["importlinter"]["root_packages"]) == rooms


def test_no_tracked_text_names_a_path_of_somebodys_machine() -> None:
    pattern = re.compile(r"(?<![\w.])/(?:work|root|home/\w+|Users/\w+)/[a-z.]")
    assert [name for name, text in _texts() if name != "tests/test_house.py" and pattern.search(text)] == []


def test_no_private_key_or_database_is_tracked() -> None:
    key = "-----BEGIN " + "PRIVATE KEY"
    assert [name for name, text in _texts() if key in text] == []
    assert [p for p in TRACKED if Path(p).suffix in {".db", ".sqlite", ".pem", ".key", ".pkl", ".joblib"}] == []


def test_the_repository_stays_small_enough_to_clone_in_a_moment() -> None:
    total_bytes = sum((ROOT / p).stat().st_size for p in TRACKED if (ROOT / p).is_file())
    assert total_bytes < 30_000_000


def test_every_setting_is_explained_to_the_operator_and_no_other() -> None:
    explained = set(
        re.findall(r"^\| `(AKI_[A-Z_]+)`", (ROOT / "docs/operations.md").read_text(), flags=re.MULTILINE)
    )
    assert explained == {f"AKI_{name.upper()}" for name in Settings.model_fields}
