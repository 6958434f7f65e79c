"""The door to every page of a launch: whose session it is, and whether a form comes from its own page."""

import hmac

from flask import g, request
from werkzeug.exceptions import NotFound

from app.launched.sessions import LaunchSession, LaunchSessions, RequestForged


def enter(sessions: LaunchSessions, launch_id: str) -> LaunchSession:
    """The session of this browser; the answer is then framed and worded for its EHR and its user.

    Raises SessionMissing, SessionExpired.
    """
    session = sessions.open(launch_id, request.cookies)
    g.ehr_id = session.ehr_id
    g.ehr_language = session.language
    return session


def require_patient(session: LaunchSession, *, is_there: bool = True) -> None:
    """A page of one patient is none of a launch without, and the other way round. Raises NotFound."""
    if (session.patient_id is not None) is not is_there:
        raise NotFound


def require_form_token(session: LaunchSession) -> None:
    """The launch's own CSRF token, compared in constant time; its cookie alone proves nothing in a frame (SL-58).

    Raises RequestForged.
    """
    given = request.form.get("csrf_token", "")
    if not hmac.compare_digest(given.encode(), session.csrf_token.encode()):
        raise RequestForged
