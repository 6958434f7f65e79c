"""Accepted launches on the server, encrypted, each bound to one browser and one patient at most.

The browser holds one cookie per launch, so two patients in two tabs never mix (SL-55). The cookie's value is
random and stored as a hash; tokens and context are sealed. A row that has expired is destroyed when touched.

A launch without a patient is the parent of each patient its user opens: such a child has its own address and its
own patient, but the parent's cookie, token and end (ADR 0018).
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

import msgspec
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from app.launched.destruction import destroy_expired, destroy_launch
from app.storage.encryption import SealedBox, Undecipherable
from app.storage.tables import LaunchSessionRow
from launch.context import LaunchContext, Tokens
from launch.pending import BrowserTicket

COOKIE_PREFIX: Final = "__Host-aki-"
_TOUCH_EVERY: Final = timedelta(seconds=30)
_LAUNCH_ID: Final = re.compile(r"[0-9a-f]{24}")  # as `new_launch_id` makes them

Clock = Callable[[], datetime]


class SessionError(Exception):
    """No session to show a patient with."""

    code = "session-missing"


class SessionMissing(SessionError):
    """There is no such launch, or this browser does not hold its cookie."""


class SessionExpired(SessionError):
    """The session was idle too long, too old, or its access token has ended (SL-62). It has been destroyed."""

    code = "session-expired"


class RequestForged(SessionError):
    """A form came back without the session's own token: another site may have sent it (SL-58)."""

    code = "request-forged"


