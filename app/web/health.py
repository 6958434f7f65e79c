"""`/health` (alive), `/ready` (may take traffic, with causes) and `/metrics` (Prometheus, all workers)."""

from collections.abc import Callable

from flask import Blueprint, Response, jsonify
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy.exc import SQLAlchemyError

from app.services import AppServices
from app.storage.database import schema_problem
from app.telemetry.metrics import exposition
from app.version import product_version
from app.watching.switches import PARTS
from model.errors import ModelError


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
        response = jsonify(status=status, problems=[*blocking, *degrading], switched=_switched(services))
        response.status_code = 503 if blocking else 200
        return response

    @blueprint.get("/metrics")
    def metrics() -> Response:
        return Response(exposition(services), content_type=CONTENT_TYPE_LATEST)

    return blueprint


def _model_id(services: AppServices) -> str | None:
    return None if isinstance(services.model, ModelError) else services.model.identity.id


def _switched(services: AppServices) -> list[dict[str, str]]:
    """What is not live by a site's own decision: nothing to be repaired."""
    found = [(ehr.id, part, services.switches.switch(ehr.id, part)) for ehr in services.ehrs for part in PARTS]
    return [
        {
            "site": site,
            "part": part,
            "mode": switch.mode,
            **({"since": switch.since.isoformat()} if switch.since else {}),
        }
        for site, part, switch in found
        if switch.mode != "live"
    ]


Check = Callable[[], str | None]


def _blocking_checks(services: AppServices) -> dict[str, Check]:
    """Without these no launch and no hook can be answered."""
    return {
        "database": lambda: schema_problem(services.engine),
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
