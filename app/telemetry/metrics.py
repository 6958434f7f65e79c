"""What is counted. Labels hold names of this program and of registered EHRs, never anything of a patient."""

import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

from flask import Flask, Response, g, request
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from app.configured.settings import prometheus_dir
from app.jobs import last_finished_at
from app.services import AppServices
from app.version import product_version
from app.watching.results import kept_results
from app.watching.switches import PARTS
from cds_hooks.services import SERVICES
from model.errors import ModelError

# Endpoint names only: a path holds a launch id.
REQUESTS: Final = Counter("aki_requests_total", "Requests answered.", ["endpoint", "status"])
SECONDS: Final = Histogram("aki_request_seconds", "Time to answer.", ["endpoint"])
LAUNCHES: Final = Counter("aki_launches_total", "Launches by EHR and what became of them.", ["ehr", "outcome"])
HOOKS: Final = Counter(
    "aki_hook_calls_total", "CDS Hooks calls: card, silent, or the refusing status.", ["service", "outcome"]
)

_JUDGED: Final = {
    "aki_predictions_judged": ("predictions", "Predictions of the newest month that could be judged."),
    "aki_predictions_outcome_known": ("known", "Of those, predictions whose outcome is known."),
    "aki_predictions_alarms": ("alarms", "Thresholds crossed in the last three months: aki monitor."),
    "aki_predictions_observed_over_expected": ("observed_over_expected", "Events over the sum of the risks."),
    "aki_predictions_auroc": ("auroc", "The chance that an event was given the higher risk."),
    "aki_predictions_ppv": ("ppv", "The share of flagged predictions with an event."),
    "aki_predictions_alert_rate": ("alert_rate", "The share of predictions flagged high."),
}
_LAUNCH_ENDPOINTS: Final = frozenset(
    {"launch.launch", "launch.launch_standalone", "launch.launch_worklist", "launch.callback"}
)
_HOOK_ENDPOINT: Final = "cds_hooks.serve"


def count_answers(app: Flask) -> None:
    """Count and time every answer, and hooks and launches by what became of them."""

    @app.before_request
    def start() -> None:
        g.started = time.monotonic()

    @app.after_request
    def count(response: Response) -> Response:
        endpoint = request.endpoint or "none"
        REQUESTS.labels(endpoint, str(response.status_code)).inc()
        SECONDS.labels(endpoint).observe(time.monotonic() - g.get("started", time.monotonic()))
        if endpoint == _HOOK_ENDPOINT and request.method == "POST":
            HOOKS.labels(_service_asked(), _hook_outcome(response)).inc()
        if endpoint in _LAUNCH_ENDPOINTS and response.status_code >= 400 and "launch_counted" not in g:
            count_launch(g.get("ehr_id"), f"http-{response.status_code}")
        return response


def count_launch(ehr_id: str | None, outcome: str) -> None:
    """Count what became of a launch; once per request."""
    g.launch_counted = True
    LAUNCHES.labels(ehr_id or "unknown", outcome).inc()


def exposition(services: AppServices) -> bytes:
    """Everything in Prometheus' text form: the counters of all workers, and the state of this installation."""
    state = CollectorRegistry()
    state.register(InstallationState(services))
    return generate_latest(_registry()) + generate_latest(state)


class InstallationState(Collector):
    """What is so now, asked when Prometheus asks."""

    def __init__(self, services: AppServices) -> None:
        self._services = services

    def collect(self) -> Iterator[Metric]:
        """Model, version, switches, database, time of the last scheduled jobs."""
        refused = isinstance(self._services.model, ModelError)
        yield _gauge("aki_model_available", "1 when the risk model is in use.", 0.0 if refused else 1.0)
        build = GaugeMetricFamily("aki_build_info", "Version in use.", labels=["version"])
        build.add_metric([product_version()], 1.0)
        yield build
        yield _switches(self._services)
        try:
            finished_at = last_finished_at(self._services.engine)
            judged = kept_results(self._services.engine)
        except SQLAlchemyError:
            yield _gauge("aki_database_up", "1 when the database answers.", 0.0)
            return
        yield _gauge("aki_database_up", "1 when the database answers.", 1.0)
        stamp = finished_at.timestamp() if finished_at else 0.0
        yield _gauge(
            "aki_jobs_last_finished_timestamp_seconds", "When `aki jobs run` last finished; 0: never.", stamp
        )
        yield from _judged(judged)


def _switches(services: AppServices) -> GaugeMetricFamily:
    """One series per site and part, named by the mode it is in."""
    text = "The mode a site's prediction or cards are in: live, shadow or off."
    found = GaugeMetricFamily("aki_site_switch", text, labels=["ehr", "part", "mode"])
    for ehr in services.ehrs:
        for part in PARTS:
            found.add_metric([ehr.id, part, services.switches.mode(ehr.id, part)], 1.0)
    return found


def _judged(rows: Sequence[Any]) -> Iterator[GaugeMetricFamily]:
    """What the last `aki jobs run` found of the predictions; a series is absent where it cannot be said."""
    for name, (column, text) in _JUDGED.items():
        found = GaugeMetricFamily(name, text, labels=["ehr", "head"])
        for row in rows:
            value = getattr(row, column)
            if value is not None:
                found.add_metric([row.ehr_id, row.head], float(value))
        yield found


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)


def _service_asked() -> str:
    service_id = str((request.view_args or {}).get("service_id"))
    return service_id if service_id in SERVICES else "unknown"


def _hook_outcome(response: Response) -> str:
    if response.status_code != 200:
        return str(response.status_code)
    return str(g.get("hook_outcome", "unknown"))


def _registry() -> CollectorRegistry:
    """This process's numbers, or those of all workers where gunicorn has set the directory."""
    if not prometheus_dir():
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry
