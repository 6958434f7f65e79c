"""`/health` (alive), `/ready` (may take traffic, with causes) and `/metrics` (Prometheus, all workers)."""

import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from flask import Blueprint, Flask, Response, g, jsonify, request
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from sqlalchemy.exc import SQLAlchemyError

from app.database import is_current
from app.services import AppServices
from app.settings import prometheus_dir
from model.errors import ModelError

# Endpoint names only: a path holds a launch id.
REQUESTS: Final = Counter("aki_requests_total", "Requests answered.", ["endpoint", "status"])
SECONDS: Final = Histogram("aki_request_seconds", "Time to answer.", ["endpoint"])


def health_blueprint(services: AppServices) -> Blueprint:
    """Answers for load balancers, operators and Prometheus. Nothing here needs or shows a patient."""
    blueprint = Blueprint("health", __name__)

    @blueprint.get("/health")
    def health() -> Response:
        return jsonify(status="ok", version=product_version(), model=_model_id(services))

    @blueprint.get("/ready")
    def ready() -> Response:
        blocking = _problems(_blocking_checks(services))
        degrading = _problems(_degrading_checks(services))
        status = "not ready" if blocking else "degraded" if degrading else "ready"
        response = jsonify(status=status, problems=[*blocking, *degrading])
        response.status_code = 503 if blocking else 200
        return response

    @blueprint.get("/metrics")
    def metrics() -> Response:
        return Response(generate_latest(_registry()), content_type=CONTENT_TYPE_LATEST)

    return blueprint


def count_requests(app: Flask) -> None:
    """Count every answer by endpoint name and status."""

    @app.before_request
    def start() -> None:
        g.started = time.monotonic()

    @app.after_request
    def count(response: Response) -> Response:
        endpoint = request.endpoint or "none"
        REQUESTS.labels(endpoint, str(response.status_code)).inc()
        SECONDS.labels(endpoint).observe(time.monotonic() - g.get("started", time.monotonic()))
        return response


def product_version() -> str:
    """The installed version."""
    try:
        return version("aki-sentinel")
    except PackageNotFoundError:
        return "unknown"


def _registry() -> CollectorRegistry:
    """This process's numbers, or those of all workers where gunicorn has set the directory."""
    if not prometheus_dir():
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry


def _model_id(services: AppServices) -> str | None:
    return None if isinstance(services.model, ModelError) else services.model.identity.id


Check = Callable[[], str | None]


def _blocking_checks(services: AppServices) -> dict[str, Check]:
    """Without these no launch and no hook can be answered."""
    return {
        "database": lambda: None if is_current(services.engine) else "the schema is not current: aki db upgrade",
        "signing-key": lambda: None if services.client_keys else "no key to sign with",
        "registry": lambda: None if len(services.ehrs) else "no EHR is registered (ehrs.toml)",
    }


def _degrading_checks(services: AppServices) -> dict[str, Check]:
    """Without a model staging still works, and every answer says why it holds no risk: keep the traffic."""
    return {"model": lambda: "refused: risk is withheld" if isinstance(services.model, ModelError) else None}


def _problems(checks: dict[str, Check]) -> list[dict[str, str]]:
    found = []
    for part, check in checks.items():
        try:
            cause = check()
        except SQLAlchemyError:
            cause = "cannot be reached"
        if cause is not None:
            found.append({"part": part, "cause": cause})
    return found
