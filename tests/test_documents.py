"""The documents quote what exists: sections, files, make targets, commands with their options."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from app.cli import main
from tests.test_house import ROOT, TRACKED

DOCUMENTS = [name for name in TRACKED if name.endswith(".md") and (ROOT / name).is_file()]
TARGETS = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text("utf-8"), flags=re.MULTILINE))
ROOMS = "app|cds_hooks|deploy|docs|launch|model|patient_context|sandbox|tests"
PATH = re.compile(rf"(?:{ROOMS})/[\w./*-]+\w|[\w.-]+\.(?:toml|yaml|py)")


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def code_of(text: str) -> Iterator[str]:
    """Every line of a block of code, and every span between backticks elsewhere."""
    blocks = re.findall(r"^```[^\n]*\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    for block in blocks:
        yield from block.replace("\\\n", " ").splitlines()
    yield from re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))


def slug_of(heading: str) -> str:
    """The anchor a heading gets on the usual forges."""
    plain = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")


def quoted_commands(text: str) -> Iterator[list[str]]:
    """The words after `aki` of every command quoted; what follows a pipe or a comment is left out."""
    for line in code_of(text):
        for found in re.finditer(r"(?:^|[\s/])aki ([a-z][^|;&#]*)", line):
            yield shlex.split(re.sub(r"[<>(].*", "", found[1]).replace("'", "").replace('"', ""))


def problem_of(words: list[str]) -> str | None:
    """What of a quoted command does not exist: the command, or one of its options."""
    command: click.Command = main
    with click.Context(command) as context:
        while isinstance(command, click.Group) and words and not words[0].startswith("-"):
            found = command.get_command(context, words[0])
            if found is None:
                return f"there is no `aki ... {words[0]}`" if re.fullmatch(r"[a-z-]+", words[0]) else None
            command, words = found, words[1:]
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    used = {word.partition("=")[0].rstrip(",.]") for word in words if word.startswith("--")}
    unknown = used - known - {"--help", "--"}
    return f"`{command.name}` has no {', '.join(sorted(unknown))}" if unknown else None


def test_a_link_to_a_section_finds_it() -> None:
    broken = []
    for name in DOCUMENTS:
        for target, anchor in re.findall(r"\]\((?!https?:|mailto:)([^)#\s]*)#([^)\s]+)\)", text_of(name)):
            other = (ROOT / name).parent / target if target else ROOT / name
            headings = re.findall(r"^#+ (.+)$", other.read_text("utf-8"), flags=re.MULTILINE)
            if anchor not in {slug_of(heading) for heading in headings}:
                broken.append(f"{name}: {target}#{anchor}")
    assert broken == []


def test_every_file_named_exists() -> None:
    missing = []
    for name in DOCUMENTS:
        spans = (span.partition("::")[0] for span in code_of(text_of(name)))
        missing += [f"{name}: {span}" for span in spans if PATH.fullmatch(span) and not is_there(span, name)]
    assert missing == []


def is_there(path: str, named_in: str) -> bool:
    """From the root or beside the document; a bare name anywhere in the tree; a SMART scope is no path."""
    if re.fullmatch(r"launch/(?:patient|encounter)", path):
        return True
    if "/" not in path:
        return any(Path(tracked).name == path for tracked in TRACKED)
    return any(next(iter(place.glob(path)), None) for place in (ROOT, (ROOT / named_in).parent))


def test_every_make_target_named_exists() -> None:
    missing = []
    for name in DOCUMENTS:
        quoted = (re.match(r"make ([a-z][a-z -]*)", line.strip()) for line in code_of(text_of(name)))
        words = {word for found in quoted if found for word in found[1].split()}
        missing += [f"{name}: make {word}" for word in words - TARGETS]
    assert missing == []


def test_every_command_quoted_exists_with_its_options() -> None:
    quoted = [(name, words) for name in DOCUMENTS for words in quoted_commands(text_of(name))]
    assert len(quoted) > 50
    assert [f"{name}: {said}" for name, words in quoted if (said := problem_of(words))] == []


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("score bundle.json --json", None),
        ("audit verify --json --colour", "`verify` has no --colour"),
        ("modle verify", "there is no `aki ... modle`"),
        ("model verfiy", "there is no `aki ... verfiy`"),
    ],
)
def test_a_command_that_is_gone_would_be_found(words: str, problem: str | None) -> None:
    assert problem_of(words.split()) == problem
