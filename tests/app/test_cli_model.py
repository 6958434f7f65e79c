"""`aki model`: says whether the model is whole, refuses a broken one, explains what is missing."""

import json
import re
import shutil
from importlib.resources import files
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.cli import model as cli
from app.cli import offline
from app.cli.model_data import read_local_data
from model.artifact import load_bundled_model
from model.training.cohort import silent
from tests.builders.hourly import hourly_table


def run(*arguments: str) -> tuple[int, str]:
    found = CliRunner().invoke(cli.model_group, arguments)
    return found.exit_code, found.output


def test_verify_names_the_bundled_model_and_its_hash() -> None:
    code, output = run("verify", "--json")
    assert code == 0
    assert json.loads(output)["sha256"] == load_bundled_model().identity.sha256
    assert "is whole" in run("verify")[1]


@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_verify_ends_with_1_and_the_reason_when_the_model_is_refused(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    folder = shutil.copytree(cli.BUNDLED, tmp_path / "copy")
    (folder / "golden.json").write_text("{}")
    code, output = run("verify", str(folder), *arguments)
    assert code == 1
    assert "tampered" in output


def test_train_without_the_cohort_in_the_folder_says_which_file_it_looked_for(tmp_path: Path) -> None:
    code, output = run("train", "--data", str(tmp_path), "--out", str(tmp_path / "out"))
    assert code == 1
    assert "hospital_A.parquet" in output


def test_without_the_training_group_the_way_to_get_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(name: str) -> None:
        raise ModuleNotFoundError(f"No module named 'numpy' (needed by {name})", name="numpy")

    monkeypatch.setattr(offline, "import_module", absent)
    code, output = run("train", "--data", str(tmp_path))
    assert code == 1
    assert "make install" in output


def test_a_missing_folder_is_a_usage_error() -> None:
    assert run("train", "--data", "nowhere")[0] == 2


def test_validate_writes_the_report_of_an_hourly_table(tmp_path: Path) -> None:
    hourly_table(tmp_path / "own.csv", 90)
    out = tmp_path / "out"
    code, output = run(
        "validate", "--data", str(tmp_path / "own.csv"), "--site", "Ours", "--resamples", "10", "--out", str(out)
    )
    assert code == 0, output
    found = json.loads((out / "validation.json").read_text(encoding="utf-8"))
    assert found["onset"]["cohort"]["patients"] == 90
    assert found["model"]["sha256"] == load_bundled_model().identity.sha256
    page = (out / "validation.html").read_text(encoding="utf-8")
    assert "at Ours" in page
    assert str(tmp_path) not in page


def test_validate_says_when_there_are_too_few_events_or_nothing_it_can_read(tmp_path: Path) -> None:
    hourly_table(tmp_path / "own.csv", 4)
    code, output = run("validate", "--data", str(tmp_path / "own.csv"), "--out", str(tmp_path / "out"))
    assert (code, "events are in these data" in output) == (1, True)
    (tmp_path / "empty").mkdir()
    code, output = run("validate", "--data", str(tmp_path / "empty"), "--out", str(tmp_path / "out"))
    assert (code, "neither" in output) == (1, True)


def test_one_hospital_of_the_challenge_is_validated_alone_and_a_folder_without_any_says_so(
    tmp_path: Path,
) -> None:
    shared = Path(__file__).resolve().parents[3] / "shared" / "data" / "physionet2019" / "hospital_B.parquet"
    code, output = run("validate", "--data", str(tmp_path), "--format", "physionet2019", "--out", str(tmp_path))
    assert (code, "hospital_A.parquet" in output) == (1, True)
    if not shared.is_file():
        pytest.skip("the challenge data are not beside the repository")
    given = read_local_data(shared, site="ignored", progress=silent)
    assert {stay.hospital for stay in given.stays} == {"B"}
    assert "hospital_A" not in given.description


@pytest.mark.parametrize(("command", "results"), [("study", "transport"), ("evidence", "external")])
def test_the_documented_command_resamples_as_often_as_the_published_numbers_were(
    command: str, results: str
) -> None:
    published = (files("model.validation") / "results" / f"{results}.json").read_text(encoding="utf-8")
    _, shown = run(command, "--help")
    (default,) = re.findall(r"\[default:\s+(\d+)", shown)
    assert set(re.findall(r'"resamples": (\d+)', published)) == {default}
