"""`/launch` and its kinds, `/callback`, `/.well-known/jwks.json`. Thin: decisions are in `client`."""

from dataclasses import dataclass
from typing import Final, Protocol

from flask import Blueprint, Response, g, jsonify, render_template_string, request
from werkzeug.exceptions import MethodNotAllowed

from launch.authorization import AuthorizationRequest
from launch.client import LaunchClient
from launch.context import LaunchContext
from launch.errors import LaunchError, LaunchParametersMissing
from launch.pending import BrowserTicket, PendingLaunches
from launch.registry import origin_of

_JWKS_MAX_AGE_SECONDS: Final = 900
_MAX_PARAMETER_CHARS: Final = 16_384

_POST_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Continue to sign-in</title></head>
<body><form method="post" action="{{ target }}">
{% for name, value in fields %}<input type="hidden" name="{{ name }}" value="{{ value }}">
{% endfor %}<p>The launch is ready.</p><button type="submit" autofocus>Continue to sign-in</button>
</form><script src="/launch/continue.js" defer></script></body></html>"""
_CONTINUE: Final = "document.forms[0].submit();\n"


class LaunchEvents(Protocol):
    """What the composition root does with the outcome of a launch."""

    def begun(self, ticket: BrowserTicket, response: Response) -> None:
        """Give the browser its ticket."""

    def accepted(self, context: LaunchContext, pending_launch_id: str) -> Response:
        """Open a session and send the browser on to its page. Raises LaunchError to refuse it."""

    def refused(self, ehr_id: str, error: LaunchError) -> None:
        """Write down that a launch from a known EHR came back and was refused."""


@dataclass(frozen=True, slots=True)
class LaunchDependencies:
    """Everything the routes need."""

    client: LaunchClient
    pending: PendingLaunches
    events: LaunchEvents


def launch_blueprint(deps: LaunchDependencies) -> Blueprint:
    """The launch routes."""
    blueprint = Blueprint("launch", __name__)

    @blueprint.get("/launch")
    def launch() -> Response:
        """EHR launch (SL-1). Other query parameters are left alone (SL-6)."""
        return _send_to_ehr(deps, deps.client.begin(_parameter("iss"), _parameter("launch")))

    @blueprint.get("/launch/continue.js")
    def launch_continue() -> Response:
        """Sends the form of `_POST_PAGE` without a click; without scripts its button does."""
        return Response(_CONTINUE, mimetype="text/javascript")

    @blueprint.get("/launch/standalone")
    def launch_standalone() -> Response:
        """Standalone launch at a registered EHR, named by its id in the registry."""
        return _send_to_ehr(deps, deps.client.begin_standalone(_parameter("ehr") or ""))

    @blueprint.get("/launch/worklist")
    def launch_worklist() -> Response:
        """A launch without a patient, where the registry offers it: from the EHR (`iss` and `launch`), or from our
        start page at an EHR named by its id (`ehr`)."""
        return _send_to_ehr(deps, _begin_without_patient(deps.client))

    @blueprint.get("/callback")
    def callback() -> Response:
        """The browser is back. The launch is taken before anything else, so it works once (SL-31)."""
        if request.method != "GET":
            raise MethodNotAllowed(["GET"])  # a HEAD must not use up the launch
        state = _parameter("state")
        if state is None:
            raise LaunchParametersMissing("state")
        pending, launch_id = deps.pending.take(state, request.cookies)
        g.ehr_id = pending.ehr_id
        query = {name: value for name in ("code", "error", "iss") if (value := _parameter(name)) is not None}
        try:
            return deps.events.accepted(deps.client.finish(pending, query), launch_id)
        except LaunchError as error:
            deps.events.refused(pending.ehr_id, error)
            raise

    @blueprint.get("/.well-known/jwks.json")
    def jwks() -> Response:
        """Our public keys, for EHRs that verify our assertions (SL-76)."""
        response = jsonify(deps.client.keys.public_jwks())
        response.cache_control.public = True
        response.cache_control.max_age = _JWKS_MAX_AGE_SECONDS
        return response

    return blueprint


def _begin_without_patient(client: LaunchClient) -> AuthorizationRequest:
    ehr_id = _parameter("ehr")
    if ehr_id is not None and "iss" not in request.args:
        return client.begin_standalone(ehr_id, "user")
    return client.begin(_parameter("iss"), _parameter("launch"), "user")


def _send_to_ehr(deps: LaunchDependencies, asked: AuthorizationRequest) -> Response:
    g.ehr_id = asked.pending.ehr_id
    ticket = deps.pending.remember(asked.state, asked.pending)
    response = _form_page(asked) if asked.by_form else _redirect(asked.url)
    deps.events.begun(ticket, response)
    return response


def _redirect(url: str) -> Response:
    response = Response(status=303)
    response.headers["Location"] = url
    return response


def _form_page(asked: AuthorizationRequest) -> Response:
    """Too long for an address: the same request as a form the user sends (SL-21)."""
    target, fields = asked.as_form()
    g.form_action_origin = origin_of(target)
    return Response(render_template_string(_POST_PAGE, target=target, fields=fields), mimetype="text/html")


def _parameter(name: str) -> str | None:
    """A query parameter given exactly once and not absurdly long; else None."""
    values = request.args.getlist(name)
    return values[0] if len(values) == 1 and 0 < len(values[0]) <= _MAX_PARAMETER_CHARS else None
