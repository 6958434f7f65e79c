"""gunicorn: threads in a few workers, loaded once, stopped gently. Every number comes from the AKI_* settings."""

import gc
import os
import shutil
import sys
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # noqa: TID251  before numpy-like libraries start their threads

from app.configured.ehrs import load_configuration
from app.configured.problems import ConfigurationError
from app.storage.failures import shortage_of_room

try:
    settings, _ = load_configuration()
except ConfigurationError as error:
    sys.exit(error.told)

metrics_dir = (settings.state_dir / "metrics").resolve()
os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(metrics_dir)  # noqa: TID251  read when prometheus_client is imported
shutil.rmtree(metrics_dir, ignore_errors=True)
try:
    metrics_dir.mkdir(parents=True, mode=0o700, exist_ok=True)
except OSError as error:
    sys.exit(ConfigurationError([f"AKI_STATE_DIR: no folder can be made in it: {error.strerror}"]).told)
if (shortage := shortage_of_room(settings.state_dir)) is not None:
    sys.exit(ConfigurationError([f"AKI_STATE_DIR: {shortage}"]).told)

wsgi_app = "app.factory:served_app()"
bind = settings.bind
worker_class = "app.web.overload.Worker"  # gthread, with a line whose waiting is measured
workers = int(os.environ.get("WEB_CONCURRENCY", settings.workers))  # noqa: TID251
threads = settings.threads
preload_app = True
timeout = 60
graceful_timeout = int(max(settings.cds_budget_seconds, settings.read_deadline_seconds)) + 10
keepalive = 5
max_requests = 20_000
max_requests_jitter = 2_000
limit_request_line = 8190
# Who may say where a request came from is AKI_TRUSTED_PROXY_COUNT's matter alone. gunicorn itself would believe
# anybody behind a proxy on this host: a header SCRIPT_NAME put a foreign host into every link.
forwarded_allow_ips = ""
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}
accesslog = None  # the application writes one line per answer, without addresses
errorlog = "-"
logger_class = "app.telemetry.server_log.ServerLog"
control_socket_disable = True


def when_ready(server: Any) -> None:
    """Once, before the workers: write down what changed since the last start. With no trail, views fail closed."""
    from app.auditing.setting_changes import note_configuration
    from app.auditing.trail import AuditFailed

    services = server.app.wsgi().extensions["aki"]
    try:
        note_configuration(services)
    except AuditFailed:
        server.log.error("the audit trail cannot be written: no patient will be shown")
    services.engine.dispose()
    spare_the_collector()


def spare_the_collector() -> None:
    """What is loaded stays loaded: searching it for garbage made one hook call in a hundred 30 ms slower.

    A chart is thousands of small objects that no cycle keeps, so new ones are searched less often too.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def child_exit(server: Any, worker: Any) -> None:  # noqa: ARG001
    """Forget the gauges of a worker that has gone."""
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(worker.pid)
