"""Accepted launches on the server, encrypted, each bound to one browser and one patient.

The browser holds one cookie per launch, so two patients in two tabs never mix (SL-55). The cookie's value is
random and stored as a hash; tokens and context are sealed. A row that has expired is destroyed when touched.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec
from sqlalchemy import Engine, delete, update
from sqlalchemy.orm import Session

from app.encryption import SealedBox, Undecipherable
from app.tables import LaunchSessionRow
from launch.context import ContextReference, LaunchContext, Tokens
from launch.pending import BrowserTicket

COOKIE_PREFIX: Final = "__Host-aki-"
_TOUCH_EVERY: Final = timedelta(seconds=30)

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
    """One accepted launch: one patient, one user, one grant.

    `expires_at` is when the session ends at the latest; `token_expires_at` when the access token does.
    """

    id: str
    ehr_id: str
    patient_id: str = field(repr=False)
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
    intent: str | None = None
    tenant: str | None = None
    fhir_context: tuple[ContextReference, ...] = ()
    app_context: str | None = field(default=None, repr=False)
    refresh_token: str | None = field(default=None, repr=False)

    @property
    def tokens(self) -> Tokens:
        """The grant, as the token endpoint knows it."""
        return Tokens(self.access_token, self.token_expires_at, self.scopes, self.refresh_token)


@dataclass(frozen=True, slots=True)
class Claim:
    """An attempt to renew a session's token: won by us, busy with somebody else, or renewed already."""

    session: LaunchSession
    version: int
    outcome: Literal["won", "busy", "renewed"]


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
            sealed=self._box.seal(msgspec.json.encode(session), context=f"launch_session/{launch_id}"),
            started_at=now,
            seen_at=now,
            expires_at=expires_at,
        )
        with Session(self._engine) as db, db.begin():
            db.add(row)
        return session, BrowserTicket(launch_id, secret)

    def open(self, launch_id: str, cookies: Mapping[str, str]) -> LaunchSession:
        """The session, for the browser that holds the launch's cookie. Raises SessionMissing, SessionExpired."""
        secret = cookies.get(cookie_name(launch_id), "")
        with Session(self._engine) as db, db.begin():
            row = db.get(LaunchSessionRow, launch_id)
            if row is None or not hmac.compare_digest(row.browser_hash, digest_of(secret)):
                raise SessionMissing
            expired = self._has_expired(row)
            if expired:
                db.delete(row)
            elif self._clock() - row.seen_at > _TOUCH_EVERY:
                row.seen_at = self._clock()
            sealed = row.sealed
        if expired:
            raise SessionExpired
        return self._unseal(sealed, launch_id)

    def claim_renewal(self, session: LaunchSession, *, lease: timedelta) -> "Claim":
        """Try to become the one who renews this session's token, of all threads and workers.

        Raises SessionMissing, SessionExpired. A claim nobody finishes runs out with its lease.
        """
        now = self._clock()
        with Session(self._engine) as db, db.begin():
            row = db.get(LaunchSessionRow, session.id)
            if row is None:
                raise SessionMissing
            if row.expires_at <= now:
                raise SessionExpired
            current = self._unseal(row.sealed, session.id)
            version = row.version
            if current.access_token != session.access_token:
                return Claim(current, version, outcome="renewed")
            free = LaunchSessionRow.renewing_until.is_(None) | (LaunchSessionRow.renewing_until <= now)
            mine = (LaunchSessionRow.id == session.id) & (LaunchSessionRow.version == version) & free
            # RETURNING, not a count: the database says which of several claims it let through.
            won = db.scalar(
                update(LaunchSessionRow)
                .where(mine)
                .values(renewing_until=now + lease)
                .returning(LaunchSessionRow.id)
                .execution_options(synchronize_session=False)
            )
        return Claim(current, version, outcome="busy" if won is None else "won")

    def finish_renewal(self, claim: "Claim", tokens: Tokens) -> LaunchSession:
        """Store the new tokens; the session stays what it is otherwise. Raises SessionMissing."""
        renewed = replace(
            claim.session,
            access_token=tokens.access_token,
            token_expires_at=tokens.expires_at,
            scopes=tokens.scopes,
            refresh_token=tokens.refresh_token,
        )
        sealed = self._box.seal(msgspec.json.encode(renewed), context=f"launch_session/{renewed.id}")
        changes = {"sealed": sealed, "version": claim.version + 1, "renewing_until": None}
        if not self._change(claim, changes):
            raise SessionMissing  # ended, or taken over after the lease, in the meantime
        return renewed

    def give_up_renewal(self, claim: "Claim") -> None:
        """Let others try: the EHR could not be reached, the refresh token may still be good."""
        self._change(claim, {"renewing_until": None})

    def _change(self, claim: "Claim", changes: Mapping[str, object]) -> bool:
        mine = (LaunchSessionRow.id == claim.session.id) & (LaunchSessionRow.version == claim.version)
        with Session(self._engine) as db, db.begin():
            changed = db.scalar(
                update(LaunchSessionRow)
                .where(mine)
                .values(changes)
                .returning(LaunchSessionRow.id)
                .execution_options(synchronize_session=False)
            )
        return changed is not None

    def end(self, launch_id: str) -> None:
        """Destroy a session. Ending one that is gone is no error."""
        with Session(self._engine) as db, db.begin():
            db.execute(delete(LaunchSessionRow).where(LaunchSessionRow.id == launch_id))

    def purge(self) -> None:
        """Destroy every session that has expired."""
        now = self._clock()
        gone = (LaunchSessionRow.expires_at <= now) | (LaunchSessionRow.seen_at <= now - self._idle)
        with Session(self._engine) as db, db.begin():
            db.execute(delete(LaunchSessionRow).where(gone))

    def _has_expired(self, row: LaunchSessionRow) -> bool:
        now = self._clock()
        return row.expires_at <= now or row.seen_at <= now - self._idle

    def _unseal(self, sealed: bytes, launch_id: str) -> LaunchSession:
        try:
            plain = self._box.open(sealed, context=f"launch_session/{launch_id}")
            return msgspec.json.decode(plain, type=LaunchSession)
        except (Undecipherable, msgspec.DecodeError):
            raise SessionMissing from None


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
        intent=context.intent,
        tenant=context.tenant,
        fhir_context=context.fhir_context,
        app_context=context.app_context,
        refresh_token=context.tokens.refresh_token,
    )


def digest_of(secret: str) -> str:
    """What is stored of a secret that only needs to be recognised."""
    return hashlib.sha256(secret.encode()).hexdigest()
