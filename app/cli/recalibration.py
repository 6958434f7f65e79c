"""`aki model recalibrate` and `aki model recalibration-key`: a site's own overlay over the bundled model."""

import json
import os
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import click
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from app.cli.offline import cohort_problems, json_option, progress_bar, resamples_option, training_module
from app.cli.problems import Problem
from app.configured.recalibrations import public_text, signed_text
from model.artifact import ModelRefused, load_bundled_model
from model.recalibration import METHODS, SCHEMA
from model.risk import RiskModel

VALID_DAYS = 365


@click.command("recalibration-key")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def recalibration_key(file: Path) -> None:
    """Make the key that a site's recalibrations are signed with, and print its public half for ehrs.toml.

    FILE gets the private half (Ed25519, PEM, readable by you alone) and must not exist. Of a key that exists, the
    public half is printed again by: aki model recalibration-key FILE
    """
    if file.exists():
        key = _key(file)
    else:
        key = Ed25519PrivateKey.generate()
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    click.echo(f'recalibration_key = "{public_text(key)}"')


@click.command()
@click.option(
    "--data",
    required=True,
    type=click.Path(exists=True, path_type=Path),
    help="Your patients, in any form that `aki model validate` reads.",
)
@click.option("--site", required=True, help="Whose patients they are: shown beside every number.")
@click.option("--method", required=True, type=click.Choice(METHODS), help="Take the plainest that is enough.")
@click.option(
    "--key",
    "key_file",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The site's private key (aki model recalibration-key).",
)
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The overlay's file.")
@click.option(
    "--expires", type=click.DateTime(["%Y-%m-%d"]), help=f"Its last day. Default: {VALID_DAYS} days from now."
)
@resamples_option(published=200)
@json_option
def recalibrate(
    data: Path,
    site: str,
    method: str,
    key_file: Path,
    out: Path,
    expires: datetime | None,
    resamples: int,
    as_json: bool,
) -> None:
    """Make a signed overlay that bends the bundled model's risks to a site's own patients.

    The curve only rises, so the order of patients stays. Before and after are given with 95 % intervals; after is
    cross-fitted by patient. Nothing is switched on: a site's policy in ehrs.toml must name the file and the key.
    Exit code 1: it cannot be made, or it is written but the Brier score of onset is not better after than before.

    \b
    aki model recalibration-key site.pem
    aki model recalibrate --data patients.parquet --site "Ward 4" --method slope --key site.pem --out ward4.json
    """
    key, model, today = _key(key_file), _bundled(), datetime.now(UTC).date()
    last_day = expires.date() if expires else today + timedelta(days=VALID_DAYS)
    if last_day < today:
        raise click.BadParameter("is in the past", param_hint="--expires")
    with progress_bar(shown=not as_json) as progress, cohort_problems():
        given = training_module("app.cli.model_data").read_local_data(data, site=site, progress=progress)
        made = _made(given.stays, model, method=method, resamples=resamples, progress=progress)
    overlay = _overlay(model, made, {"site": site, "method": method, "data": given.description}, today, last_day)
    overlay["command"] = f"aki model recalibrate --data {data.name} --method {method} --resamples {resamples}"
    out.write_text(signed_text(overlay, key), encoding="utf-8")
    click.echo(json.dumps(overlay) if as_json else "\n".join(_report(overlay, out, key)))
    onset = overlay["heads"][model.onset_head.id]
    if onset["after"]["brier"]["value"] >= onset["before"]["brier"]["value"]:
        raise Problem("The onset's Brier score is not better after than before.", "Do not switch it on.")


def _made(stays: Any, model: RiskModel, **how: Any) -> dict[str, Any]:
    module, local = training_module("model.validation.recalibrate"), training_module("model.validation.local")
    try:
        made: dict[str, Any] = module.recalibrate(stays, model, **how)
    except local.TooFewEvents as few:
        raise Problem(str(few), "Take a plainer method, or bring more patients.") from few
    except module.NotRising as problem:
        raise Problem(
            str(problem), "The model does not fit these patients: recalibration cannot mend it."
        ) from None
    return made


def _overlay(
    model: RiskModel, made: Mapping[str, Any], what: Mapping[str, Any], today: date, last_day: date
) -> dict[str, Any]:
    """Everything that is signed."""
    base = model.identity
    document = {
        "schema": SCHEMA,
        **what,
        "created_on": today.isoformat(),
        "expires_on": last_day.isoformat(),
        "base_model": {"id": base.id, "version": base.version, "sha256": base.sha256},
        **made,
    }
    rounded: dict[str, Any] = training_module("model.validation.study").rounded(document)
    rounded["heads"] = {
        name: head | {"curve": made["heads"][name]["curve"]} for name, head in rounded["heads"].items()
    }
    return rounded


def _report(overlay: Mapping[str, Any], out: Path, key: Ed25519PrivateKey) -> list[str]:
    lines = []
    for name, head in overlay["heads"].items():
        lines.append(
            f"{name}: {head['events']} events, {head['landmarks']} landmarks, {head['patients']} patients"
        )
        for measure, before in head["before"].items():
            after = head["after"][measure]
            words = measure.replace("_", " ")
            lines.append(f"  {words}: {_interval(before)} before, {_interval(after)} after (cross-fitted)")
    lines += [f"{name}: left as it is. {reason}" for name, reason in overlay["left_out"].items()]
    policy = f'recalibration = "{out.name}"\nrecalibration_key = "{public_text(key)}"'
    return [*lines, f"Wrote {out}, good to {overlay['expires_on']}. To switch it on:", "[ehr.policy]", policy]


def _interval(estimate: Mapping[str, float]) -> str:
    return f"{estimate['value']:.3f} ({estimate['low']:.3f} to {estimate['high']:.3f})"


def _key(file: Path) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(file.read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm, OSError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise Problem(
            f"{file.name} is no Ed25519 private key in PEM form.", "Make one: aki model recalibration-key"
        )
    return key


def _bundled() -> RiskModel:
    try:
        return load_bundled_model()
    except ModelRefused as refused:
        raise Problem(f"{refused} ({refused.reason})", "Restore model/bundled.") from refused
