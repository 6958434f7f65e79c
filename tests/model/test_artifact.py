"""The artifact: whole or refused. A refused model leaves staging at work."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from model.analytes import Analyte
from model.artifact import MANIFEST, ModelRefused, load_bundled_model, load_model
from model.assess import assess
from model.assessment import Assessment, Prediction
from model.feature_list import FEATURES
from tests.builders.timelines import NOW, chart

BUNDLED = Path(__file__).resolve().parents[2] / "model" / "bundled"
ONSET = "aki-onset-48h.json"
REPLICAS = "aki-onset-48h-replicas.json"
RANGES = "training-ranges.json"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(BUNDLED, tmp_path / "artifact"))


def edit(folder: Path, name: str, change: dict[str, Any], *, vouch: bool = True) -> None:
    """Change top-level keys of a file and, unless told otherwise, let the manifest vouch for the result."""
    content = json.loads((folder / name).read_text()) | change
    (folder / name).write_text(json.dumps(content))
    if vouch and name != MANIFEST:
        manifest = json.loads((folder / MANIFEST).read_text())
        digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        edit(folder, MANIFEST, {"files": manifest["files"] | {name: digest}})


def refusal(folder: Path) -> str:
    with pytest.raises(ModelRefused) as refused:
        load_model(folder)
    return refused.value.reason


def test_the_bundled_model_is_whole_and_named_by_its_manifest() -> None:
    model = load_bundled_model()
    assert model.identity.sha256 == hashlib.sha256((BUNDLED / MANIFEST).read_bytes()).hexdigest()
    assert [shape.feature for shape in model.onset_head.shapes] == list(FEATURES[:-1])
    assert model.progression_head is not None
    assert [shape.feature for shape in model.progression_head.shapes] == list(FEATURES)


def test_a_changed_weight_is_refused(copy: Path) -> None:
    edit(copy, ONSET, {"base_log_odds": -1.0}, vouch=False)
    assert refusal(copy) == "tampered"


def test_a_changed_weight_with_a_matching_hash_still_fails_the_golden_predictions(copy: Path) -> None:
    edit(copy, ONSET, {"base_log_odds": -1.0})
    assert refusal(copy) == "golden"


def test_an_artifact_without_golden_predictions_is_refused(copy: Path) -> None:
    edit(copy, "golden.json", {"cases": []})
    assert refusal(copy) == "golden"


@pytest.mark.parametrize("schema", [0, 1, 3, "2", None])
def test_an_older_or_other_schema_is_refused(copy: Path, schema: object) -> None:
    edit(copy, MANIFEST, {"schema": schema})
    assert refusal(copy) == "schema"


def test_other_units_are_refused(copy: Path) -> None:
    units = json.loads((copy / MANIFEST).read_text())["units"]
    edit(copy, MANIFEST, {"units": units | {"creatinine": "umol/L"}})
    assert refusal(copy) == "units"


def test_another_feature_order_is_refused(copy: Path) -> None:
    order = json.loads((copy / MANIFEST).read_text())["feature_order"]
    order["aki-onset-48h"][:2] = reversed(order["aki-onset-48h"][:2])
    edit(copy, MANIFEST, {"feature_order": order})
    assert refusal(copy) == "feature_order"


def test_a_feature_this_version_does_not_compute_is_refused(copy: Path) -> None:
    shapes = json.loads((copy / ONSET).read_text())["shapes"]
    shapes[0]["feature"] = "moon_phase"
    edit(copy, ONSET, {"shapes": shapes, "pairs": []})
    assert refusal(copy) == "unknown_feature"


@pytest.mark.parametrize("name", [MANIFEST, ONSET, "golden.json", RANGES, REPLICAS])
def test_a_missing_file_is_refused(copy: Path, name: str) -> None:
    (copy / name).unlink()
    assert refusal(copy) == "missing"


@pytest.mark.parametrize("text", ["", "[]", "{", '{"schema": 1'])
def test_a_manifest_that_is_no_json_object_is_refused(copy: Path, text: str) -> None:
    (copy / MANIFEST).write_text(text)
    assert refusal(copy) == "malformed"


@pytest.mark.parametrize(
    "shape",
    [
        {"edges": [2.0, 1.0], "log_odds": [0.0, 0.0, 0.0]},
        {"edges": [1.0], "log_odds": [0.0]},
        {"edges": [1.0], "log_odds": [0.0, "0.1"]},
        {"edges": [1.0], "log_odds": [0.0, float("nan")]},
        {"edges": None, "log_odds": []},
    ],
)
def test_a_step_function_that_is_none_is_refused(copy: Path, shape: dict[str, Any]) -> None:
    shapes = json.loads((copy / ONSET).read_text())["shapes"]
    shapes[0] |= shape
    edit(copy, ONSET, {"shapes": shapes})
    assert refusal(copy) == "malformed"


def test_a_pair_table_that_does_not_fit_its_edges_is_refused(copy: Path) -> None:
    pairs = json.loads((copy / ONSET).read_text())["pairs"]
    pairs[0]["log_odds"] = pairs[0]["log_odds"][:-1]
    edit(copy, ONSET, {"pairs": pairs})
    assert refusal(copy) == "malformed"


@pytest.mark.parametrize("name", [RANGES, REPLICAS])
def test_changed_ranges_or_replicas_are_refused(copy: Path, name: str) -> None:
    (copy / name).write_text((copy / name).read_text() + " ")
    assert refusal(copy) == "tampered"


def test_changed_replicas_with_a_matching_hash_still_fail_the_golden_intervals(copy: Path) -> None:
    base = json.loads((copy / REPLICAS).read_text())["base"]
    edit(copy, REPLICAS, {"base": [2 * one + i for i, one in enumerate(base)]})
    assert refusal(copy) == "golden"


@pytest.mark.parametrize(
    "change",
    [
        {"base": [1, 2, 3]},
        {"base": [0.5] * 40},
        {"shapes": []},
        {"level": 80},
        {"multiplier": 0},
    ],
)
def test_replicas_that_do_not_fit_their_head_are_refused(copy: Path, change: dict[str, Any]) -> None:
    edit(copy, REPLICAS, change)
    assert refusal(copy) == "malformed"


def test_a_training_range_that_does_not_ascend_or_is_missing_is_refused(copy: Path) -> None:
    ranges = json.loads((copy / RANGES).read_text())
    ranges["aki-onset-48h"]["features"]["age"] = [90.0, 80.0, 30.0, 20.0]
    edit(copy, RANGES, ranges)
    assert refusal(copy) == "malformed"
    del ranges["aki-onset-48h"]["features"]["age"]
    edit(copy, RANGES, ranges)
    assert refusal(copy) == "malformed"


def test_an_artifact_without_replicas_loads_and_gives_no_interval(copy: Path) -> None:
    cases = json.loads((copy / "golden.json").read_text())["cases"]
    edit(copy, "golden.json", {"cases": [case | {"standard_errors": {}} for case in cases]})
    edit(copy, MANIFEST, {"replicas": {}})
    risk = load_model(copy).onset(chart({Analyte.CREATININE: [(0.0, 1.0)]}), now=NOW)
    assert isinstance(risk, Prediction)
    assert risk.interval is None


def test_staging_goes_on_without_a_model_and_says_why_there_is_no_risk(copy: Path) -> None:
    (copy / MANIFEST).unlink()
    with pytest.raises(ModelRefused) as refused:
        load_model(copy)
    outcome = assess(chart({Analyte.CREATININE: [(-20.0, 1.0), (-1.0, 1.6)]}), now=NOW, model=refused.value)
    assert isinstance(outcome, Assessment)
    assert outcome.kdigo is not None
    assert outcome.kdigo.stage == 1
    assert outcome.risk is outcome.progression is None
    assert any("model" in reason.code for reason in outcome.reasons)


def test_the_artifact_is_nothing_but_json() -> None:
    for path in BUNDLED.iterdir():
        assert path.suffix == ".json"
        json.loads(path.read_text(encoding="utf-8"))
