"""`aki model intervals`: whether the interval around a prediction holds what it says."""

import json
from pathlib import Path

import click

from app.cli.offline import cohort_option, cohort_problems, json_option, progress_bar, training_module

RESULTS = Path(__file__).resolve().parents[2] / "model" / "validation" / "results"


@click.command()
@cohort_option
@click.option(
    "--out",
    default=RESULTS,
    type=click.Path(file_okay=False, path_type=Path),
    help="Where to write intervals.json. Default: beside the study, where the card reads it.",
)
@json_option
def intervals(data: Path, out: Path, as_json: bool) -> None:
    """Check the interval around a prediction against fits it has not seen. About five minutes on one idle core.

    How often does a fresh refit, its bins and pairs included, fall inside it; and is the difference between two
    models of two halves of the patients as wide as their intervals say.

    \b
    aki model intervals --data ../shared/data/physionet2019
    """
    module, recipe = training_module("model.validation.intervals"), training_module("model.training.recipe")
    run = training_module("model.training.training_run")
    with progress_bar(shown=not as_json) as progress, cohort_problems():
        cohort = run.read_cohort(data, progress)
        found = {
            "onset": module.check_intervals(cohort.onset, recipe.ONSET_RECIPE, progress=progress),
            "progression": module.check_intervals(
                cohort.progression, recipe.PROGRESSION_RECIPE, progress=progress
            ),
        }
    version = training_module("model.training.artifact_writer").MODEL_VERSION
    kept = {"command": f"aki model intervals --data {data.name}", "recipe_of_version": version}
    kept |= training_module("model.validation.study").rounded(found)
    out.mkdir(parents=True, exist_ok=True)
    (out / "intervals.json").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    click.echo(json.dumps(kept) if as_json else f"Wrote intervals.json to {out}.")
