"""`aki model`: train, validate, describe and verify the risk model."""

import hashlib
import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click

from app.cli.intervals import intervals
from app.cli.model_evidence import evidence
from app.cli.model_validate import rival, validate
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
from app.cli.recalibration import recalibrate, recalibration_key
from model.artifact import ModelRefused, load_bundled_model, load_model

BUNDLED = Path(__file__).resolve().parents[2] / "model" / "bundled"


@click.group(name="model")
def model_group() -> None:
    """Train, validate, describe and verify the risk model.

    \b
    Is the bundled model whole?      aki model verify
    Make it again, bit for bit:      aki model train --data ../shared/data/physionet2019
    How good is it on my patients?   aki model validate --data patients.parquet
    How good is it across hospitals? aki model study --data ../shared/data/physionet2019
    Does the interval hold?          aki model intervals --data ../shared/data/physionet2019
    Bend it to my own patients:      aki model recalibrate --data patients.parquet --site "Ward 4" ...
    Write the card from the numbers: aki model card
    """


@model_group.command()
@click.argument("folder", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
@json_option
def verify(folder: Path | None, as_json: bool) -> None:
    """Check an artifact: hashes, schema, units, features, and that the golden predictions come out again.

    FOLDER holds a manifest.json; without it the bundled model is checked. Exit code 1: the model is refused.
    """
    try:
        model = load_bundled_model() if folder is None else load_model(folder)
    except ModelRefused as refused:
        if as_json:
            click.echo(json.dumps({"ok": False, "reason": refused.reason, "text": str(refused)}))
            raise SystemExit(1) from refused
        raise Problem(f"{refused} ({refused.reason})", "Restore the folder, or train it again.") from refused
    heads = [head.id for head in (model.onset_head, model.progression_head) if head is not None]
    found = {"id": model.identity.id, "version": model.identity.version, "sha256": model.identity.sha256}
    if as_json:
        click.echo(json.dumps({"ok": True, **found, "heads": heads}))
    else:
        click.echo(f"{found['id']} {found['version']} ({', '.join(heads)}) is whole.\nsha256 {found['sha256']}")


@model_group.command()
@cohort_option
@click.option(
    "--out",
    default=Path("var/model"),
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Where to write the artifact.",
)
@click.option(
    "--date",
    "created",
    type=click.DateTime(["%Y-%m-%d"]),
    help="The artifact's date. Default: the bundled one's, so that the files can be compared.",
)
@json_option
def train(data: Path, out: Path, created: datetime | None, as_json: bool) -> None:
    """Train on the cohort and write the artifact: one thread, fixed seeds, no clock, two to three minutes.

    \b
    aki model train --data ../shared/data/physionet2019                      the bundled model again
    aki model train --data DIR --out model/bundled --date 2026-12-01         a new one in its place

    Says whether the files are byte for byte those of the bundled model.
    """
    run = training_module("model.training.training_run")
    bundled = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in BUNDLED.glob("*.json")}
    with progress_bar(shown=not as_json) as progress, cohort_problems():
        digests = run.train(data, out, created=_date(created).isoformat(), progress=progress)
    same = digests == bundled
    if as_json:
        click.echo(json.dumps({"folder": str(out), "files": digests, "same_as_bundled": same}, indent=2))
        return
    click.echo(f"Wrote {len(digests)} files to {out}.")
    click.echo(
        "They are the bundled model as it was, byte for byte."
        if same
        else "They differ from the bundled model as it was."
    )


@model_group.command()
@cohort_option
@resamples_option(published=500)
@out_option("transport.json and transport.md")
@click.option(
    "--elsewhere",
    type=click.Path(exists=True, path_type=Path),
    help="Test on these patients instead (any form that `aki model validate` reads), trained on A, B and both.",
)
@json_option
def study(data: Path, resamples: int, out: Path, elsewhere: Path | None, as_json: bool) -> None:
    """Measure the recipe on patients it did not see: A to B, B to A, and both with patients held out.

    Creatinine-only logistic regression and unrestricted boosting stand beside every number; intervals are by
    bootstrap over patients. Takes about ten minutes on one idle core.

    \b
    aki model study --data ../shared/data/physionet2019
    aki model study --data ../shared/data/physionet2019 --elsewhere ../shared/data/physionet2012
    """
    module, card = training_module("model.validation.study"), training_module("model.validation.card")
    run = training_module("model.training.training_run")
    with progress_bar(shown=not as_json) as progress, cohort_problems():
        test = None if elsewhere is None else module.Elsewhere(elsewhere.name, _tables(elsewhere, progress))
        cohort = run.read_cohort(data, progress)
        found = module.run_study(cohort, resamples=resamples, progress=progress, elsewhere=test)
    out.mkdir(parents=True, exist_ok=True)
    (out / "transport.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    report = {"performance": card.performance_of(found)}
    (out / "transport.md").write_text(card.to_markdown(report), encoding="utf-8")
    click.echo(json.dumps(found) if as_json else f"Wrote transport.json and transport.md to {out}.")


def _tables(folder: Path, progress: Any) -> dict[str, Any]:
    """The landmarks of other patients, by head."""
    labels, table = training_module("model.training.labels"), training_module("model.training.landmark_table")
    stays = (
        training_module("app.cli.model_data").read_local_data(folder, site=folder.name, progress=progress).stays
    )
    marked = {"onset": labels.onset_landmarks, "progression": labels.progression_landmarks}
    return {head: table.build_table(stays, landmarks_of) for head, landmarks_of in marked.items()}


@model_group.command()
@json_option
def card(as_json: bool) -> None:
    """Fill model/card.json with the artifact's and the study's numbers, and write MODEL_CARD.md from it."""
    module = training_module("model.validation.card")
    changed = module.refresh_files()
    if as_json:
        click.echo(json.dumps({"changed": changed, "files": [module.CARD.name, module.CARD_MARKDOWN.name]}))
    else:
        click.echo("Wrote model/card.json and model/MODEL_CARD.md." if changed else "The card is up to date.")


def _date(given: datetime | None) -> date:
    if given is not None:
        return given.date()
    manifest = json.loads((BUNDLED / "manifest.json").read_text(encoding="utf-8"))
    return date.fromisoformat(manifest["model"]["created"])


for command in (validate, rival, evidence, intervals, recalibrate, recalibration_key):
    model_group.add_command(command)
