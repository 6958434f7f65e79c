"""`aki serve` and `aki check-config`."""

import json
import os
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from app.cli.bundles import load_model
from app.cli.configured import configured, problem_list
from app.cli.problems import Problem
from app.configured.ehrs import Ehrs
from app.configured.recalibrations import recalibration_problem
from app.configured.settings import Settings

_CONFIG_NAME = "gunicorn.conf.py"


@click.command()
@click.option("--host", help="Address to listen on. Default: that of AKI_BIND.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port to listen on. Default: that of AKI_BIND.")
@click.option(
    "--config", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Another gunicorn.conf.py."
)
def serve(host: str | None, port: int | None, config: Path | None) -> None:
    """Serve the app with gunicorn, after checking the configuration.

    \b
    aki serve
    aki serve --host 0.0.0.0 --port 8443
    AKI_WORKERS=4 aki serve

    Settings come from AKI_* and ehrs.toml. Behind a reverse proxy that ends TLS, set AKI_TRUSTED_PROXY_COUNT.
    """
    settings, _ = configured()
    bound_host, _, bound_port = settings.bind.rpartition(":")
    host, port = host or bound_host, port or int(bound_port)
    _require_free(host, port)
    arguments = ["app.factory:served_app()", "--bind", f"{host}:{port}"]
    arguments += ["--workers", str(settings.workers), "--threads", str(settings.threads)]
    found = config or _default_config()
    if found:
        arguments += ["--config", str(found)]
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "gunicorn", *arguments])  # noqa: S606 - replaces this process


def _require_free(host: str, port: int) -> None:
    """Raises Problem where gunicorn would try for five seconds and then only say no."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host.strip("[]"), port), family=family).close()
    except OSError as error:
        cause = f"{host}:{port} cannot be listened on: {os.strerror(error.errno or 0)}."
        raise Problem(cause, "Choose another address with --host and --port, or in AKI_BIND.") from error


def _default_config() -> Path | None:
    """The one in the working directory, else the one of the source tree or of the installed wheel."""
    package = Path(__file__).resolve().parents[1]
    places = (Path(_CONFIG_NAME), package.parent / _CONFIG_NAME, package / _CONFIG_NAME)
    return next((place for place in places if place.is_file()), None)


@click.command("check-config")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check_config(as_json: bool) -> None:
    """Check settings (AKI_*), EHR registry and recalibrations; name every problem with its place. Exit code 1 when
    there is one.

    \b
    aki check-config
    AKI_EHRS_FILE=/etc/aki/ehrs.toml aki check-config
    """
    try:
        settings, ehrs = configured()
        _check_recalibrations(settings, ehrs)
    except Problem as problem:
        if not as_json:
            raise
        lines = problem.message.splitlines()
        found = [line.removeprefix("  - ") for line in lines if line.startswith("  - ")]
        click.echo(json.dumps({"ok": False, "problems": found}, indent=2))
        sys.exit(1)
    if as_json:
        click.echo(json.dumps({"ok": True, "problems": [], "ehrs": [config.id for config in ehrs]}, indent=2))
        return
    names = ", ".join(config.launch.name for config in ehrs) or "none"
    click.echo(f"The configuration is good. Public address: {settings.public_url}. Registered EHRs: {names}.")
    if settings.development:
        click.echo(
            "AKI_DEVELOPMENT is on: http is allowed and a master key is made on first start. Not for patients."
        )


def _check_recalibrations(settings: Settings, ehrs: Ehrs) -> None:
    """Raise Problem when the overlay of a site's policy gives no risk. The start is not stopped by it."""
    model, today = load_model(), datetime.now(UTC).date()
    folder, problems = settings.ehrs_file.parent, []
    for index, ehr in enumerate(ehrs):
        problem = recalibration_problem(model, ehr.policy, folder, today)
        if problem:
            problems.append(f"ehr[{index}].policy.recalibration: {problem}")
    if problems:
        cure = "This site gets no risk until it is made anew: aki model recalibrate (docs/recalibration.md)"
        raise Problem(problem_list(tuple(problems)), cure)
