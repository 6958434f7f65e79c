"""Launches on their way through the EHR: what must be kept between `/launch` and `/callback`, and who keeps it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class PendingLaunch:
    """What the callback needs to finish a launch. Single use, short-lived, kept on the server."""

    ehr_id: str
    iss: str  # as received, byte for byte (SL-18)
    redirect_uri: str
    scopes: tuple[str, ...]
    code_verifier: str = field(repr=False)
    nonce: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class BrowserTicket:
    """The cookie that ties a browser to one launch: an id in the name, a secret in the value."""

    launch_id: str
    secret: str = field(repr=False)


class PendingLaunches(Protocol):
    """Keeps pending launches across workers."""

    def remember(self, state: str, launch: PendingLaunch) -> BrowserTicket:
        """Store a launch under its `state`; the ticket goes to the browser as a cookie."""

    def take(self, state: str, cookies: Mapping[str, str]) -> tuple[PendingLaunch, str]:
        """Hand out a launch and its id, exactly once, to the browser that started it.

        Raises LaunchNotRecognised (unknown, used or expired) or BrowserNotRecognised (no or wrong cookie).
        """
