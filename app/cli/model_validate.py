"""`aki model validate`: the model on somebody's own patients; `aki model rival`: what stands beside it."""

import hashlib
import json
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be measured on what."""

    data: Path
    form: str | None
    landmarks: str
    folder: Path | None
    site: str
    resamples: int

    def command(self) -> str:
        """The command that measures it again, without the path of this machine."""
        return (
            f"aki model validate --data {self.data.name} --landmarks {self.landmarks} --resamples {self.resamples}"
        )


@click.command()
@click.option(
    "--data",
    required=True,
    type=click.Path(exists=True, path_type=Path),
    help="Your patients: a file or folder in one of the formats above.",
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
@resamples_option(published=200)
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
    asked = Request(data, form, landmarks, folder, site, resamples)
    with progress_bar(shown=not as_json) as progress, cohort_problems():
        found = measured(asked, progress)
    page = training_module("model.validation.html_report")
    out.mkdir(parents=True, exist_ok=True)
    (out / "validation.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    (out / "validation.html").write_text(page.report(found), encoding="utf-8")
    click.echo(json.dumps(found) if as_json else f"Wrote validation.html and validation.json to {out}.")


def measured(asked: Request, progress: Any) -> Any:
    """Everything the report says, rounded. Raises Problem and CohortUnreadable."""
    local, reader = training_module("model.validation.local"), training_module("app.cli.model_data")
    source = BUNDLED if asked.folder is None else asked.folder
    model, reference = _loaded(asked.folder), local.Reference(_distribution(source), _rival())
    given: LocalData = reader.read_local_data(asked.data, site=asked.site, progress=progress, form=asked.form)
    how = {"site": asked.site, "resamples": asked.resamples, "landmarks": asked.landmarks}
    try:
        found = local.validate(given.stays, model, reference, progress=progress, **how)
    except local.TooFewEvents as few:
        raise Problem(f"Onset cannot be measured: {few}", "Bring more patients.") from few
    seen = bool(given.digests & _trained_on(source))
    found |= {
        "data": given.description,
        "command": asked.command(),
        "notes": [*([TRAINED_ON] if seen else []), *given.notes],
    }
    return training_module("model.validation.study").rounded(found)


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
