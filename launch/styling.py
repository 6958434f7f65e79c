"""The EHR's colours and sizes for apps, `smart_style_url` (IG, styling; experimental; SL-49).

Only the named keys, and only values of a plain form, ever come through: a value that could end a declaration,
open a comment, or load something is dropped. A failure of any kind means our own looks, silently.
"""

import re
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from launch.discovery import SessionFor, get_json
from launch.errors import EhrUnavailable
from launch.registry import EhrRegistration

_COLOUR: Final = re.compile(r"#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})")
_SIZE: Final = re.compile(r"\d{1,2}(?:\.\d{1,3})?(?:px|rem|em)")
_FONT: Final = r"(?:[A-Za-z][A-Za-z0-9\-]{0,39}|'[A-Za-z0-9 \-]{1,40}'|\"[A-Za-z0-9 \-]{1,40}\")"
_FONTS: Final = re.compile(rf"{_FONT}(?:, ?{_FONT}){{0,7}}")
_FORMS: Final[Mapping[str, re.Pattern[str]]] = {
    "color_background": _COLOUR,
    "color_error": _COLOUR,
    "color_highlight": _COLOUR,
    "color_modal_backdrop": _COLOUR,
    "color_success": _COLOUR,
    "color_text": _COLOUR,
    "dim_border_radius": _SIZE,
    "dim_font_size": _SIZE,
    "dim_spacing_size": _SIZE,
    "font_family_body": _FONTS,
    "font_family_heading": _FONTS,
}
_MOST_KEPT: Final = 100


def usable_style(published: Mapping[str, Any]) -> dict[str, str]:
    """The values of a style document that are of the expected form; everything else is left out."""
    return {
        name: value
        for name, form in _FORMS.items()
        if isinstance(value := published.get(name), str) and form.fullmatch(value)
    }


def css_variables(style: Mapping[str, str]) -> str:
    """The style as custom properties: `:root{--smart-color-text:#1c2b33;...}`; empty without values."""
    lines = "".join(f"--smart-{name.replace('_', '-')}:{value};" for name, value in usable_style(style).items())
    return f":root{{{lines}}}" if lines else ""


class Styles:
    """Fetches style documents once: their address changes when they do."""

    def __init__(self, session_for: SessionFor) -> None:
        self._session_for = session_for
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, str], dict[str, str]] = {}

    def known(self, registration: EhrRegistration, url: str | None) -> Mapping[str, str] | None:
        """What has been fetched already, for who must not wait; None before that."""
        if url is None or not registration.trusts(url):
            return {}
        with self._lock:
            return self._kept.get((registration.id, url))

    def fetch(self, registration: EhrRegistration, url: str) -> Mapping[str, str]:
        """The usable values behind an address of this EHR; empty for any other, and on any failure."""
        known = self.known(registration, url)
        if known is not None:
            return known
        found = self._fetch(lambda: get_json(self._session_for(registration), url))
        if found is None:
            return {}
        with self._lock:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            return self._kept.setdefault((registration.id, url), found)

    def _fetch(self, get: Callable[[], Mapping[str, Any] | None]) -> dict[str, str] | None:
        try:
            published = get()
        except EhrUnavailable:
            return None
        return None if published is None else usable_style(published)
