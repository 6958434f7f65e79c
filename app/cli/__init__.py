"""The `aki` command line. Commands are imported when they are called, so `aki --help` is quick."""

from importlib import import_module

import click

#: Command name -> where it lives and what the list of commands says of it.
COMMANDS = {
    "score": ("app.cli.score:score", "Assess one patient's FHIR Bundle."),
    "score-many": ("app.cli.score_many:score_many", "Assess many Bundles, one a line."),
    "stage": ("app.cli.stage:stage", "Stage a creatinine series from a CSV."),
    "model": ("app.cli.model:model_group", "Train, validate, show and verify the model."),
    "ehr": ("app.cli.ehr:ehr", "List, check and add EHRs."),
    "cds": ("app.cli.cds:cds", "Report what became of the cards: shown, held back, accepted, overridden."),
    "site": ("app.cli.site:site", "Show, try in shadow or switch off a site's prediction and cards."),
    "monitor": ("app.cli.monitor:monitor", "Judge the predictions by what happened, per site and month."),
    "keys": ("app.cli.keys:keys", "Rotate the keys this app signs with."),
    "serve": ("app.cli.serve:serve", "Serve the app with gunicorn."),
    "check-config": ("app.cli.serve:check_config", "Check settings and EHR registry, naming every problem."),
    "db": ("app.cli.db:db", "Prepare, check, back up and restore the database."),
    "audit": ("app.cli.audit:audit", "Check, export and report on the audit trail."),
    "jobs": ("app.cli.jobs:jobs", "Run what a schedule must run: expiry, anchors, retention."),
    "demo": ("app.cli.demo:demo", "Start the embedded EHR and the app."),
}


class LazyGroup(click.Group):
    """A group whose commands are loaded by name."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """The names in the order of `COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import one command, or None for a name that is not one."""
        if cmd_name not in COMMANDS:
            return None
        module_name, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command = getattr(import_module(module_name), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{cmd_name} is not a command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="aki-sentinel")
def main() -> None:
    """AKI Sentinel: detect acute kidney injury and its 48-hour risk, from the EHR's own data.

    \b
    Try it:       aki demo
    One patient:  aki score bundle.json
    Many:         aki score-many bundles.ndjson --out assessments.ndjson
    """
