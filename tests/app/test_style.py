"""The style sheet holds what the pages use, and nothing else."""

import re
from pathlib import Path

import nhsuk_frontend_jinja
import pytest

import app as app_package

APP = Path(app_package.__file__).parent
COMPONENTS = Path(nhsuk_frontend_jinja.__file__).parent
USED_COMPONENTS = ("details", "skip-link")
#: Made of a word of the page and a state: "tone-" and "risk-" in templates, the others after "--".
STATES = re.compile(r"^(tone-|risk-)|--")
STYLE = re.sub(r"/\*.*?\*/", "", (APP / "static" / "page.css").read_text(encoding="utf-8"), flags=re.S)
SOURCES = [
    *(APP / "templates").rglob("*.html"),
    *(APP / "static").glob("*.js"),
    *(APP / "chart").glob("*.py"),
    *(file for name in USED_COMPONENTS for file in COMPONENTS.rglob(f"components/{name}/*") if file.is_file()),
]
WRITTEN = "\n".join(file.read_text(encoding="utf-8") for file in SOURCES)


@pytest.mark.parametrize("name", sorted(set(re.findall(r"\.([a-z][\w-]+)(?=[^{}]*\{)", STYLE))))
def test_every_class_of_the_style_sheet_is_used(name: str) -> None:
    state = STATES.search(name)
    stem = name[: state.end()] if state else name
    assert stem in WRITTEN


def test_every_token_is_defined_and_used() -> None:
    defined = set(re.findall(r"(--[a-z][\w-]*)\s*:", re.sub(r"\.[\w-]+--[\w-]+", "", STYLE)))
    used = {name for name in re.findall(r"var\((--[\w-]+)", STYLE) if not name.startswith("--smart-")}
    assert defined == used
