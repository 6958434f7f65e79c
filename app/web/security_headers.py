"""The headers of every answer: what may load, who may frame it, what may be kept (SL-60, SL-63)."""

from typing import Final

from flask import Flask, Response, g, request

from app.configured.ehrs import Ehrs

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self'{form}; frame-ancestors {ancestors}"
)
_LAUNCH_ENDPOINTS: Final = frozenset(
    {
        "launch.launch",
        "launch.launch_standalone",
        "launch.launch_worklist",
        "launch.callback",
        "pages.patient",
        "pages.preview",
        "pages.write",
        "pages.written",
        "pages.search_patients",
        "pages.open_patient",
        "session.end",
    }
)
_KEEPABLE_ENDPOINTS: Final = frozenset({"launch.jwks"})
_PERMISSIONS: Final = (
    "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), "
    "microphone=(), payment=(), usb=()"
)


def add_security_headers(app: Flask, ehrs: Ehrs, *, is_https: bool) -> None:
    """Set the headers after every request. A view names its EHR in `g.ehr_id`; no other page may be framed."""

    @app.after_request
    def secure(response: Response) -> Response:
        headers = response.headers
        headers["Content-Security-Policy"] = _content_policy(ehrs)
        headers["Referrer-Policy"] = "no-referrer"
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Permissions-Policy"] = _PERMISSIONS
        headers["Cross-Origin-Resource-Policy"] = "same-origin"
        if is_https:
            headers["Strict-Transport-Security"] = "max-age=31536000"
        if response.status_code >= 400 or not _may_be_kept():
            headers["Cache-Control"] = "no-store"
        return response


def _content_policy(ehrs: Ehrs) -> str:
    form_origin = g.get("form_action_origin")
    return _POLICY.format(form=f" {form_origin}" if form_origin else "", ancestors=_frame_ancestors(ehrs))


def _frame_ancestors(ehrs: Ehrs) -> str:
    """The EHR of this launch. A refused launch of an unknown EHR shows in the frame of any registered one."""
    ehr_id = g.get("ehr_id")
    if ehr_id is not None:
        ehr = ehrs.find(ehr_id)
        origins = set(ehr.launch.frame_ancestors) if ehr else set()
    elif request.endpoint in _LAUNCH_ENDPOINTS:
        origins = {origin for ehr in ehrs for origin in ehr.launch.frame_ancestors}
    else:
        origins = set()
    return " ".join(sorted(origins)) or "'none'"


def _may_be_kept() -> bool:
    """Static files and our public keys; nothing else is ever kept by a browser or a proxy."""
    endpoint = request.endpoint or ""
    is_static = endpoint == "static" or endpoint.endswith(".static")
    return is_static or endpoint in _KEEPABLE_ENDPOINTS
