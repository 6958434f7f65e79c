"""`aki model recalibrate` and what becomes of its overlay: check-config judges it, each site's answers name it."""

import json
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from app.cli import main
from app.configured.ehrs import load_ehrs
from app.configured.settings import Settings
from app.services import AppServices, open_services
from model.artifact import load_bundled_model
from model.assessment import Assessment
from tests.builders.hourly import hourly_table
from tests.builders.timelines import SEPTIC, chart

EHR = """
[[ehr]]
id = "{id}"
name = "{id}"
iss = "https://{id}.example.org/fhir"
client_id = "aki"

[ehr.reading]
time_zone = "Europe/Zurich"
"""
NOW = datetime.now(UTC)


def run(*arguments: str, **environment: str) -> Result:
    env = {f"AKI_{name.upper()}": value for name, value in environment.items()}
    return CliRunner().invoke(main, list(arguments), env=env)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a site's key, its overlay, and a registry of two sites, one of which asks for it."""
    folder = tmp_path_factory.mktemp("site")
    hourly_table(folder / "own.csv", 400, sicker_rise=True)
    line = run("model", "recalibration-key", str(folder / "site.pem")).stdout.strip()
    found = recalibrate(folder, "--out", str(folder / "ward.json"))
    assert "in the configuration" not in found.output
    assert (folder / "ward.json").exists(), found.output
    policy = f'\n[ehr.policy]\nrecalibration = "ward.json"\n{line}\n'
    text = EHR.format(id="riverside") + policy + EHR.format(id="hillside")
    (folder / "ehrs.toml").write_text(text, encoding="utf-8")
    return folder


def recalibrate(folder: Path, *more: str, method: str = "intercept") -> Result:
    given = ["--data", str(folder / "own.csv"), "--site", "Ward 4", "--method", method, "--resamples", "10"]
    return run("model", "recalibrate", *given, "--key", str(folder / "site.pem"), *more)


def overlay(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "ward.json").read_text(encoding="utf-8"))["recalibration"]
    return found


def services(folder: Path, tmp_path: Path) -> AppServices:
    settings = Settings(development=True, state_dir=tmp_path, ehrs_file=folder / "ehrs.toml")
    return open_services(settings, ehrs=load_ehrs(folder / "ehrs.toml", development=True))


def answer(opened: AppServices, ehr_id: str) -> Assessment:
    outcome, _ = opened.assess(chart(SEPTIC, now=NOW), NOW, ehr_id, "page")
    assert isinstance(outcome, Assessment)
    return outcome


def test_the_key_is_readable_by_its_owner_alone_and_its_public_half_can_be_asked_for_again(made: Path) -> None:
    assert stat.S_IMODE((made / "site.pem").stat().st_mode) == 0o600
    again = run("model", "recalibration-key", str(made / "site.pem")).stdout.strip()
    assert again in (made / "ehrs.toml").read_text(encoding="utf-8")


def test_the_overlay_says_for_which_model_from_what_and_what_it_mends(made: Path) -> None:
    found = overlay(made)
    assert found["base_model"]["sha256"] == load_bundled_model().identity.sha256
    assert (found["site"], found["method"]) == ("Ward 4", "intercept")
    assert "own.csv" in found["data"]
    assert str(made) not in json.dumps(found)
    onset = found["heads"]["aki-onset-48h"]
    assert onset["events"] >= 50
    assert abs(onset["after"]["observed_over_expected"]["value"] - 1.0) < 0.1
    assert set(onset["before"]["brier"]) == {"value", "low", "high"}


def test_check_config_is_content_with_a_good_overlay(made: Path) -> None:
    found = run("check-config", development="true", ehrs_file=str(made / "ehrs.toml"))
    assert found.exit_code == 0, found.output


def test_only_the_site_that_asked_is_recalibrated_and_its_answer_says_so(made: Path, tmp_path: Path) -> None:
    opened = services(made, tmp_path)
    bent, plain = answer(opened, "riverside"), answer(opened, "hillside")
    assert bent.risk is not None
    assert plain.risk is not None
    assert bent.risk.probability != plain.risk.probability
    assert bent.model is not None
    assert bent.model.recalibration is not None
    assert bent.model.recalibration.site == "Ward 4"
    assert opened.recalibration_sha256("riverside") == bent.model.recalibration.sha256
    assert opened.recalibration_sha256("hillside") is None


def test_a_tampered_overlay_takes_the_risk_from_its_site_alone(made: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("ehrs.toml", "ward.json"):
        text = (made / name).read_text(encoding="utf-8")
        (copy / name).write_text(text.replace("Ward 4", "Ward 5"), encoding="utf-8")
    problem = run("check-config", "--json", development="true", ehrs_file=str(copy / "ehrs.toml"))
    assert problem.exit_code == 1
    (named,) = json.loads(problem.stdout)["problems"]
    assert named.startswith("ehr[0].policy.recalibration: ")
    assert "(tampered)" in named
    opened = services(copy, tmp_path)
    refused = answer(opened, "riverside")
    assert refused.risk is None
    assert refused.kdigo is not None
    assert "recalibration_refused" in [reason.code for reason in refused.reasons]
    assert answer(opened, "hillside").risk is not None


def test_too_few_events_for_the_method_end_with_1_and_the_cure(made: Path, tmp_path: Path) -> None:
    found = recalibrate(made, "--out", str(tmp_path / "no.json"), method="isotonic")
    assert found.exit_code == 1
    assert "isotonic needs 500" in found.output
    assert "plainer method" in found.output
    assert not (tmp_path / "no.json").exists()


def test_a_file_that_is_no_key_and_a_day_in_the_past_are_refused(made: Path, tmp_path: Path) -> None:
    found = recalibrate(made, "--out", str(tmp_path / "no.json"), "--expires", "2020-01-01")
    assert (found.exit_code, "in the past" in found.output) == (2, True)
    found = recalibrate(made, "--key", str(made / "own.csv"), "--out", str(tmp_path / "no.json"))
    assert (found.exit_code, "no Ed25519 private key" in found.output) == (1, True)
