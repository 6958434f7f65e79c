"""`aki score`: assess one Bundle."""

import json
from datetime import datetime
from typing import IO

import click

from app.cli.bundles import Scored, cure, load_model, parse_time, score_bundle
from app.cli.problems import Problem, name_of
from model.assessment import outcome_to_json
from patient_context.errors import PatientContextError
from patient_context.strict_json import MAX_BYTES


class Moment(click.ParamType[datetime]):
    """An ISO 8601 time with its offset."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Parse it, or fail with an example."""
        try:
            return parse_time(str(value))
        except ValueError:
            self.fail(f"{value!r} is not a time with an offset, such as 2026-11-21T14:05:00Z", param, ctx)


@click.command()
@click.argument("bundle", type=click.File("rb"))
@click.option("--at", type=Moment(), help="Assess as of this time. Default: Bundle.timestamp, else now.")
@click.option("--json", "as_json", is_flag=True, help="Print the Assessment as JSON.")
@click.option("--fhir", "as_fhir", is_flag=True, help="Print a FHIR R4 RiskAssessment.")
def score(bundle: IO[bytes], at: datetime | None, as_json: bool, as_fhir: bool) -> None:
    """Assess the patient in BUNDLE, a FHIR R4 Bundle of any type: a file, or - for standard input.

    \b
    aki score bundle.json
    aki score bundle.json --at 2026-11-21T14:05:00+01:00 --json
    curl -s "$FHIR/Patient/1/\\$everything" | aki score -

    Nothing after the time of assessment is used. A file names no EHR: the default policy applies, no local codes,
    and times without an offset are read as UTC. Exit code 1: the Bundle cannot be read.
    """
    if as_json and as_fhir:
        raise click.UsageError("Choose one of --json and --fhir.")
    try:
        # One byte more than is accepted, so that an endless pipe is refused and not awaited.
        scored = score_bundle(bundle.read(MAX_BYTES + 1), at=at, model=load_model())
    except PatientContextError as error:
        raise Problem(f"{name_of(bundle)}: {error}", cure(error)) from None
    if as_fhir:
        _print_fhir(scored)
    elif as_json:
        click.echo(json.dumps(outcome_to_json(scored.outcome), ensure_ascii=False, indent=2))
    else:
        from app.cli.report import print_report

        print_report(scored.outcome, scored.snapshot)


def _print_fhir(scored: Scored) -> None:
    from patient_context.writing import risk_assessment

    click.echo(json.dumps(risk_assessment(scored.outcome), ensure_ascii=False, indent=2))
