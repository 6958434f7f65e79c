"""HTTP face of the authorization server: discovery, authorize, sign-in, token, revocation, introspection.

An EHR launch is granted without a question, because the clinician is already at work in the EHR; a standalone
launch asks who is signing in and for which patient. There are no passwords: the clinicians are fictional.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749.errors import UnsupportedResponseTypeError
from flask import Blueprint, Response, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from sandbox.authorization_documents import SMART_STYLE, openid_configuration, smart_configuration
from sandbox.authorization_server import ResumedRequest, SmartAuthorizationServer
from sandbox.launches import LaunchContext, PendingAuthorization
from sandbox.patient_list import PatientRows, select_rows
from sandbox.practitioners import PRACTITIONERS, find_practitioner
from sandbox.scopes import ScopeSet
from sandbox.security import allow_form_target, refuse_foreign_forms
from sandbox.services import EhrServices
from sandbox.store import PatientSummary

CACHE_DOCUMENTS = "public, max-age=300"


def discovery_blueprint(services: EhrServices) -> Blueprint:
    """Documents anyone may read, from any origin."""
    pages = Blueprint("discovery", __name__)
    well_known = f"{services.settings.vendor.fhir_path}/.well-known"

    def document(body: dict[str, Any]) -> Response:
        response = jsonify(body)
        response.headers["Cache-Control"] = CACHE_DOCUMENTS
        response.headers["Access-Control-Allow-Origin"] = "*"
        return response

    if services.settings.vendor.publishes_smart_configuration:
        pages.add_url_rule(
            f"{well_known}/smart-configuration",
            view_func=lambda: document(smart_configuration(services.settings)),
            endpoint="smart",
        )

    @pages.get(f"{well_known}/openid-configuration")
    def openid() -> Response:
        return document(openid_configuration(services.settings))

    @pages.get(f"{well_known}/jwks.json")
    def jwks() -> Response:
        return document(services.keys.public_jwks())

    @pages.get("/smart-style-v1.json")
    def style() -> Response:
        return document(SMART_STYLE)

    return pages


def authorization_blueprint(services: EhrServices, patient_rows: PatientRows) -> Blueprint:
    """The OAuth endpoints below `/auth`."""
    server = SmartAuthorizationServer(services)
    pages = Blueprint("authorization", __name__, url_prefix="/auth")
    desk = SignInDesk(services, server, patient_rows)

    @pages.route("/authorize", methods=["GET", "POST"])
    def authorize() -> BaseResponse:
        return _begin(services, server)

    @pages.post("/token")
    def token() -> Response:
        response: Response = server.create_token_response()
        return response

    @pages.post("/revoke")
    def revoke() -> Response:
        response: Response = server.create_endpoint_response("revocation")
        return response

    @pages.post("/introspect")
    def introspect() -> Response:
        response: Response = server.create_endpoint_response("introspection")
        return response

    pages.add_url_rule("/sign-in", view_func=desk.sign_in_page, methods=["GET"])
    pages.add_url_rule("/sign-in", view_func=desk.sign_in, methods=["POST"])
    pages.add_url_rule("/choose-patient", view_func=desk.patient_page, methods=["GET"])
    pages.add_url_rule("/choose-patient", view_func=desk.choose_patient, methods=["POST"])
    pages.errorhandler(OAuth2Error)(_refuse)
    return pages


def _begin(services: EhrServices, server: SmartAuthorizationServer) -> BaseResponse:
    """Answer an authorization request: at once for an EHR launch, after a sign-in for a standalone one."""
    oauth_request = server.create_oauth2_request(None)
    context = services.launches.look(request.values.get("launch", ""))
    oauth_request.launch_context = context
    user = context.practitioner_id if context else None
    grant = server.get_consent_grant(oauth_request, end_user=user)
    if context is not None and request.values.get("launch"):
        return _see_other(server.create_authorization_response(oauth_request, grant_user=user, grant=grant))
    pending = services.pending.put(PendingAuthorization(request.values.to_dict()))
    return redirect(url_for("authorization.sign_in_page", request=pending), 303)


def _refuse(error: OAuth2Error) -> BaseResponse:
    """Tell the app by redirect where its redirect URI was verified, else tell the person on a page."""
    if error.redirect_uri:
        _, _, headers = error()
        return redirect(dict(headers)["Location"], 303)
    other_type = isinstance(error, UnsupportedResponseTypeError)  # authlib's sentence says it twice
    words = "'response_type' must be 'code'." if other_type else error.get_error_description()
    return Response(render_template("refused.html", error=error.error, description=words), 400)


def _see_other(response: Response) -> Response:
    """A POST must never be repeated at the app (RFC 9700 4.12), so redirects are 303."""
    if response.status_code == 302:
        response.status_code = 303
    return response


class SignInDesk:
    """Standalone launches: who is signing in, and for which patient."""

    def __init__(self, services: EhrServices, server: SmartAuthorizationServer, patient_rows: PatientRows) -> None:
        self._services = services
        self._server = server
        self._patient_rows = patient_rows

    def sign_in_page(self) -> BaseResponse:
        key, pending = self._pending()
        if pending is None:
            return _gone()
        return self._page("sign_in.html", key, pending, practitioners=PRACTITIONERS)

    def sign_in(self) -> BaseResponse:
        refuse_foreign_forms()
        key, pending = self._pending()
        practitioner = find_practitioner(request.form.get("practitioner"))
        if pending is None:
            return _gone()
        if request.form.get("action") == "deny":
            return self._answer(key, None)
        if practitioner is None:
            return redirect(url_for("authorization.sign_in_page", request=key), 303)
        if not ScopeSet.parse(pending.parameters.get("scope")).needs_patient:
            return self._answer(key, LaunchContext(practitioner.id))
        self._services.pending.take(key)
        key = self._services.pending.put(replace(pending, practitioner_id=practitioner.id))
        return redirect(url_for("authorization.patient_page", request=key), 303)

    def patient_page(self) -> BaseResponse:
        key, pending = self._pending()
        if pending is None or pending.practitioner_id is None:
            return _gone()
        words = request.args.get("q", "")
        rows = select_rows(self._patient_rows(), words=words)
        return self._page("choose_patient.html", key, pending, rows=rows, words=words)

    def choose_patient(self) -> BaseResponse:
        refuse_foreign_forms()
        key, pending = self._pending()
        if pending is None or pending.practitioner_id is None:
            return _gone()
        if request.form.get("action") == "deny":
            return self._answer(key, None)
        row = self._row(request.form.get("patient", ""))
        if row is None:
            return redirect(url_for("authorization.patient_page", request=key), 303)
        return self._answer(key, LaunchContext(pending.practitioner_id, row.id))

    def _pending(self) -> tuple[str, PendingAuthorization | None]:
        key = request.values.get("request", "")
        return key, self._services.pending.look(key)

    def _row(self, patient_id: str) -> PatientSummary | None:
        return next((row for row in self._patient_rows() if row.id == patient_id), None)

    def _page(self, template: str, key: str, pending: PendingAuthorization, **values: Any) -> BaseResponse:
        client = self._services.clients.get(pending.parameters.get("client_id"))
        name = client.registration.name or client.client_id if client else ""
        scopes = ScopeSet.parse(pending.parameters.get("scope"))
        allow_form_target(pending.parameters["redirect_uri"])
        return Response(render_template(template, key=key, app_name=name, scopes=scopes, **values))

    def _answer(self, key: str, context: LaunchContext | None) -> BaseResponse:
        """Finish the request that was put aside; `context` None means the person said no."""
        pending = self._services.pending.take(key)
        if pending is None:
            return _gone()
        nobody = LaunchContext("")
        resumed = ResumedRequest(
            self._services.settings.authorize_endpoint, dict(pending.parameters), context or nobody
        )
        user = context.practitioner_id if context else None
        grant = self._server.get_consent_grant(resumed, end_user=user)
        return _see_other(self._server.create_authorization_response(resumed, grant_user=user, grant=grant))


def _gone() -> BaseResponse:
    text = "This sign-in is unknown, was finished, or is older than ten minutes. Start again from the app."
    return Response(render_template("refused.html", error="request_gone", description=text), 400)
