"""The EHR's looks for apps (SL-49), never waited for: fetched beside the page, used once they are there."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Final

from launch.registry import EhrRegistration
from launch.styling import Styles

PATIENCE_SECONDS: Final = 0.25


class Looks:
    """Styles of EHRs for pages that must paint now."""

    def __init__(self, styles: Styles) -> None:
        self._styles = styles
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="looks")

    def now(
        self, registration: EhrRegistration, url: str | None, *, patience_seconds: float = 0
    ) -> Mapping[str, str]:
        """What is known, or becomes known within the patience; else nothing, and it is known next time."""
        known = self._styles.known(registration, url)
        if known is not None or url is None:
            return known or {}
        fetching = self._pool.submit(self._styles.fetch, registration, url)
        return fetching.result() if wait((fetching,), patience_seconds).done else {}
