"""`aki demo`: the embedded EHR and the app, with one command."""

from pathlib import Path

import click

from app.cli.problems import Problem

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
def demo(ehr_port: int, app_port: int, state_dir: Path) -> None:
    """Start the embedded EHR with real, de-identified patients, and the app beside it. Ctrl-C stops both.

    \b
    aki demo
    aki demo --ehr-port 9191 --app-port 8181
    """
    from app.demo import DemoProblem, DemoSetting, run_demo

    try:
        run_demo(
            DemoSetting(ehr_port, app_port, state_dir),
            report=lambda line: click.echo(line, err=True),
            welcome=lambda setting: _print_welcome(setting.ehr_url, setting.app_url, setting.state_dir),
        )
    except DemoProblem as problem:
        raise Problem(str(problem), problem.cure) from problem


def _print_welcome(ehr_url: str, app_url: str, state_dir: Path) -> None:
    from rich.console import Console
    from rich.panel import Panel

    text = (
        f"[bold]Open {ehr_url}[/bold]\n"
        "  the embedded EHR: choose a patient, click Launch\n\n"
        f"The app itself  {app_url}\n"
        f"Logs            {state_dir}/ehr.log and {state_dir}/app.log\n\n"
        "Ctrl-C stops both."
    )
    console = Console(highlight=False, soft_wrap=True)
    console.print(Panel.fit(text, title="AKI Sentinel demo", padding=(1, 3)))
    console.file.flush()
