"""Urine output on the course: the mean rate between two entries, by weight where one is known."""

from datetime import datetime
from typing import Final

from app.chart import LaneStep, ValueLane
from app.presentation.lane_words import LanesShown, LaneTable, LaneWindow, joined
from model.analytes import Analyte
from model.snapshot import PatientSnapshot
from model.urine_course import LONGEST_INTERVAL_HOURS, UrineInterval, urine_course

#: KDIGO 2012: below this for 6 hours is stage 1.
OLIGURIA_ML_KG_H: Final = 0.5
_TOP_ML_KG_H: Final = 3.0
_TOP_ML_H: Final = 200.0


def urine_shown(snapshot: PatientSnapshot, window: LaneWindow) -> LanesShown:
    """The lane and table of the charted urine in the window."""
    known = urine_course(
        snapshot.measurements(Analyte.URINE_OUTPUT), snapshot.measurements(Analyte.WEIGHT), window.end
    )
    seen = [one for one in known if one.end_at >= window.start]
    weighed = any(one.ml_per_kg_hour is not None for one in seen)
    lanes = (_lane(seen, window, known[0].end_at, weighed=weighed),) if seen else ()
    return LanesShown(lanes, _table(seen, snapshot, window, weighed=weighed))


def _rate(one: UrineInterval, *, weighed: bool) -> float | None:
    return one.ml_per_kg_hour if weighed else one.ml_per_hour


def _lane(seen: list[UrineInterval], window: LaneWindow, first: datetime, *, weighed: bool) -> ValueLane:
    say = window.say
    steps = tuple(
        LaneStep(one.start_at, one.end_at, rate, low=weighed and rate < OLIGURIA_ML_KG_H)
        for one in seen
        if one.start_at is not None and (rate := _rate(one, weighed=weighed)) is not None
    )
    top, decimals = (_TOP_ML_KG_H, 1) if weighed else (_TOP_ML_H, 0)
    highest = max((step.value for step in steps), default=0.0)
    most = f"≥{say.number(top, 0)}" if highest > top else say.number(top, 0)
    tick = OLIGURIA_ML_KG_H if weighed else top / 2
    read_from = window.read_from("urine")
    return ValueLane(
        key="urine",
        name=_name(window, weighed=weighed),
        top=top,
        ticks=((tick, say.number(tick, decimals)), (top, most)),
        steps=steps,
        marks=tuple(one.end_at for one in seen if one.start_at is None),
        limit=OLIGURIA_ML_KG_H if weighed else None,
        read_from=min(read_from, first) if read_from else None,
    )


def _name(window: LaneWindow, *, weighed: bool) -> str:
    name = window.say.gettext("Urine output")
    return f"{name}, mL/kg/h" if weighed else f"{name}, mL/h"


def _table(
    seen: list[UrineInterval], snapshot: PatientSnapshot, window: LaneWindow, *, weighed: bool
) -> LaneTable:
    say = window.say
    rows = tuple(_row(one, window, weighed=weighed) for one in reversed(seen))
    said = say.gettext(
        "A rate is the mean since the entry before, if that is at most {hours:.0f} h ago.",
        hours=LONGEST_INTERVAL_HOURS,
    )
    if not seen:
        said = say.gettext("None known in this window.")
    elif not weighed:
        said = joined(said, say.gettext("Without a weight it is not given by weight."))
    read_from = window.read_from("urine")
    back = say.gettext("Read back to {day}.", day=say.day(read_from)) if read_from else ""
    columns = (say.gettext("Charted"), say.gettext("Since"), "mL", "mL/kg/h" if weighed else "mL/h")
    return LaneTable(
        say.gettext("Urine output"), columns, rows, joined(said, back, window.read_words(snapshot, "urine"))
    )


def _row(one: UrineInterval, window: LaneWindow, *, weighed: bool) -> tuple[str, ...]:
    say, rate = window.say, _rate(one, weighed=weighed)
    return (
        say.short_moment(one.end_at),
        say.short_moment(one.start_at) if one.start_at else "",
        say.number(one.volume_ml),
        "" if rate is None else say.number(rate, 1 if weighed else 0),
    )
