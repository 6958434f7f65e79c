"""Writes the specifications in docs/ from the tables of tests/spec: `python -m tests.spec.render`."""

from collections.abc import Callable
from pathlib import Path

from tests.spec.render_reading import appendix

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = {
    "docs/kdigo.md": "tests/spec/kdigo",
    "docs/nhs-algorithm.md": "tests/spec/nhs",
    "docs/reading-charts.md": "tests/spec/fhir_input",
}
MORE: dict[str, Callable[[], list[str]]] = {
    "docs/reading-charts.md": lambda: [*_read(ROOT / "tests/spec/units"), appendix()],
}


def rendered(name: str) -> str:
    """The document as it should be: the folder's files one after the other, under a note on where to edit.

    docs/reading-charts.md goes on with the unit table and with what the code's own tables hold.
    """
    folder = DOCUMENTS[name]
    note = f"<!-- Rendered from {folder} by `python -m tests.spec.render`: edit the tables there. -->\n\n"
    parts = _read(ROOT / folder) + (MORE[name]() if name in MORE else [])
    return note + "\n\n".join(parts) + "\n"


def _read(folder: Path) -> list[str]:
    return [path.read_text(encoding="utf-8").strip() for path in sorted(folder.glob("*.md"))]


def main() -> None:
    """Write every document."""
    for name in DOCUMENTS:
        (ROOT / name).write_text(rendered(name), encoding="utf-8")


if __name__ == "__main__":
    main()
