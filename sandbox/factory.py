"""Puts the embedded EHR together: one process, several threads, state in memory."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import requests
from flask import Flask, Response
from pydantic import SecretStr

from sandbox.authorization import authorization_blueprint, discovery_blueprint
from sandbox.authorization_assertions import ClientKeys, JwksFetch, fetch_jwks
from sandbox.bearer import BearerGate
from sandbox.bench import bench_blueprint
from sandbox.bench_requests import bench_requests_blueprint
from sandbox.capability import SecurityUrls
from sandbox.cds_client import CdsClient
from sandbox.cds_pages import cds_pages_blueprint
from sandbox.clients import Clients, product_registrations
from sandbox.faults import Faults
from sandbox.fhir import fhir_blueprint
from sandbox.keys import load_or_make_keys, write_private
from sandbox.launches import LaunchContexts, PendingAuthorizations
from sandbox.loopback import LoopbackFhir
from sandbox.pages import EhrPages, pages_blueprint
from sandbox.security import add_security_headers, origin_of
from sandbox.services import EhrServices
from sandbox.settings import SandboxSettings
from sandbox.settings_pages import settings_blueprint
from sandbox.store import BUNDLED_PATIENTS, PatientStore
from sandbox.tokens import TokenStore

MAX_BODY_BYTES = 2 * 1024 * 1024
_SECRET_FILE = "basic-client-secret"  # noqa: S105  # a file name

Clock = Callable[[], datetime]


def _utc_now() -> datetime:
    return datetime.now(UTC)


def create_services(
    settings: SandboxSettings, clock: Clock = _utc_now, fetch: JwksFetch = fetch_jwks
) -> EhrServices:
    """Keys, clients and empty stores."""
    secret = settings.basic_client_secret or _demo_secret(settings.state_dir)
    faults = Faults()
    clock = faults.skewed(clock)
    return EhrServices(
        settings=settings,
        clients=Clients(product_registrations(settings, secret)),
        client_keys=ClientKeys(clock, fetch),
        keys=load_or_make_keys(settings.state_dir),
        tokens=TokenStore(clock),
        launches=LaunchContexts(clock, long=settings.vendor.launch_is_long),
        pending=PendingAuthorizations(clock),
        clock=clock,
        faults=faults,
    )


def create_sandbox(
    settings: SandboxSettings | None = None, *, clock: Clock = _utc_now, fetch: JwksFetch = fetch_jwks
) -> Flask:
    """The EHR as a WSGI application. Raises pydantic.ValidationError for a bad setting."""
    settings = settings or SandboxSettings()
    services = create_services(settings, clock, fetch)
    app = Flask("sandbox", template_folder="templates", static_folder="static")
    app.config.update(
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        MAX_FORM_MEMORY_SIZE=MAX_BODY_BYTES,
        SECRET_KEY=secrets.token_bytes(32),
        SESSION_COOKIE_NAME="ehr",
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_HTTPONLY=True,
    )
    app.extensions["ehr"] = services
    store = PatientStore.load(settings.patients_path or BUNDLED_PATIENTS, clock(), settings.vendor)
    app.extensions["ehr_store"] = store
    _register(app, services, store)
    login = () if settings.login_url == settings.base_url else (origin_of(settings.login_url),)
    partners = (origin_of(settings.app_url), *login)

    @app.after_request
    def secure(response: Response) -> Response:
        return add_security_headers(response, partners)

    return app


def _register(app: Flask, services: EhrServices, store: PatientStore) -> None:
    settings = services.settings
    gate = BearerGate(services.tokens)
    app.register_blueprint(discovery_blueprint(services))
    app.register_blueprint(authorization_blueprint(services, store.patients))
    app.register_blueprint(
        fhir_blueprint(
            store,
            gate,
            base_url=settings.fhir_base,
            security_urls=SecurityUrls(
                settings.authorize_endpoint,
                settings.token_endpoint,
                settings.revocation_endpoint,
                settings.introspection_endpoint,
            ),
            faults=services.faults,
            clock=services.clock,
            profile=settings.vendor,
            end_token=gate.end,
        )
    )
    app.register_blueprint(pages_blueprint(services, store))
    client = CdsClient(
        services, LoopbackFhir(app, settings.base_url, settings.vendor.fhir_path), requests.Session()
    )
    ehr = EhrPages(services, store)
    app.register_blueprint(cds_pages_blueprint(ehr, client))
    app.register_blueprint(bench_blueprint(ehr, client))
    app.register_blueprint(bench_requests_blueprint(ehr, client))
    app.register_blueprint(settings_blueprint(ehr))


def create_sandbox_from_environment() -> Flask:
    """For gunicorn: `sandbox.factory:create_sandbox_from_environment()` with `SANDBOX_*` set."""
    return create_sandbox(SandboxSettings())


def _demo_secret(state_dir: Path | None) -> SecretStr:
    """The shared secret of the demo's confidential client, kept beside the keys when there is a place."""
    if state_dir is None:
        return SecretStr(secrets.token_urlsafe(32))
    path = state_dir / _SECRET_FILE
    if not path.exists():
        write_private(path, secrets.token_urlsafe(32))
    return SecretStr(path.read_text("utf-8").strip())
