"""Loads the model from its artifact: JSON tables, a manifest with their SHA-256, and golden predictions.

Schema 2: beside each head's tables the ranges of its training values, and where there are any the replicas that
give an interval.

Everything is checked before the model may speak: the manifest's schema, each file's hash, that the features are
those this code computes, and that this code reproduces the golden predictions. A refused model is
`ModelRefused`; staging goes on without it and says why there is no risk.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, ClassVar

from model.analytes import CANONICAL_UNIT, Analyte
from model.artifact_parts import UnknownFeature, familiarity_from_json, head_from_json, spread_from_json
from model.assessment import ModelIdentity
from model.errors import ModelError
from model.feature_list import USED_ANALYTES
from model.features import Series, Timeline
from model.risk import Applicability, Head, RiskModel
from model.snapshot import Sex

SCHEMA = 2
MANIFEST = "manifest.json"
GOLDEN_TOLERANCE = 1e-9


class ModelRefused(ModelError):
    """The artifact must not be used. `reason` is a stable code; `str()` says it in words."""

    code: ClassVar[str] = "model-refused"

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason


def load_bundled_model() -> RiskModel:
    """The model shipped with the product. Reads and verifies it each time: keep the result."""
    return load_model(resources.files("model") / "bundled")


def load_model(folder: Traversable) -> RiskModel:
    """The verified model of an artifact folder. Raises ModelRefused."""
    manifest_bytes = _read(folder, MANIFEST)
    manifest = _parse(manifest_bytes, MANIFEST)
    check_schema(manifest)
    try:
        heads = {name: _whole_head(folder, manifest, role) for role, name in manifest["heads"].items()}
        golden = _verified(folder, manifest, manifest["golden"])
        model = _model(manifest, hashlib.sha256(manifest_bytes).hexdigest(), heads)
        _replay(model, golden)
    except UnknownFeature as unknown:
        raise ModelRefused(
            "unknown_feature", "The model needs a feature this version does not compute."
        ) from unknown
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as problem:
        raise ModelRefused(
            "malformed", f"The model's files are malformed ({type(problem).__name__})."
        ) from problem
    return model


def check_schema(manifest: Mapping[str, Any]) -> None:
    """Raise ModelRefused unless the artifact was written for this version of the code."""
    schema = manifest.get("schema")
    if schema != SCHEMA:
        raise ModelRefused(
            "schema", f"The model's files have schema {schema!r}; this version reads schema {SCHEMA}."
        )
    units = manifest.get("units")
    if units != {analyte.value: CANONICAL_UNIT[analyte] for analyte in USED_ANALYTES}:
        raise ModelRefused("units", "The model was trained on other quantities or units than this version uses.")


def _model(manifest: Mapping[str, Any], digest: str, heads: Mapping[str, Head]) -> RiskModel:
    names = manifest["heads"]
    order = {head.id: [shape.feature.id for shape in head.shapes] for head in heads.values()}
    if order != manifest["feature_order"]:
        raise ModelRefused("feature_order", "The model's features are not in the order its manifest states.")
    return RiskModel(
        identity=ModelIdentity(manifest["model"]["id"], manifest["model"]["version"], digest),
        applicability=Applicability(**manifest["applicability"]),
        onset_head=heads[names["onset"]],
        progression_head=heads[names["progression"]] if "progression" in names else None,
    )


def _whole_head(folder: Traversable, manifest: Mapping[str, Any], role: str) -> Head:
    """A head with the ranges of its training values and, if the artifact has them, its replicas."""
    head = head_from_json(_verified(folder, manifest, manifest["heads"][role]))
    ranges = _verified(folder, manifest, manifest["training_ranges"])[head.id]
    head = replace(head, familiarity=familiarity_from_json(ranges, head.shapes))
    replicas = manifest.get("replicas", {}).get(role)
    if replicas is None:
        return head
    return replace(head, spread=spread_from_json(_verified(folder, manifest, replicas), head))


# --- files ----------------------------------------------------------------------------------------------------


def _read(folder: Traversable, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as problem:
        raise ModelRefused("missing", f"The model's file {name} cannot be read.") from problem


def _parse(content: bytes, name: str) -> dict[str, Any]:
    try:
        parsed = json.loads(content)
    except ValueError as problem:
        raise ModelRefused("malformed", f"The model's file {name} is not JSON.") from problem
    if not isinstance(parsed, dict):
        raise ModelRefused("malformed", f"The model's file {name} is not a JSON object.")
    return parsed


def _verified(folder: Traversable, manifest: Mapping[str, Any], name: str) -> dict[str, Any]:
    content = _read(folder, name)
    if hashlib.sha256(content).hexdigest() != manifest["files"][name]:
        raise ModelRefused("tampered", f"The model's file {name} is not the one its manifest vouches for.")
    return _parse(content, name)


# --- golden predictions -----------------------------------------------------------------------------------------


def timeline_from_json(content: Mapping[str, Any]) -> Timeline:
    """A timeline as golden predictions spell it: age_years, sex, and series of [hour, value] by analyte."""
    series = {
        Analyte(name): Series([point[0] for point in points], [point[1] for point in points])
        for name, points in content["series"].items()
    }
    return Timeline(content["age_years"], Sex(content["sex"]), series)


def _replay(model: RiskModel, golden: Mapping[str, Any]) -> None:
    """Score the golden patients and compare; raise ModelRefused on the first that differs."""
    heads = {head.id: head for head in (model.onset_head, model.progression_head) if head is not None}
    if not golden["cases"]:
        raise ModelRefused("golden", "The model comes without golden predictions.")
    for case in golden["cases"]:
        timeline = timeline_from_json(case["timeline"])
        for head_id, expected in case["log_odds"].items():
            scored = heads[head_id].scored(timeline, 0.0)
            error = heads[head_id].standard_error(scored)
            same = _near(heads[head_id].log_odds(scored), expected)
            if not same or not _near(error, case.get("standard_errors", {}).get(head_id)):
                raise ModelRefused(
                    "golden", f"This version does not reproduce the golden prediction {case['id']!r}."
                )


def _near(found: float | None, expected: float | None) -> bool:
    if found is None or expected is None:
        return found is expected
    return abs(found - expected) <= GOLDEN_TOLERANCE
