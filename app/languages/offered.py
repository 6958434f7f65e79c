"""The languages the pages speak."""

from collections.abc import Iterable
from typing import Final, Literal, get_args

LanguageCode = Literal["en", "de", "fr", "it", "es", "nl", "ja"]
SOURCE: Final[LanguageCode] = "en"
#: Each by its own name, as a reader of it looks for it.
LANGUAGES: Final[dict[str, str]] = dict(
    zip(
        get_args(LanguageCode),
        ("English", "Deutsch", "Français", "Italiano", "Español", "Nederlands", "日本語"),
        strict=True,
    )
)


def first_offered(tags: Iterable[str | None]) -> str | None:
    """The first of these BCP 47 tags whose language is offered; "de-CH" and "de_CH" are "de"."""
    for tag in tags:
        language = (tag or "").replace("_", "-").split("-")[0].lower()
        if language in LANGUAGES:
            return language
    return None
