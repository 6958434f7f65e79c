"""Charted urine as rates over time, for showing it: volume over hours, and over weight where one is known.

A charted volume is what was passed since the entry before it (`model.kdigo_urine`). Entries too far apart say
nothing about the hours between them: then the volume stands alone, without a rate.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from model.creatinine import HOUR_SECONDS
from model.kdigo_urine import charted_volumes, usable, weight_at
from model.snapshot import Measurement

#: A long shift: a ward that sums up once a shift is still seen.
LONGEST_INTERVAL_HOURS: Final = 12.0


@dataclass(frozen=True, slots=True)
class UrineInterval:
    """What was charted at `end_at`. `start_at` is the entry before; None if too long ago, or if there is none.

    Rates are None without a start, `ml_per_kg_hour` also without a weight.
    """

    end_at: datetime
    volume_ml: float
    start_at: datetime | None = None
    ml_per_hour: float | None = None
    ml_per_kg_hour: float | None = None


def urine_course(
    urine: Iterable[Measurement], weights: Iterable[Measurement], now: datetime
) -> tuple[UrineInterval, ...]:
    """Every charted volume known at `now`, oldest first; volumes charted at one moment are added up."""
    known = sorted((w for w in weights if usable(w, now)), key=lambda w: (w.at, w.available_at, w.value))
    volumes = charted_volumes(urine, now)
    starts = [None, *(at for at, _ in volumes)]
    return tuple(_interval(start, at, ml, known) for start, (at, ml) in zip(starts, volumes, strict=False))


def _interval(start: datetime | None, at: datetime, ml: float, weights: list[Measurement]) -> UrineInterval:
    hours = (at - start).total_seconds() / HOUR_SECONDS if start else 0.0
    if start is None or hours > LONGEST_INTERVAL_HOURS:
        return UrineInterval(at, ml)
    weight_kg = weight_at(weights, at)
    rate = ml / hours
    return UrineInterval(at, ml, start, rate, rate / weight_kg if weight_kg else None)
