"""A recalibration as a file: signed by the site's key, or that site gets no risk and everybody is told why."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.configured.recalibrations import public_text, recalibration_problem, signed_text, site_model
from model.artifact import load_bundled_model
from model.errors import ModelError
from model.policy import SitePolicy
from model.recalibration import RecalibrationRefused
from model.risk import RiskModel

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
MODEL = load_bundled_model()
POLICY = SitePolicy(recalibration="ward.json", recalibration_key=public_text(KEY))
TODAY = date(2031, 5, 4)


def overlay(**changes: Any) -> dict[str, Any]:
    return {
        "schema": 1,
        "site": "Ward Ü",
        "method": "slope",
        "created_on": "2031-05-01",
        "expires_on": "2032-05-01",
        "base_model": {"sha256": MODEL.identity.sha256},
        "heads": {"aki-onset-48h": {"curve": {"knots": [[0.0, -0.7]], "slope": 0.9}}},
        **changes,
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ward.json").write_text(signed_text(overlay(), KEY), encoding="utf-8")
    return tmp_path


def refusal(folder: Path, policy: SitePolicy = POLICY) -> str:
    found = site_model(MODEL, policy, folder)
    assert isinstance(found, RecalibrationRefused)
    assert recalibration_problem(MODEL, policy, folder, TODAY) == f"{found} ({found.reason})"
    return found.reason


def test_a_signed_overlay_lies_over_the_model_of_the_site_that_names_it(folder: Path) -> None:
    found = site_model(MODEL, POLICY, folder)
    assert isinstance(found, RiskModel)
    assert found.identity.recalibration is not None
    assert found.identity.recalibration.site == "Ward Ü"
    assert recalibration_problem(MODEL, POLICY, folder, TODAY) is None


def test_a_site_that_names_none_gets_the_model_as_it_is(folder: Path) -> None:
    assert site_model(MODEL, SitePolicy(), folder) is MODEL


def test_one_changed_number_is_refused(folder: Path) -> None:
    text = (folder / "ward.json").read_text(encoding="utf-8")
    (folder / "ward.json").write_text(text.replace("-0.7", "-0.8"), encoding="utf-8")
    assert refusal(folder) == "tampered"


def test_the_same_document_in_another_layout_is_the_same(folder: Path) -> None:
    held = json.loads((folder / "ward.json").read_text(encoding="utf-8"))
    (folder / "ward.json").write_text(json.dumps(held, sort_keys=True), encoding="utf-8")
    assert isinstance(site_model(MODEL, POLICY, folder), RiskModel)


def test_another_key_is_refused_even_when_it_signed_well(folder: Path) -> None:
    other = Ed25519PrivateKey.from_private_bytes(bytes(32))
    (folder / "ward.json").write_text(signed_text(overlay(), other), encoding="utf-8")
    assert refusal(folder) == "tampered"


@pytest.mark.parametrize("key", ["", "nonsense!", "AAAA"])
def test_a_key_that_is_none_lets_nothing_through(folder: Path, key: str) -> None:
    assert refusal(folder, replace(POLICY, recalibration_key=key)) == "tampered"


def test_an_overlay_of_another_model_is_refused(folder: Path) -> None:
    (folder / "ward.json").write_text(
        signed_text(overlay(base_model={"sha256": "00" * 32}), KEY), encoding="utf-8"
    )
    assert refusal(folder) == "other_model"


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path) == "missing"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"recalibration": {}, "signature": 1}',
        '{"recalibration": 1}',
        pytest.param("[" * 200_000, id="nested beyond the parser"),
        pytest.param('{"recalibration": {"a": "\\ud800"}, "signature": "AAAA"}', id="half a character"),
    ],
)
def test_a_file_that_is_no_overlay_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "ward.json").write_text(text, encoding="utf-8")
    assert refusal(tmp_path) in ("malformed", "tampered")


def test_a_signed_document_that_is_no_object_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ward.json").write_text(signed_text([], KEY), encoding="utf-8")  # type: ignore[arg-type]
    assert refusal(tmp_path) == "schema"


def test_an_overlay_past_its_day_is_a_problem_of_the_configuration(folder: Path) -> None:
    (folder / "ward.json").write_text(signed_text(overlay(expires_on="2031-05-03"), KEY), encoding="utf-8")
    problem = recalibration_problem(MODEL, POLICY, folder, TODAY)
    assert problem is not None
    assert "ended on 2031-05-03" in problem


def test_a_refused_model_stays_refused_for_its_own_reason(folder: Path) -> None:
    refused = ModelError("none")
    assert site_model(refused, POLICY, folder) is refused


@pytest.mark.parametrize("half", [{"recalibration": "ward.json"}, {"recalibration_key": "AAAA"}])
def test_a_policy_names_both_or_neither(half: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="both or neither"):
        SitePolicy(**half)
