"""Every sentence a person sees is in every catalogue, and every catalogue says it with the same facts."""

import ast
import re
from collections import Counter
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Final

import pytest
from babel.messages.catalog import Catalog, Message

from app.languages import catalogues
from app.languages.offered import LANGUAGES, SOURCE, first_offered

#: Languages whose translation is still being made; what is missing there is shown in English. Empty when all are.
PENDING: Final[frozenset[str]] = frozenset()
TRANSLATED: Final = tuple(language for language in LANGUAGES if language != SOURCE)
#: Calls whose argument at this place is shown to people.
SPEAKING: Final = {"Reason": 1, "Refused": 1, "Incomplete": 2, "QuantityRefused": 1}
_PRINTF: Final = re.compile(r"%\(\w+\)[sd]")


@cache
def source() -> Catalog:
    return catalogues.extracted()


def keys(catalogue: Catalog) -> set[tuple[str | None, object]]:
    return {(message.context, message.id) for message in catalogue if message.id}


def texts(value: str | tuple[str, ...] | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def gaps(text: str) -> Counter[str]:
    """What a message leaves to be filled in: names in braces with their format, and those of templates."""
    braces = [f"{{{name}:{spec}}}" for _, name, spec, _ in Formatter().parse(text) if name is not None]
    return Counter([*braces, *_PRINTF.findall(text)])


@pytest.mark.parametrize("language", TRANSLATED)
def test_catalogue_holds_exactly_what_the_pages_say(language: str) -> None:
    committed = keys(catalogues.read(language))
    assert (keys(source()) - committed, committed - keys(source())) == (set(), set()), "run `make messages`"


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_message_is_translated_and_none_is_a_guess(language: str) -> None:
    messages = [message for message in catalogues.read(language) if message.id]
    assert [message.id for message in messages if message.fuzzy] == []
    if language not in PENDING:
        assert [m.id for m in messages if not catalogues.is_translated(m.string)] == []


def test_a_language_leaves_the_pending_list_when_it_is_complete() -> None:
    complete = {
        language
        for language in PENDING
        if all(catalogues.is_translated(m.string) for m in catalogues.read(language) if m.id)
    }
    assert complete == set()


@pytest.mark.parametrize("language", TRANSLATED)
def test_translation_has_the_gaps_of_its_message(language: str) -> None:
    wrong = [m.id for m in catalogues.read(language) if m.id and not _same_gaps(m)]
    assert wrong == []


def _same_gaps(message: Message) -> bool:
    """A plural form may leave out the count, as English does where it says "one"; it may not ask for more."""
    said = [text for text in texts(message.string) if text]
    wanted = [gaps(text) for text in texts(message.id)]
    if isinstance(message.id, str):
        return all(gaps(text) == wanted[0] for text in said)
    most = wanted[0] | wanted[-1]
    return all(gaps(text) <= most and gaps(text) >= (wanted[0] & wanted[-1]) for text in said)


@pytest.mark.parametrize("language", TRANSLATED)
def test_translation_keeps_markup_and_the_space_around_it(language: str) -> None:
    wrong = []
    for message in catalogues.read(language):
        for text in texts(message.string) if message.id and message.string else ():
            original = texts(message.id)[-1]
            tags_differ = re.findall(r"</?\w+>", text) != re.findall(r"</?\w+>", original)
            if text and (tags_differ or _edges(text) != _edges(original)):
                wrong.append(message.id)
    assert wrong == []


def _edges(text: str) -> tuple[bool, bool]:
    """Whether it begins or ends with a space; a Japanese comma needs none after it."""
    return text.startswith(" "), text.endswith(" ")


@pytest.mark.parametrize("language", TRANSLATED)
def test_compiled_catalogue_is_the_one_in_words(language: str) -> None:
    path = catalogues.po_file(language).with_suffix(".mo")
    assert path.read_bytes() == catalogues.compiled(catalogues.read(language)), "run `make messages`"


@pytest.mark.parametrize("room", ["model", "patient_context"])
def test_no_sentence_for_people_is_put_together_where_no_catalogue_can_find_it(room: str) -> None:
    """An f-string or a sum of strings has no fixed pattern; a `Sentence` with facts has one."""
    found = []
    for path in sorted(Path(room).rglob("*.py")):
        if {"training", "validation"} & set(path.parts):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in SPEAKING:
                place = SPEAKING[node.func.id]
                said = node.args[place] if len(node.args) > place else None
                if isinstance(said, ast.JoinedStr | ast.BinOp):
                    found.append(f"{path}:{node.lineno}")
    assert found == []


@pytest.mark.parametrize(
    ("tags", "language"),
    [
        (["de-CH"], "de"),
        (["pt-BR", "fr_CA"], "fr"),
        ([None, "JA"], "ja"),
        (["xx", "zh"], None),
        ([], None),
        (["en-US", "de"], "en"),
    ],
)
def test_first_language_that_is_offered_is_taken(tags: list[str | None], language: str | None) -> None:
    assert first_offered(tags) == language
