"""What is kept of a prediction's inputs to see them drift: in which tenth of the training patients each lay.

A tenth is no clinical value and yet all that a population stability index asks for. The tenths come with the model
(`training-distribution.json`); what is kept is sealed.
"""

import json
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any, Final

import msgspec

from model.age import age_years
from model.feature_list import FEATURE_BY_ID, USED_ANALYTES
from model.features import chart_from_snapshot, feature_values
from model.follow_up import Head
from model.snapshot import PatientSnapshot

UNKNOWN: Final = "-"
_FIRST_LETTER: Final = ord("a")
_AGE_BANDS: Final = ((45.0, "18-44"), (65.0, "45-64"), (80.0, "65-79"))
_OLDEST_BAND: Final = "80+"


@dataclass(frozen=True, slots=True)
class Tenths:
    """One feature among the training patients: cuts between the parts, their shares, and the share unknown."""

    feature: str
    edges: tuple[float, ...]
    shares: tuple[float, ...]
    unknown: float

    def letter(self, value: float) -> str:
        """The part a value lies in, "a" the lowest; "-" when it is unknown."""
        return UNKNOWN if value != value else chr(_FIRST_LETTER + bisect_right(self.edges, value))


class InputSummary(msgspec.Struct, frozen=True):
    """One letter per feature, in the order of the head's tenths; an age band and a sex for the subgroups."""

    levels: str
    age_band: str | None = None
    sex: str | None = None


@cache
def training_tenths(head: Head) -> tuple[Tenths, ...]:
    """The bundled model's training patients; empty for a model that came without them."""
    try:
        folder = files("model") / "bundled"
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        found = json.loads((folder / manifest["training_distribution"]).read_text(encoding="utf-8"))
        tenths = found[manifest["heads"][head].removesuffix(".json")]
        return tuple(_tenths(name, item) for name, item in tenths.items() if name in FEATURE_BY_ID)
    except (OSError, ValueError, KeyError):
        return ()


def _tenths(feature: str, item: Mapping[str, Any]) -> Tenths:
    return Tenths(feature, tuple(item["edges"]), tuple(item["shares"]), item["unknown"])


def summary_of(snapshot: PatientSnapshot, tenths: Sequence[Tenths], *, now: datetime) -> InputSummary | None:
    """Where this patient's inputs lie at `now`; None without tenths to place them in."""
    if not tenths:
        return None
    timeline = chart_from_snapshot(snapshot, USED_ANALYTES, now=now).timeline
    values = feature_values([FEATURE_BY_ID[part.feature] for part in tenths], timeline, 0.0)
    levels = "".join(part.letter(value) for part, value in zip(tenths, values, strict=True))
    age = None if snapshot.birth_date is None else _age_band(age_years(snapshot.birth_date, now))
    return InputSummary(levels, age, snapshot.sex.value if snapshot.sex else None)


def _age_band(years: float) -> str:
    return next((band for below, band in _AGE_BANDS if years < below), _OLDEST_BAND)
