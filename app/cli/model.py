"""`aki model`: train, validate, describe and verify the risk model."""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.cli.problems import Problem
from model.artifact import ModelRefused, load_bundled_model, load_model
from model.risk import RiskModel

if TYPE_CHECKING:
    from model.training.cohort import Progress

BUNDLED = Path(__file__).resolve().parents[2] / "model" / "bundled"
_data = click.option(
    "--data",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The cohort's folder, with hospital_A.parquet and hospital_B.parquet (PhysioNet 2019).",
)
_resamples = click.option(
    "--resamples", default=200, show_default=True, type=click.IntRange(min=10), help="Bootstrap resamples."
)
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def _out(files: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return click.option(
        "--out",
        default=Path("var/validation"),
        show_default=True,
        type=click.Path(file_okay=False, path_type=Path),
        help=f"Where to write {files}.",
    )


@click.group(name="model")
def model_group() -> None:
    """Train, validate, describe and verify the risk model.

    \b
    Is the bundled model whole?      aki model verify
    Make it again, bit for bit:      aki model train --data ../shared/data/physionet2019
    How good is it on my patients?   aki model validate --data patients.parquet
    How good is it across hospitals? aki model study --data ../shared/data/physionet2019
    Write the card from the numbers: aki model card
    """


@model_group.command()
@click.argument("folder", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
@_json
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
@_data
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
@_json
def train(data: Path, out: Path, created: datetime | None, as_json: bool) -> None:
    """Train on the cohort and write the artifact: one thread, fixed seeds, no clock, about a minute.

    \b
    aki model train --data ../shared/data/physionet2019                      the bundled model again
    aki model train --data DIR --out model/bundled --date 2026-12-01         a new one in its place

    Says whether the files are byte for byte those of the bundled model.
    """
    run = _training("model.training.training_run")
    bundled = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in BUNDLED.glob("*.json")}
    with _progress(shown=not as_json) as progress, _cohort_problems():
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
@click.option(
    "--data",
    required=True,
    type=click.Path(exists=True, path_type=Path),
    help="Your patients: PhysioNet 2019 folder, hourly table (csv, parquet), or FHIR Bundles (ndjson, json).",
)
@click.option(
    "--model",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The artifact to score. Default: the bundled one.",
)
@click.option("--site", default="this site", show_default=True, help="The name the report speaks of.")
@_resamples
@_out("validation.html and validation.json")
@_json
def validate(data: Path, folder: Path | None, site: str, resamples: int, out: Path, as_json: bool) -> None:
    """Score the bundled model, as it is, on your own patients and write one HTML report and its JSON.

    Discrimination, calibration, decision curve, alert burden, subgroups and drift, with a creatinine-only
    regression beside it; intervals are by bootstrap over patients. Nothing is refitted; nothing leaves
    the machine.

    \b
    aki model validate --data patients.parquet --site "Hôpital A"
    aki model validate --data bundles.ndjson
    """
    local, page = _training("model.validation.local"), _training("model.validation.html_report")
    rounded = _training("model.validation.study").rounded
    source = BUNDLED if folder is None else folder
    with _progress(shown=not as_json) as progress, _cohort_problems():
        model = _loaded(folder)
        given = _training("app.cli.model_data").read_local_data(data, site=site, now=datetime.now(UTC))
        distribution = _distribution(source)
        try:
            found = local.validate(
                given.stays, model, distribution, site=site, resamples=resamples, progress=progress
            )
        except local.TooFewEvents as few:
            raise Problem(f"Onset cannot be measured: {few}", "Bring more patients.") from few
    found |= {
        "data": given.description,
        "command": f"aki model validate --data {data.name} --resamples {resamples}",
        "notes": _notes(data, folder, given.unreadable),
    }
    out.mkdir(parents=True, exist_ok=True)
    kept = rounded(found)
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


def _notes(data: Path, folder: Path | None, unreadable: int) -> list[str]:
    """What a reader of the report must know first."""
    notes = []
    if unreadable:
        notes.append(f"{unreadable} Bundle(s) could not be read and are not in these figures.")
    bundled = json.loads((BUNDLED / "manifest.json").read_text(encoding="utf-8"))
    trained_on = {source["sha256"] for source in bundled["training_data"]}
    files = data.glob("*.parquet") if data.is_dir() else [data]
    if folder is None and any(hashlib.sha256(f.read_bytes()).hexdigest() in trained_on for f in files):
        notes.append(
            "These are the patients the model was trained on: the figures flatter it. The honest ones are in "
            "the model card."
        )
    return notes


@model_group.command()
@_data
@_resamples
@_out("transport.json and transport.md")
@_json
def study(data: Path, resamples: int, out: Path, as_json: bool) -> None:
    """Measure the recipe on patients it did not see: A to B, B to A, and both with patients held out.

    Creatinine-only logistic regression and unrestricted boosting stand beside every number; intervals are by
    bootstrap over patients. Takes about ten minutes on one idle core.
    """
    module, card = _training("model.validation.study"), _training("model.validation.card")
    run = _training("model.training.training_run")
    with _progress(shown=not as_json) as progress, _cohort_problems():
        found = module.run_study(run.read_cohort(data, progress), resamples=resamples, progress=progress)
    out.mkdir(parents=True, exist_ok=True)
    (out / "transport.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    report = {"performance": card.performance_of(found)}
    (out / "transport.md").write_text(card.to_markdown(report), encoding="utf-8")
    click.echo(json.dumps(found) if as_json else f"Wrote transport.json and transport.md to {out}.")


@model_group.command()
@_json
def card(as_json: bool) -> None:
    """Fill model/card.json with the artifact's and the study's numbers, and write MODEL_CARD.md from it."""
    module = _training("model.validation.card")
    changed = module.refresh_files()
    if as_json:
        click.echo(json.dumps({"changed": changed, "files": [module.CARD.name, module.CARD_MARKDOWN.name]}))
    else:
        click.echo("Wrote model/card.json and model/MODEL_CARD.md." if changed else "The card is up to date.")


def _training(name: str) -> Any:
    """A module of the training group, or the way to get it."""
    try:
        return import_module(name)
    except ModuleNotFoundError as missing:
        if (missing.name or "").split(".")[0] == "model":
            raise
        raise Problem(f"This needs the training group ({missing.name}).", "make install") from missing


def _date(given: datetime | None) -> date:
    if given is not None:
        return given.date()
    manifest = json.loads((BUNDLED / "manifest.json").read_text(encoding="utf-8"))
    return date.fromisoformat(manifest["model"]["created"])


@contextmanager
def _cohort_problems() -> Iterator[None]:
    unreadable: type[Exception] = _training("model.training.cohort").CohortUnreadable
    try:
        yield
    except unreadable as error:
        raise Problem(str(error)) from error


@contextmanager
def _progress(*, shown: bool) -> Iterator["Progress"]:
    """A progress bar on a terminal, silence elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not (shown and console.is_terminal)) as bar:
        tasks: dict[int, TaskID] = {}

        def report(what: str, done: int, total: int) -> None:
            if total not in tasks:
                tasks[total] = bar.add_task(what, total=total)
            bar.update(tasks[total], description=what, completed=done)

        yield report
