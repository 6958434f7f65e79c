"""Writes docs/kdigo.md and docs/nhs-algorithm.md from the staging tables: `python -m tests.spec.render`."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = {"docs/kdigo.md": "tests/spec/kdigo", "docs/nhs-algorithm.md": "tests/spec/nhs"}


def rendered(name: str) -> str:
    """The document as it should be: the folder's files one after the other, under a note on where to edit."""
    folder = DOCUMENTS[name]
    note = f"<!-- Rendered from {folder} by `python -m tests.spec.render`: edit the tables there. -->\n\n"
    parts = [path.read_text(encoding="utf-8").strip() for path in sorted((ROOT / folder).glob("*.md"))]
    return note + "\n\n".join(parts) + "\n"


def main() -> None:
    """Write both documents."""
    for name in DOCUMENTS:
        (ROOT / name).write_text(rendered(name), encoding="utf-8")


if __name__ == "__main__":
    main()
