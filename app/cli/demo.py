"""`aki demo`: the embedded EHR and the app, with one command."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli.problems import Problem

if TYPE_CHECKING:
    from app.demo.processes import DemoSetting

_PORT = click.IntRange(1024, 65535)


@click.command()
@click.option("--ehr-port", type=_PORT, default=9090, show_default=True, help="Port of the embedded EHR.")
@click.option("--app-port", type=_PORT, default=8080, show_default=True, help="Port of the app.")
@click.option(
    "--state-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("var/demo"),
    show_default=True,
    help="Keys, database and logs; kept between starts.",
)
@click.option(
    "--ehr-profile",
    default="standard",
    show_default=True,
    metavar="VENDOR",
    help="Behave like a vendor's EHR: epic, oracle, athena ... (docs/embedded-ehr.md).",
)
def demo(ehr_port: int, app_port: int, state_dir: Path, ehr_profile: str) -> None:
    """Start the embedded EHR with real, de-identified patients, and the app beside it. Ctrl-C stops both.

    \b
    aki demo
    aki demo --ehr-port 9191 --app-port 8181
    aki demo --ehr-profile epic
    """
    from app.demo.processes import DemoProblem, DemoSetting, run_demo
    from sandbox.profiles import PROFILE_IDS

    if ehr_profile not in PROFILE_IDS:
        raise click.BadParameter(f"must be one of {', '.join(PROFILE_IDS)}", param_hint="--ehr-profile")
    try:
        run_demo(
            DemoSetting(ehr_port, app_port, state_dir, ehr_profile),
            report=lambda line: click.echo(line, err=True),
            welcome=_print_welcome,
        )
    except DemoProblem as problem:
        raise Problem(str(problem), problem.cure) from problem


def _print_welcome(setting: "DemoSetting") -> None:
    from rich.console import Console
    from rich.panel import Panel

    text = (
        f"[bold]Open {setting.ehr_url}[/bold]\n"
        "  the embedded EHR: choose a patient, click Launch\n\n"
        f"Decision support  {setting.ehr_url}/bench\n"
        f"The app itself    {setting.app_url}\n"
        f"EHR profile       {setting.profile}\n"
        f"Logs              {setting.state_dir}/ehr.log and {setting.state_dir}/app.log\n\n"
        "Ctrl-C stops both."
    )
    console = Console(highlight=False, soft_wrap=True)
    console.print(Panel.fit(text, title="AKI Sentinel demo", padding=(1, 3)))
    console.file.flush()
