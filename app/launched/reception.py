"""What happens around a launch: the browser's cookie, the session, the audit trail, the way to the page."""

import re
from dataclasses import replace
from typing import Final

from flask import Blueprint, Response, g, render_template, url_for

from app.auditing.trail import Action, AuditEvent, AuditFailed
from app.launched.entry import enter, require_form_token
from app.launched.granted import ScopesMissing, may_choose_a_patient, missing_kinds
from app.launched.sessions import LaunchSession, cookie_name
from app.services import AppServices
from app.telemetry.metrics import count_launch
from launch.context import LaunchContext
from launch.errors import LaunchError, NoPatientInContext
from launch.pending import BrowserTicket

# What an EHR says of itself is written down only where it has the form of what it is meant to be.
_TENANT: Final = re.compile(r"[A-Za-z0-9._:/\-]{1,128}")
_CARD: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class LaunchReception:
    """`launch.routes.LaunchEvents` for this application."""

    def __init__(self, services: AppServices) -> None:
        self._services = services

    def begun(self, ticket: BrowserTicket, response: Response) -> None:
        """The ticket as a cookie, for as long as a launch may take."""
        count_launch(g.get("ehr_id"), "begun")
        set_ticket(response, ticket, max_age_seconds=self._services.settings.launch_minutes * 60)

    def accepted(self, context: LaunchContext, pending_launch_id: str) -> Response:
        """A new session with a new cookie, written down before anything is shown; then 303 to a clean address."""
        services = self._services
        try:
            _require_use(context)
        except LaunchError:
            services.launch_client.revoke(context.ehr_id, context.tokens)
            raise
        session, ticket = services.sessions.start(context)
        try:
            services.audit.record(_accepted(session))
        except AuditFailed:
            services.sessions.end(session.id)
            raise
        count_launch(session.ehr_id, "accepted")
        response = Response(status=303)
        response.headers["Location"] = f"/p/{session.id}/"
        drop_ticket(response, pending_launch_id)
        set_ticket(response, ticket, max_age_seconds=services.settings.session_absolute_hours * 3600)
        services.sessions.purge()
        return response

    def refused(self, ehr_id: str, error: LaunchError) -> None:
        """A launch that came back from the EHR and could not be accepted."""
        count_launch(ehr_id, error.code)
        event = AuditEvent(
            action="launch-refused", outcome=error.code, ehr_id=ehr_id, request_id=g.get("request_id")
        )
        self._services.audit.record(event)


def _require_use(context: LaunchContext) -> None:
    """Raises NoPatientInContext, ScopesMissing: a grant this app can do nothing with is let go of."""
    granted = context.tokens.scopes
    if context.patient is None:
        granted = context.tokens.scopes_without_patient
        if not may_choose_a_patient(granted):
            raise NoPatientInContext
    missing = missing_kinds(granted)
    if missing:
        raise ScopesMissing(missing)


def session_blueprint(services: AppServices) -> Blueprint:
    """`POST /p/<launch>/end`: the user is done. The form carries the session's `csrf_token` (SL-58, SL-70)."""
    blueprint = Blueprint("session", __name__)

    @blueprint.post("/p/<launch_id>/end")
    def end(launch_id: str) -> Response:
        session = enter(services.sessions, launch_id)
        require_form_token(session)
        revoked = services.token_life.end(session)
        services.audit.record(_event("launch-ended", "revoked" if revoked else "not-revoked", session))
        forget_url = url_for("session.forget")
        response = Response(render_template("ended.html", style_url=forget_url), mimetype="text/html")
        drop_ticket(response, session.holder_id)
        return response

    @blueprint.get("/ended.css")
    def forget() -> Response:
        """Nothing but the wish that the browser drop what it keeps of this app. It must come after the page that
        says so: what the page before it showed is kept for the Back button only when that one has begun."""
        return Response(mimetype="text/css", headers={"Clear-Site-Data": '"cache"'})

    return blueprint


def _accepted(session: LaunchSession) -> AuditEvent:
    """With the tenant (SL-51), and the card whose link opened the app (SL-53), as the EHR names them."""
    event = _event("launch-accepted", "success", session)
    return replace(
        event, tenant=_if_of(_TENANT, session.tenant), opened_from_card=_if_of(_CARD, session.app_context)
    )


def _if_of(form: re.Pattern[str], said: str | None) -> str | None:
    return said if said is not None and form.fullmatch(said) else None


def _event(action: Action, outcome: str, session: LaunchSession) -> AuditEvent:
    return AuditEvent(
        action=action,
        outcome=outcome,
        ehr_id=session.ehr_id,
        who=session.user_label,
        patient_id=session.patient_id,
        request_id=g.get("request_id"),
    )


def set_ticket(response: Response, ticket: BrowserTicket, *, max_age_seconds: int) -> None:
    """One cookie per launch; works inside an EHR's frame and is kept apart per embedding site (SL-57)."""
    response.set_cookie(
        cookie_name(ticket.launch_id),
        ticket.secret,
        max_age=max_age_seconds,
        path="/",
        secure=True,
        httponly=True,
        samesite="None",
        partitioned=True,
    )


def drop_ticket(response: Response, launch_id: str) -> None:
    """Take a launch's cookie back, with the attributes it was set with."""
    response.delete_cookie(
        cookie_name(launch_id), path="/", secure=True, httponly=True, samesite="None", partitioned=True
    )
