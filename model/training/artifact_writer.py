"""Writes an artifact folder: heads, replicas, training ranges, golden predictions, and the manifest that vouches.

Everything in it is a function of the training data, the code and the date given: the same run writes the same
bytes. Log-odds are rounded to six decimals, edges to six digits.
"""

import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from model.analytes import CANONICAL_UNIT
from model.artifact import MANIFEST, SCHEMA, timeline_from_json
from model.feature_list import FEATURES, USED_ANALYTES
from model.risk import Applicability, Categories, Head, PairTable, Shape
from model.spread import Spread
from model.training.cohort import Source
from model.training.golden import golden_timelines
from model.training.recipe import FittedHead, Recipe

MODEL_ID = "aki-sentinel"
MODEL_VERSION = "1.2.0"
GOLDEN = "golden.json"
DISTRIBUTION = "training-distribution.json"
RANGES = "training-ranges.json"
DECIMALS = 6


@dataclass(frozen=True, slots=True)
class TrainedHead:
    """One head ready to be written: its place in the product, what it predicts, and what it was made from."""

    role: str  # "onset" | "progression"
    head: Head
    recipe: Recipe
    landmarks: int
    patients: int
    events: int
    distribution: Mapping[str, Any]

    @property
    def file_name(self) -> str:
        return f"{self.head.id}.json"

    @property
    def replicas_name(self) -> str:
        return f"{self.head.id}-replicas.json"


def runtime_head(fitted: FittedHead, *, head_id: str, outcome: str, categories: Categories) -> Head:
    """The fitted tables as the runtime's data, rounded as they will be stored, without constant features."""
    shapes = tuple(
        Shape(feature, tuple(edges.tolist()), tuple(_rounded(shape[1:])))
        for feature, edges, shape in zip(FEATURES, fitted.edges, fitted.fit.shapes, strict=True)
        if len(edges)
    )
    place = np.cumsum([len(edges) > 0 for edges in fitted.edges]) - 1
    pairs = tuple(
        PairTable(
            int(place[i]),
            int(place[j]),
            tuple(fitted.pair_edges[i].tolist()),
            tuple(fitted.pair_edges[j].tolist()),
            tuple(tuple(_rounded(row)) for row in table[1:, 1:]),
        )
        for (i, j), table in zip(fitted.fit.pairs, fitted.fit.tables, strict=True)
    )
    base = round(fitted.fit.intercept, DECIMALS)
    return Head(head_id, outcome, 48, base, shapes, pairs, categories)


def _rounded(heights: Any) -> list[float]:
    return [round(float(height), DECIMALS) + 0.0 for height in heights]


def write_artifact(
    folder: Path, heads: Sequence[TrainedHead], sources: Sequence[Source], *, created: str
) -> dict[str, str]:
    """Write every file; returns the SHA-256 of each by name, the manifest included."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {trained.file_name: _head_text(trained.head) for trained in heads}
    files[GOLDEN] = _golden_text(heads)
    files[DISTRIBUTION] = _distribution_text(heads)
    files[RANGES] = _ranges_text(heads)
    files |= {t.replicas_name: _replicas_text(t.head.spread) for t in heads if t.head.spread}
    digests = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in files.items()}
    files[MANIFEST] = json.dumps(_manifest(heads, sources, digests, created), indent=1) + "\n"
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    return {name: hashlib.sha256(text.encode()).hexdigest() for name, text in files.items()}


def _head_text(head: Head) -> str:
    """JSON with one shape or table a line, so that a change can be read in a diff."""
    names = [shape.feature.id for shape in head.shapes]
    lines: dict[str, list[dict[str, Any]]] = {
        "shapes": [
            {"feature": s.feature.id, "unit": s.feature.unit, "edges": s.edges, "log_odds": s.log_odds}
            for s in head.shapes
        ],
        "pairs": [
            {
                "features": [names[p.first], names[p.second]],
                "edges": [p.first_edges, p.second_edges],
                "log_odds": p.log_odds,
            }
            for p in head.pairs
        ],
    }
    top = {
        "id": head.id,
        "outcome": head.outcome,
        "horizon_hours": head.horizon_hours,
        "base_log_odds": head.base_log_odds,
        "categories": asdict(head.categories),
    }
    parts = [f" {json.dumps(key)}: {json.dumps(value)}" for key, value in top.items()]
    for key, items in lines.items():
        body = ",\n".join("  " + json.dumps(item) for item in items)
        parts.append(f' "{key}": [\n{body}\n ]')
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _golden_text(heads: Sequence[TrainedHead]) -> str:
    cases = []
    for name, timeline in golden_timelines().items():
        read = timeline_from_json(timeline)
        log_odds = {t.head.id: round(t.head.log_odds(t.head.scored(read, 0.0)), 12) for t in heads}
        errors = {t.head.id: t.head.standard_error(t.head.scored(read, 0.0)) for t in heads}
        known = {head: round(error, 12) for head, error in errors.items() if error is not None}
        cases.append({"id": name, "timeline": timeline, "log_odds": log_odds, "standard_errors": known})
    body = ",\n".join("  " + json.dumps(case) for case in cases)
    return '{\n "cases": [\n' + body + "\n ]\n}\n"


def _distribution_text(heads: Sequence[TrainedHead]) -> str:
    parts = []
    for trained in heads:
        body = ",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in trained.distribution.items())
        parts.append(f" {json.dumps(trained.head.id)}: {{\n{body}\n }}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _ranges_text(heads: Sequence[TrainedHead]) -> str:
    """Per head how many unusual and known concepts are common, and per feature its four quantiles, one a line."""
    parts = []
    for trained in heads:
        found = trained.head.familiarity
        if found is None:
            raise ValueError("a head without training ranges cannot be written")
        body = ",\n".join(
            f"   {json.dumps(name)}: {json.dumps(astuple(span))}" for name, span in found.spans.items()
        )
        counts = f'  "unusual_concepts": {found.unusual_concepts},\n  "known_concepts": {found.known_concepts}'
        parts.append(f' {json.dumps(trained.head.id)}: {{\n{counts},\n  "features": {{\n{body}\n  }}\n }}')
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _replicas_text(spread: Spread) -> str:
    """One table a line; whole numbers, without spaces between them."""
    lines = [
        f' "{name}": {json.dumps(getattr(spread, name))}' for name in ("level", "multiplier", "method", "base")
    ]
    for name in ("shapes", "pairs"):
        body = ",\n".join("  " + json.dumps(table, separators=(",", ":")) for table in getattr(spread, name))
        lines.append(f' "{name}": [\n{body}\n ]')
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _manifest(
    heads: Sequence[TrainedHead], sources: Sequence[Source], digests: Mapping[str, str], created: str
) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "model": {"id": MODEL_ID, "version": MODEL_VERSION, "created": created},
        "heads": {trained.role: trained.file_name for trained in heads},
        "golden": GOLDEN,
        "training_distribution": DISTRIBUTION,
        "training_ranges": RANGES,
        "replicas": {trained.role: trained.replicas_name for trained in heads if trained.head.spread},
        "files": dict(digests),
        "applicability": asdict(Applicability()),
        "units": {analyte.value: CANONICAL_UNIT[analyte] for analyte in USED_ANALYTES},
        "feature_order": {t.head.id: [shape.feature.id for shape in t.head.shapes] for t in heads},
        "training_data": [asdict(source) for source in sources],
        "training": {
            t.head.id: {
                "landmarks": t.landmarks,
                "patients": t.patients,
                "events": t.events,
                "recipe": asdict(t.recipe),
            }
            for t in heads
        },
        "libraries": {"python": platform.python_version(), "numpy": np.__version__},
    }
