"""Loads the model from its artifact: JSON tables, a manifest with their SHA-256, and golden predictions.

Everything is checked before the model may speak: the manifest's schema, each file's hash, that the features are
those this code computes, and that this code reproduces the golden predictions. A refused model is
`ModelRefused`; staging goes on without it and says why there is no risk.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from itertools import pairwise
from typing import Any, ClassVar

from model.analytes import CANONICAL_UNIT, Analyte
from model.assessment import ModelIdentity
from model.errors import ModelError
from model.feature_list import FEATURE_BY_ID, USED_ANALYTES
from model.features import Series, Timeline
from model.risk import Applicability, Categories, Head, PairTable, RiskModel, Shape
from model.snapshot import Sex

SCHEMA = 1
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
        heads = {name: _head(_verified(folder, manifest, name)) for name in manifest["heads"].values()}
        golden = _verified(folder, manifest, manifest["golden"])
        model = _model(manifest, hashlib.sha256(manifest_bytes).hexdigest(), heads)
        _replay(model, golden)
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


def _head(content: Mapping[str, Any]) -> Head:
    return Head(
        id=content["id"],
        outcome=content["outcome"],
        horizon_hours=content["horizon_hours"],
        base_log_odds=_finite(content["base_log_odds"]),
        shapes=tuple(_shape(item) for item in content["shapes"]),
        pairs=tuple(_pair(item, [shape["feature"] for shape in content["shapes"]]) for item in content["pairs"]),
        categories=Categories(**content["categories"]),
    )


def _shape(item: Mapping[str, Any]) -> Shape:
    feature = FEATURE_BY_ID.get(item["feature"])
    if feature is None:
        raise ModelRefused("unknown_feature", "The model needs a feature this version does not compute.")
    edges = tuple(_finite(edge) for edge in item["edges"])
    log_odds = tuple(_finite(height) for height in item["log_odds"])
    if len(log_odds) != len(edges) + 1 or not _ascends(edges):
        raise ValueError("a step function's edges do not ascend or do not match its heights")
    return Shape(feature, edges, log_odds)


def _pair(item: Mapping[str, Any], order: Sequence[str]) -> PairTable:
    """A pairwise table; its features are named in the file and become positions in the head."""
    first, second = (order.index(name) for name in item["features"])
    first_edges, second_edges = (tuple(_finite(edge) for edge in edges) for edges in item["edges"])
    rows = tuple(tuple(_finite(height) for height in row) for row in item["log_odds"])
    fits = len(rows) == len(first_edges) + 1 and all(len(row) == len(second_edges) + 1 for row in rows)
    if not (fits and _ascends(first_edges) and _ascends(second_edges)):
        raise ValueError("a pairwise table's edges do not ascend or do not match its heights")
    return PairTable(first, second, first_edges, second_edges, rows)


def _ascends(edges: Sequence[float]) -> bool:
    return all(a < b for a, b in pairwise(edges))


def _finite(number: Any) -> float:
    if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
        raise ValueError("a weight is not a finite number")
    return float(number)


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
            head = heads[head_id]
            found = head.log_odds(head.scored(timeline, 0.0))
            if not abs(found - expected) <= GOLDEN_TOLERANCE:
                raise ModelRefused(
                    "golden", f"This version does not reproduce the golden prediction {case['id']!r}."
                )
