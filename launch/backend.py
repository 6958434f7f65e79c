"""SMART Backend Services: tokens for the app itself, for work without a user (IG backend-services; SL-80, SL-81).

The backend client is a registration of its own at most EHRs (`[ehr.backend]`); it always signs with a key.
"""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from launch.context import Tokens
from launch.discovery import Discovery, SessionFor
from launch.errors import EhrMisconfigured
from launch.keys import ClientKeys
from launch.registry import EhrRegistration
from launch.tokens import TokenEndpoint, client_credentials

_AHEAD: Final = timedelta(seconds=60)  # tokens live about 300 s: fetch the next one before a page fails


class BackendServices:
    """One access token per EHR, fetched when needed, kept until shortly before it ends. Safe for threads."""

    def __init__(
        self, keys: ClientKeys, discovery: Discovery, *, session_for: SessionFor, clock: Callable[[], datetime]
    ) -> None:
        self._keys = keys
        self._discovery = discovery
        self._session_for = session_for
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: dict[str, Tokens] = {}

    def tokens(self, registration: EhrRegistration) -> Tokens:
        """A token with some life left. Raises TokenRefused, EhrUnavailable, EhrMisconfigured.

        One lock for all EHRs is enough: population work asks rarely, and never twice at once for one EHR.
        """
        with self._lock:
            kept = self._kept.get(registration.id)
            if kept is None or kept.expires_at - self._clock() <= _AHEAD:
                kept = self._kept[registration.id] = self._fetch(registration)
            return kept

    def forget(self, registration: EhrRegistration) -> None:
        """Drop a token the FHIR server no longer accepts; the next call fetches a new one."""
        with self._lock:
            self._kept.pop(registration.id, None)

    def _fetch(self, registration: EhrRegistration) -> Tokens:
        backend = registration.as_backend()
        if backend is None or registration.backend is None:
            raise EhrMisconfigured("no [ehr.backend] is registered")
        configuration = self._discovery.configuration(registration)
        endpoint = TokenEndpoint(
            configuration.token_endpoint, backend, self._keys, self._session_for(registration)
        )
        return client_credentials(endpoint, registration.backend.scopes, now=self._clock())
