"""Authorization codes, access tokens, refresh tokens and seen `jti` values, in memory under one lock.

Everything issued from one authorization shares its `Grant`; revoking the grant ends all of it at once, which is
what a replayed code or refresh token calls for (RFC 6749 4.1.2, RFC 9700 4.14.2).
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from authlib.oauth2.rfc6749 import TokenMixin
from authlib.oidc.core import AuthorizationCodeMixin

from sandbox.launches import LaunchContext
from sandbox.scopes import Access, ScopeSet

CODE_LIFE = timedelta(seconds=60)
REFRESH_LIFE = {"online_access": timedelta(hours=8), "offline_access": timedelta(days=30)}


@dataclass(frozen=True, slots=True)
class Grant:
    """One authorization: who let which app see what."""

    id: str
    client_id: str
    scope: str
    context: LaunchContext | None
    """None for backend services, which act for no user."""
    nonce: str | None = None
    authenticated_at: datetime | None = None

    @property
    def fhir_user(self) -> str | None:
        return f"Practitioner/{self.context.practitioner_id}" if self.context else None

    @property
    def patient_id(self) -> str | None:
        return self.context.patient_id if self.context else None


@dataclass(frozen=True, slots=True)
class AuthorizationCode(AuthorizationCodeMixin):  # type: ignore[misc]  # authlib ships no types
    """A code as authlib wants to read it."""

    grant: Grant
    redirect_uri: str
    code_challenge: str
    expires_at: datetime
    code_challenge_method: str = "S256"

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.grant.scope

    def get_nonce(self) -> str | None:
        return self.grant.nonce

    def get_auth_time(self) -> int | None:
        at = self.grant.authenticated_at
        return int(at.timestamp()) if at else None


@dataclass(frozen=True, slots=True)
class IssuedToken(TokenMixin):  # type: ignore[misc]  # authlib ships no types
    """An access or refresh token as authlib wants to read it."""

    value: str = field(repr=False)
    kind: str
    grant: Grant
    scope: str
    issued_at: datetime
    expires_at: datetime

    def check_client(self, client: Any) -> bool:
        return bool(self.grant.client_id == client.get_client_id())

    def is_expired(self) -> bool:
        """Never: the store hands out live tokens only."""
        return False

    def is_revoked(self) -> bool:
        """Never: the store hands out live tokens only."""
        return False

    def get_scope(self) -> str:
        return self.scope


class TokenStore:
    """What the authorization server has issued and not yet forgotten."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._codes: dict[str, AuthorizationCode] = {}
        self._spent_codes: dict[str, tuple[datetime, str]] = {}
        self._tokens: dict[str, IssuedToken] = {}
        self._spent_refresh_tokens: set[str] = set()
        self._revoked_grants: set[str] = set()
        self._seen_jtis: dict[tuple[str, str], datetime] = {}

    def save_code(self, code: str, grant: Grant, redirect_uri: str, code_challenge: str) -> None:
        item = AuthorizationCode(grant, redirect_uri, code_challenge, self._clock() + CODE_LIFE)
        with self._lock:
            self._forget_old()
            self._codes[code] = item

    def take_code(self, code: str, client_id: str) -> AuthorizationCode | None:
        """Redeem a code once. A second attempt ends everything the first one gave; None for any refusal."""
        with self._lock:
            if code in self._spent_codes:
                self._revoked_grants.add(self._spent_codes[code][1])
                return None
            item = self._codes.pop(code, None)
            if item is None:
                return None
            # Kept as long as a token from it could live, so that a late replay still revokes.
            self._spent_codes[code] = (self._clock() + max(REFRESH_LIFE.values()), item.grant.id)
        fresh = item.expires_at > self._clock() and item.grant.client_id == client_id
        return item if fresh else None

    def issue(self, kind: str, value: str, grant: Grant, scope: str, life: timedelta) -> None:
        now = self._clock()
        with self._lock:
            self._forget_old()
            self._tokens[value] = IssuedToken(value, kind, grant, scope, now, now + life)

    def find(self, value: str, kind: str | None = None) -> IssuedToken | None:
        """A live token; a spent refresh token is still found, so that its reuse can be told apart."""
        with self._lock:
            token = self._tokens.get(value)
            if token is None or token.grant.id in self._revoked_grants or token.expires_at <= self._clock():
                return None
        return token if kind in (None, token.kind) else None

    def spend_refresh_token(self, token: IssuedToken) -> bool:
        """True for exactly one caller; a second use is theft or a race, and revokes the grant."""
        with self._lock:
            if token.value not in self._spent_refresh_tokens:
                self._spent_refresh_tokens.add(token.value)
                return True
            self._revoked_grants.add(token.grant.id)
            return False

    def revoke(self, token: IssuedToken) -> None:
        """An access token goes alone; a refresh token takes its whole grant along (RFC 7009 2.1)."""
        with self._lock:
            self._tokens.pop(token.value, None)
            if token.kind == "refresh_token":
                self._revoked_grants.add(token.grant.id)

    def first_use_of_jti(self, client_id: str, jti: str, until: datetime) -> bool:
        """Remember a client assertion's id until it would expire; False when it was seen before."""
        now = self._clock()
        with self._lock:
            self._seen_jtis = {key: end for key, end in self._seen_jtis.items() if end > now}
            if (client_id, jti) in self._seen_jtis:
                return False
            self._seen_jtis[client_id, jti] = until
            return True

    def access(self, value: str) -> Access | None:
        """What the bearer of this access token may do, or None when it is unknown, expired or revoked."""
        token = self.find(value, "access_token")
        if token is None:
            return None
        grant = token.grant
        return Access(
            client_id=grant.client_id,
            scopes=ScopeSet.parse(token.scope),
            expires_at=token.expires_at,
            patient_id=grant.patient_id,
            fhir_user=grant.fhir_user,
            grant_id=grant.id,
        )

    def issue_access_token(self, grant: Grant, scope: str, life: timedelta) -> str:
        """A token outside the OAuth endpoints: what the EHR sends along with a CDS Hooks call."""
        value = secrets.token_urlsafe(32)
        self.issue("access_token", value, grant, scope, life)
        return value

    def _forget_old(self) -> None:
        now = self._clock()
        self._codes = {key: code for key, code in self._codes.items() if code.expires_at > now - CODE_LIFE}
        self._spent_codes = {key: spent for key, spent in self._spent_codes.items() if spent[0] > now}
        self._tokens = {key: token for key, token in self._tokens.items() if token.expires_at > now}
        self._spent_refresh_tokens &= self._tokens.keys()