@dataclass(frozen=True, slots=True)
class LaunchSession:
    """One accepted launch: one patient or none yet, one user, one grant.

    `expires_at` is when the session ends at the latest; `token_expires_at` when the access token does. `parent_id`
    is the launch without a patient from which this patient was opened.
    """

    id: str
    ehr_id: str
    patient_id: str | None = field(repr=False)
    fhir_base_url: str
    access_token: str = field(repr=False)
    token_expires_at: datetime
    expires_at: datetime
    started_at: datetime
    scopes: frozenset[str]
    csrf_token: str = field(repr=False)
    encounter_id: str | None = field(default=None, repr=False)
    need_patient_banner: bool = True
    fhir_user: str | None = None
    user_label: str = "not resolved"
    smart_style_url: str | None = None
    tenant: str | None = None
    app_context: str | None = field(default=None, repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    language: str | None = None
    """What the EHR says its user reads, such as "de-CH"."""
    parent_id: str | None = None

    @property
    def holder_id(self) -> str:
        """The launch whose cookie and token this one lives by."""
        return self.parent_id or self.id

    @property
    def tokens(self) -> Tokens:
        """The grant, as the token endpoint knows it."""
        return Tokens(self.access_token, self.token_expires_at, self.scopes, self.refresh_token)

    def lent_by(self, holder: "LaunchSession") -> "LaunchSession":
        """This patient's launch with the token of its parent, whose scopes of one patient give nothing here."""
        if self.parent_id is None:
            return holder
        return replace(
            self,
            access_token=holder.access_token,
            token_expires_at=holder.token_expires_at,
            expires_at=holder.expires_at,
            scopes=holder.tokens.scopes_without_patient,
            refresh_token=holder.refresh_token,
        )


def cookie_name(launch_id: str) -> str:
    """The name of a launch's cookie. `__Host-`: this host only, Secure, whole site."""
    return f"{COOKIE_PREFIX}{launch_id}"


class LaunchSessions:
    """Accepted launches."""

    def __init__(
        self, engine: Engine, box: SealedBox, clock: Clock, *, idle: timedelta, absolute: timedelta
    ) -> None:
        self._engine = engine
        self._box = box
        self._clock = clock
        self._idle = idle
        self._absolute = absolute

    def start(self, context: LaunchContext) -> tuple[LaunchSession, BrowserTicket]:
        """Make a session with a new id and a new secret: nothing of the pending launch is carried over."""
        now = self._clock()
        launch_id, secret = new_launch_id(), secrets.token_urlsafe(32)
        expires_at = now + self._absolute
        if context.tokens.refresh_token is None:
            expires_at = min(expires_at, context.tokens.expires_at)
        session = _session(context, launch_id, started_at=now, expires_at=expires_at)
        row = LaunchSessionRow(
            id=launch_id,
            browser_hash=digest_of(secret),
            ehr_id=session.ehr_id,
            sealed=sealed_session(self._box, session),
            started_at=now,
            seen_at=now,
            expires_at=expires_at,
        )
        with Session(self._engine) as db, db.begin():
            db.add(row)
        return session, BrowserTicket(launch_id, secret)

    def open(self, launch_id: str, cookies: Mapping[str, str]) -> LaunchSession:
        """The session, for the browser that holds the launch's cookie. Raises SessionMissing, SessionExpired."""
        if not _LAUNCH_ID.fullmatch(launch_id):  # never asked of a database: PostgreSQL fails at a NUL
            raise SessionMissing
        with Session(self._engine) as db, db.begin():
            row = db.get(LaunchSessionRow, launch_id)
            holder = row if row is None or row.parent_id is None else db.get(LaunchSessionRow, row.parent_id)
            if row is None or holder is None or not _is_of(holder, cookies):
                raise SessionMissing
            expired = self._has_expired(holder)
            if expired:
                destroy_launch(db, holder.id)
            elif self._clock() - holder.seen_at > _TOUCH_EVERY:
                holder.seen_at = self._clock()
            sealed, holder_id, held = row.sealed, holder.id, holder.sealed
        if expired:
            raise SessionExpired
        session = unsealed_session(self._box, sealed, launch_id)
        if session.holder_id != holder_id:
            raise SessionMissing
        return session.lent_by(unsealed_session(self._box, held, holder_id))

    def shown_for(self, session: LaunchSession) -> timedelta:
        """How long what is answered now may stay on a screen: until the session ends, or nobody has asked for
        anything for the idle time (SL-62)."""
        return max(min(self._idle, session.expires_at - self._clock()), timedelta(0))

    def end(self, launch_id: str) -> None:
        """Destroy a session, and those opened from it. Ending one that is gone is no error."""
        with Session(self._engine) as db, db.begin():
            destroy_launch(db, launch_id)

    def purge(self) -> None:
        """Destroy every session that has expired."""
        with Session(self._engine) as db, db.begin():
            destroy_expired(db, self._clock(), idle=self._idle)

    def _has_expired(self, row: LaunchSessionRow) -> bool:
        now = self._clock()
        return row.expires_at <= now or row.seen_at <= now - self._idle


def _is_of(holder: LaunchSessionRow, cookies: Mapping[str, str]) -> bool:
    """Whether the browser holds the cookie of the launch that holds the token."""
    secret = cookies.get(cookie_name(holder.id), "")
    return hmac.compare_digest(holder.browser_hash, digest_of(secret))


def unsealed_session(box: SealedBox, sealed: bytes, launch_id: str) -> LaunchSession:
    """A stored session. Raises SessionMissing for a value that does not belong to this launch."""
    try:
        plain = box.open(sealed, context=f"launch_session/{launch_id}")
        return msgspec.json.decode(plain, type=LaunchSession)
    except (Undecipherable, msgspec.DecodeError):
        raise SessionMissing from None


def sealed_session(box: SealedBox, session: LaunchSession) -> bytes:
    """A session as it is stored: bound to its own row."""
    return box.seal(msgspec.json.encode(session), context=f"launch_session/{session.id}")


def new_launch_id() -> str:
    """A random id that is safe in an address and in a cookie's name."""
    return secrets.token_hex(12)


def _session(
    context: LaunchContext, launch_id: str, *, started_at: datetime, expires_at: datetime
) -> LaunchSession:
    return LaunchSession(
        id=launch_id,
        ehr_id=context.ehr_id,
        patient_id=context.patient,
        fhir_base_url=context.fhir_base_url,
        access_token=context.tokens.access_token,
        token_expires_at=context.tokens.expires_at,
        expires_at=expires_at,
        started_at=started_at,
        scopes=context.tokens.scopes,
        csrf_token=secrets.token_urlsafe(32),
        encounter_id=context.encounter,
        need_patient_banner=context.need_patient_banner,
        fhir_user=context.user.fhir_user if context.user else None,
        user_label=context.user.label if context.user else "not resolved",
        smart_style_url=context.smart_style_url,
        tenant=context.tenant,
        app_context=context.app_context,
        refresh_token=context.tokens.refresh_token,
        language=context.user.language if context.user else None,
    )


def digest_of(secret: str) -> str:
    """What is stored of a secret that only needs to be recognised."""
    return hashlib.sha256(secret.encode()).hexdigest()
