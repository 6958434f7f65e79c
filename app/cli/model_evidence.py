"""`aki model evidence`: the external validations again, and the table of docs/validation.md from them."""

import json
from pathlib import Path

import click

from app.cli.model_validate import Request, measured
from app.cli.offline import cohort_problems, json_option, progress_bar, resamples_option, training_module

SETS = {"physionet2012": "PhysioNet 2012", "mimic-iv-demo-meds": "MIMIC-IV demo"}
MOMENTS = ("creatinine", "6h")


@click.command()
@click.option(
    "--data",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help=f"The folder that holds {' and '.join(SETS)}.",
)
@resamples_option(published=200)
@json_option
def evidence(data: Path, resamples: int, as_json: bool) -> None:
    """Validate the bundled model on PhysioNet 2012 and the MIMIC-IV demo in both views, and renew the table.

    To be run after every training. Writes model/validation/results/external.json and the docs/validation.md table;
    takes a few minutes.

    \b
    aki model evidence --data ../shared/data
    """
    module, reports = training_module("model.validation.evidence"), []
    with progress_bar(shown=not as_json) as progress, cohort_problems():
        for folder, site in SETS.items():
            for moments in MOMENTS:
                asked = Request(data / folder, None, moments, None, site, resamples)
                reports.append(module.kept(measured(asked, progress)))
    module.write(reports)
    click.echo(json.dumps(reports) if as_json else "Wrote external.json and the table of docs/validation.md.")
