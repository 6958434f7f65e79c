"""`aki model validate`: the model on somebody's own patients; `aki model rival`: what stands beside it."""

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.cli.offline import (
    cohort_option,
    cohort_problems,
    json_option,
    out_option,
    progress_bar,
    resamples_option,
    training_module,
)
from app.cli.problems import Problem
from model.artifact import ModelRefused, load_bundled_model, load_model
from model.risk import RiskModel

if TYPE_CHECKING:
    from app.cli.model_data import LocalData

BUNDLED = Path(__file__).resolve().parents[2] / "model" / "bundled"
FORMS = ("physionet2019", "physionet2012", "meds", "hourly", "fhir")
TRAINED_ON = (
    "These are patients the model was trained on: the figures flatter it. The honest ones are in the model card."
)


@click.command()
@click.option(
    "--data",
    required=True,
    type=click.Path(exists=True, path_type=Path),
    help="Your patients: a file or folder in one of the formats below.",
)
@click.option("--format", "form", type=click.Choice(FORMS), help="Which format it is. Default: recognised.")
@click.option(
    "--landmarks",
    type=click.Choice(("creatinine", "6h")),
    default="creatinine",
    show_default=True,
    help="When a prediction is made: at each creatinine result, or every 6 hours.",
)
@click.option(
    "--model",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The artifact to score. Default: the bundled one.",
)
@click.option("--site", default="this site", show_default=True, help="The name the report speaks of.")
@resamples_option
@out_option("validation.html and validation.json")
@json_option
def validate(
    data: Path,
    form: str | None,
    landmarks: str,
    folder: Path | None,
    site: str,
    resamples: int,
    out: Path,
    as_json: bool,
) -> None:
    """Score the model, as it is, on your own patients and write one HTML report and its JSON.

    Discrimination, calibration, decision curve, alert burden by day and by episode, subgroups, missing inputs and
    drift, with creatinine-only regressions beside it; intervals are by bootstrap over patients. Nothing is
    refitted; nothing leaves the machine. docs/validation.md says how to bring data and how to read the report.

    \b
    hourly table (csv, parquet)      aki model validate --data patients.parquet --site "Hôpital A"
    FHIR Bundles or Bulk Data        aki model validate --data export/
    MEDS                             aki model validate --data ../shared/data/mimic-iv-demo-meds
    PhysioNet 2012, every 6 hours    aki model validate --data ../shared/data/physionet2012 --landmarks 6h
    PhysioNet 2019                   aki model validate --data ../shared/data/physionet2019
    """
    local, page = training_module("model.validation.local"), training_module("model.validation.html_report")
    reader = training_module("app.cli.model_data")
    source = BUNDLED if folder is None else folder
    with progress_bar(shown=not as_json) as progress, cohort_problems():
        model, reference = _loaded(folder), local.Reference(_distribution(source), _rival())
        given: LocalData = reader.read_local_data(data, site=site, progress=progress, form=form)
        try:
            found = local.validate(
                given.stays,
                model,
                reference,
                site=site,
                resamples=resamples,
                landmarks=landmarks,
                progress=progress,
            )
        except local.TooFewEvents as few:
            raise Problem(f"Onset cannot be measured: {few}", "Bring more patients.") from few
    seen = bool(given.digests & _trained_on(source))
    command = f"aki model validate --data {data.name} --landmarks {landmarks} --resamples {resamples}"
    found |= {
        "data": given.description,
        "command": command,
        "notes": [*([TRAINED_ON] if seen else []), *given.notes],
    }
    kept = training_module("model.validation.study").rounded(found)
    out.mkdir(parents=True, exist_ok=True)
    (out / "validation.json").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    (out / "validation.html").write_text(page.report(kept), encoding="utf-8")
    click.echo(json.dumps(kept) if as_json else f"Wrote validation.html and validation.json to {out}.")


def _loaded(folder: Path | None) -> RiskModel:
    try:
        return load_bundled_model() if folder is None else load_model(folder)
    except ModelRefused as refused:
        raise Problem(f"{refused} ({refused.reason})", "Restore the folder, or train it again.") from refused


def _distribution(folder: Path) -> Any:
    """The training distribution the manifest names and vouches for."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    name = manifest.get("training_distribution")
    if name is None:
        raise Problem("This artifact does not say what its training patients were like.", "Train it again.")
    content = (folder / name).read_bytes()
    if hashlib.sha256(content).hexdigest() != manifest["files"].get(name):
        raise Problem(f"{name} is not the one the manifest vouches for.", "Restore the folder.")
    return json.loads(content)


def _rival() -> Any:
    return training_module("model.validation.creatinine_rival").read_frozen()


def _trained_on(folder: Path) -> frozenset[str]:
    """The SHA-256 of the files the artifact was trained on."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return frozenset(source["sha256"] for source in manifest["training_data"])


@click.command()
@cohort_option
@json_option
def rival(data: Path, as_json: bool) -> None:
    """Fit the creatinine-only regression to the training cohort and freeze it, to stand beside the model.

    \b
    aki model rival --data ../shared/data/physionet2019
    """
    module, run = (
        training_module("model.validation.creatinine_rival"),
        training_module("model.training.training_run"),
    )
    with progress_bar(shown=not as_json) as progress, cohort_problems():
        cohort = run.read_cohort(data, progress)
    found = module.frozen({"onset": cohort.onset, "progression": cohort.progression}, cohort.sources)
    text = json.dumps(found, indent=1) + "\n"
    same = module.FROZEN.exists() and module.FROZEN.read_text(encoding="utf-8") == text
    module.FROZEN.write_text(text, encoding="utf-8")
    word = "the same as before" if same else "it has changed"
    click.echo(json.dumps({"changed": not same}) if as_json else f"Wrote {module.FROZEN.name}: {word}.")
