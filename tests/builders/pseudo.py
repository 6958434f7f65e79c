"""A language nobody speaks, 40 % longer than English: what overflows in it would overflow in German or Dutch."""

import re
from pathlib import Path

from babel.messages.catalog import Catalog

from app.languages import catalogues

_KEPT = re.compile(r"(\{[^}]*\}|%\(\w+\)[sd]|</?\w+>)")
_ACCENTS = str.maketrans("aeiouAEIOU", "áéíóúÁÉÍÓÚ")


def pseudo(text: str) -> str:
    """The text with accents and 40 % more letters, at the end of its longest word; gaps and markup untouched."""
    parts = _KEPT.split(text)
    longest = max(range(0, len(parts), 2), key=lambda n: len(parts[n]))
    said = [part if n % 2 else part.translate(_ACCENTS) for n, part in enumerate(parts)]
    words = said[longest].split(" ")
    word = max(range(len(words)), key=lambda n: len(words[n]))
    extra = max(1, len(text) * 4 // 10)
    words[word] += "ö" * min(extra, 6)
    said[longest] = " ".join(words) + " ñandú" * ((extra - 6) // 6)
    return "".join(said)


def write_pseudo_language(directory: Path, language: str) -> None:
    """Compiled catalogue of the pseudo-language under the code of a real one."""
    catalogue = Catalog(locale=language)
    for message in catalogues.extracted():
        if message.id:
            said = tuple(map(pseudo, message.id)) if isinstance(message.id, tuple) else pseudo(message.id)
            catalogue.add(message.id, said, context=message.context)
    target = directory / language / "LC_MESSAGES" / "messages.mo"
    target.parent.mkdir(parents=True)
    target.write_bytes(catalogues.compiled(catalogue))
