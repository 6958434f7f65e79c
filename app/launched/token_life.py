"""Keeps a launch's access token alive while its session lasts, and lets it go at the end (SL-66, 67, 70).

One refresh at a time for a launch, over all threads, workers and hosts: the database decides who asks the EHR;
the others wait and take what came back. A refresh token is never used twice.
"""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final, TypeVar

from app.launched.renewals import Claim, Renewals
from app.launched.sessions import Clock, LaunchSession, LaunchSessions, SessionExpired
from launch.client import LaunchClient
from launch.errors import EhrUnavailable, LaunchError, PatientChanged, TokenRefused
from patient_context.errors import UpstreamRefused

_EARLY: Final = timedelta(seconds=30)  # a chart takes seconds to read: do not start with a token about to end
_WAIT_SECONDS: Final = 0.05
_UNAUTHORIZED: Final = 401

T = TypeVar("T")


class TokenLife:
    """Renews and revokes the tokens of launch sessions."""

    def __init__(
        self,
        sessions: LaunchSessions,
        renewals: Renewals,
        client: LaunchClient,
        clock: Clock,
        *,
        lease: timedelta,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        """`lease` must be longer than the longest answer of a token endpoint."""
        self._sessions = sessions
        self._renewals = renewals
        self._client = client
        self._clock = clock
        self._lease = lease
        self._wait = wait

    def use(self, session: LaunchSession, action: Callable[[LaunchSession], T]) -> T:
        """Do something with a session whose token is good; once more, after one refresh, when the EHR says 401.

        Raises SessionExpired when the token cannot be renewed, and what `action` raises.
        """
        session = self.fresh(session)
        try:
            return action(session)
        except UpstreamRefused as refused:
            if refused.status != _UNAUTHORIZED or session.refresh_token is None:
                raise
        return action(self.renew(session))

    def fresh(self, session: LaunchSession) -> LaunchSession:
        """The session, renewed when its token is about to end. Raises SessionExpired, EhrUnavailable."""
        if session.refresh_token is None or session.token_expires_at - self._clock() > _EARLY:
            return session
        return self.renew(session)

    def renew(self, session: LaunchSession) -> LaunchSession:
        """The session with a token newer than the one it holds. Raises SessionExpired, EhrUnavailable."""
        given_up_at = self._clock() + self._lease
        waited = 0.0
        while True:
            claim = self._renewals.claim(session, lease=self._lease)
            if claim.outcome == "renewed":
                return claim.session
            if claim.outcome == "won":
                return self._renew(claim)
            if self._clock() >= given_up_at or waited > self._lease.total_seconds():
                raise EhrUnavailable("refresh under way")
            self._wait(_WAIT_SECONDS)
            waited += _WAIT_SECONDS

    def end(self, session: LaunchSession) -> bool:
        """Destroy the launch and all opened from it, then ask the EHR to forget its tokens; whether it did."""
        self._sessions.end(session.holder_id)
        return self._client.revoke(session.ehr_id, session.tokens)

    def _renew(self, claim: Claim) -> LaunchSession:
        holder = claim.holder
        try:
            tokens = self._client.renew(holder.ehr_id, holder.tokens, patient=holder.patient_id)
        except (TokenRefused, PatientChanged) as error:
            self._sessions.end(holder.id)  # consent withdrawn, or a reused token: nothing may go on
            if isinstance(error, PatientChanged):
                raise
            raise SessionExpired from None
        except LaunchError:
            self._renewals.give_up(claim)
            raise
        return self._renewals.finish(claim, tokens)
