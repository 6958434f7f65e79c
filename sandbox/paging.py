"""Page links: an opaque token carries the search and where the next page starts.

The token holds no right: a page is searched for anew under the caller's own access.
"""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.errors import RequestRefused

_MAXIMUM_LENGTH = 6144
Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Page:
    """A place in a search: the parameters as first sent, and how many matches come before."""

    pairs: tuple[tuple[str, str], ...]
    offset: int


def write_token(page: Page) -> str:
    text = json.dumps([page.offset, page.pairs], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_token(token: str) -> Page:
    """Raises RequestRefused(410) for anything this server did not write: to a client the page is gone."""
    try:
        if len(token) > _MAXIMUM_LENGTH:
            raise ValueError("too long")
        offset, pairs = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        if not isinstance(offset, int) or offset < 0:
            raise ValueError("no place in a search")
        return Page(tuple((str(name), str(text)) for name, text in pairs), offset)
    except (binascii.Error, ValueError, TypeError) as error:
        raise RequestRefused(410, "not-found", "This page link is not valid any more: search again.") from error
