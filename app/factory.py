"""Puts the application together. Every collaborator is made here and handed on; nothing is found by magic."""

import re
import sys
import time
import uuid
from typing import Final

import structlog
from flask import Flask, Response, g, request
from werkzeug.middleware.proxy_fix import ProxyFix

from app.cds.connection import cds_dependencies
from app.configured.ehrs import load_configuration
from app.configured.problems import ConfigurationError
from app.configured.settings import Settings
from app.languages.reader import add_languages
from app.launched.reception import LaunchReception, session_blueprint
from app.patient_page.routes import pages_blueprint
from app.services import AppServices, open_services
from app.telemetry.logs import configure_logs
from app.telemetry.metrics import count_answers
from app.telemetry.tracing import start_tracing
from app.web.error_pages import register_error_pages
from app.web.health import health_blueprint
from app.web.overload import refuse_what_waited_too_long
from app.web.rate_limits import RateLimits
from app.web.security_headers import add_security_headers
from cds_hooks.routes import cds_blueprint
from launch.routes import LaunchDependencies, launch_blueprint

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._\-]{8,64}")
_MAX_BODY_BYTES: Final = 12 * 1024 * 1024

_log = structlog.get_logger("app")


def create_app(settings: Settings | None = None, *, services: AppServices | None = None) -> Flask:
    """The WSGI application. Raises ConfigurationError with every problem of settings and registry."""
    services = services or _services(settings)
    settings = services.settings
    configure_logs(settings.log_level)
    app = Flask("app", static_folder=None)
    app.config.update(MAX_CONTENT_LENGTH=_MAX_BODY_BYTES)
    app.url_map.merge_slashes = False  # a redirect of the router's would name the host the caller said
    app.extensions["aki"] = services
    _identify_requests(app)
    count_answers(app)
    register_error_pages(app)
    add_languages(app, services.ehrs)
    add_security_headers(app, services.ehrs, is_https=settings.is_https)
    refuse_what_waited_too_long(app, settings.longest_wait_seconds)
    limits = RateLimits()
    launches, hooks = settings.launches_per_minute, settings.cds_calls_per_minute
    app.register_blueprint(health_blueprint(services))
    app.register_blueprint(limits.per_minute(launches, launch_blueprint(_launch_dependencies(services))))
    app.register_blueprint(limits.per_minute(launches, session_blueprint(services)))
    app.register_blueprint(limits.per_minute(hooks, cds_blueprint(cds_dependencies(services))))
    app.register_blueprint(limits.per_minute(launches, pages_blueprint(services)))
    if settings.otlp_endpoint:
        start_tracing(app, settings.otlp_endpoint)
    if settings.trusted_proxy_count:
        hops = settings.trusted_proxy_count
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    if settings.development:
        _log.warning("development mode", detail="http issuers and a generated master key are allowed")
    return app


def served_app() -> Flask:
    """The application for gunicorn: a start that cannot be ends with every problem, not with a traceback."""
    try:
        return create_app()
    except ConfigurationError as error:
        sys.exit(error.told)


def _services(settings: Settings | None) -> AppServices:
    if settings is not None:
        return open_services(settings)
    settings, ehrs = load_configuration()
    return open_services(settings, ehrs=ehrs)


def _launch_dependencies(services: AppServices) -> LaunchDependencies:
    return LaunchDependencies(
        client=services.launch_client, pending=services.pending, events=LaunchReception(services)
    )


def _identify_requests(app: Flask) -> None:
    """An id per request, in the log, in the answer, and on every error page; one line per answer."""

    @app.before_request
    def identify() -> None:
        given = request.headers.get("X-Request-Id", "")
        g.request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        g.received = time.monotonic()
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=g.request_id)

    @app.after_request
    def write_down(response: Response) -> Response:
        response.headers["X-Request-Id"] = g.get("request_id", "")
        _log.info(
            "answered",
            method=request.method,
            endpoint=request.endpoint or "none",
            status=response.status_code,
            duration_ms=round((time.monotonic() - g.get("received", time.monotonic())) * 1000, 1),
            ehr_id=g.get("ehr_id"),
        )
        return response
