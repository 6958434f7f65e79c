"""The catalogues as files: extract what is to be said, bring every language up to date, compile.

`python -m app.languages.catalogues` (`make messages`) does all three; what it writes is committed.
"""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_keywords, parse_mapping_cfg
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from app.languages.offered import LANGUAGES, SOURCE

ROOT: Final = Path(__file__).parents[2]
TRANSLATIONS: Final = Path(__file__).parent / "translations"
#: Calls whose argument is a sentence for people, in rooms that know of no catalogue.
_KEYWORDS: Final = (
    "Sentence",
    "say",
    "Reason:2",
    "Refused:2",
    "Incomplete:3",
    "ValueNotUsable:2",
    "ImplausibleValue:2",
    "UnitNotUnderstood:2",
    "UnitConflictsWithCode:2",
)
_WIDTH: Final = 100


def extracted() -> Catalog:
    """Every message of the source tree, in a fixed order."""
    catalogue = Catalog(project="AKI Sentinel", charset="utf-8")
    with (Path(__file__).parent / "babel.cfg").open(encoding="utf-8") as file:
        methods, options = parse_mapping_cfg(file)  # type: ignore[no-untyped-call]
    keywords = {**DEFAULT_KEYWORDS, **parse_keywords(_KEYWORDS)}
    found = extract_from_dir(ROOT, methods, options, keywords, comment_tags=("Translators:",))
    for name, _, message, comments, context in sorted(found, key=lambda one: (one[0], one[1], str(one[2]))):
        catalogue.add(message, locations=[(name, 1)], auto_comments=comments, context=context)
    return catalogue


def po_file(language: str) -> Path:
    """Where a language's messages stand; the compiled ones stand beside it."""
    return TRANSLATIONS / language / "LC_MESSAGES" / "messages.po"


def read(language: str) -> Catalog:
    """A language's messages as committed."""
    with po_file(language).open("rb") as file:
        return read_po(file, locale=language)


def compiled(catalogue: Catalog) -> bytes:
    """The messages as gettext reads them; fuzzy and empty ones are left out and stay English."""
    buffer = BytesIO()
    write_mo(buffer, catalogue, use_fuzzy=False)
    return buffer.getvalue()


def update() -> None:
    """Bring every language up to date with the source tree, keeping what is translated."""
    template = extracted()
    for language in LANGUAGES:
        if language == SOURCE:
            continue
        path = po_file(language)
        path.parent.mkdir(parents=True, exist_ok=True)
        catalogue = read(language) if path.exists() else _new(language)
        catalogue.update(template, no_fuzzy_matching=True, update_creation_date=False)
        catalogue.obsolete.clear()
        with path.open("wb") as file:
            write_po(file, catalogue, width=_WIDTH, omit_header=False, ignore_obsolete=True, include_lineno=False)
        path.with_suffix(".mo").write_bytes(compiled(catalogue))
        missing = sum(not is_translated(message.string) for message in catalogue if message.id)
        print(f"{language}: {len(catalogue)} messages, {missing} not translated")


def _new(language: str) -> Catalog:
    name = "AKI Sentinel"
    comment = f"# {LANGUAGES[language]}: messages of {name}. Extracted by `make messages`."
    return Catalog(locale=language, project=name, version="1", header_comment=comment, fuzzy=False)


def is_translated(string: str | Sequence[str] | None) -> bool:
    """Whether a message, with all its plural forms, has words."""
    return bool(string) and (isinstance(string, str) or all(string or ()))


if __name__ == "__main__":
    update()
