"""eGFR on the course: every creatinine's own; a ring where it was not steady, so no number to dose by."""

from typing import Final

from app.chart import LanePoint, ValueLane
from app.presentation.lane_words import LaneWindow
from app.presentation.wording import Wording
from model.assessment import Egfr

#: How high the lane reaches, and the limits of CKD categories that are marked in it (KDIGO 2024).
_TICKS: Final = {60.0: (30.0, 60.0), 100.0: (30.0, 60.0, 90.0), 200.0: (60.0, 120.0)}
UNIT = "mL/min/1.73 m²"


def egfr_lane(found: tuple[Egfr | None, ...], window: LaneWindow) -> ValueLane | None:
    """The lane of the eGFRs in the window, or None where there is none."""
    seen = [one for one in found if one is not None and one.at is not None and one.at >= window.start]
    if not seen:
        return None
    say = window.say
    highest = max(one.ml_min_1_73m2 for one in seen)
    top = next((top for top in _TICKS if highest <= top), max(_TICKS))
    return ValueLane(
        key="egfr",
        name=f"{say.gettext('eGFR')}, {say.marked(UNIT)}",
        top=top,
        ticks=tuple((tick, say.number(tick)) for tick in _TICKS[top]),
        points=tuple(
            LanePoint(
                one.at, one.ml_min_1_73m2, f"{egfr_words(one, say)}, {say.moment(one.at)}", not one.steady_state
            )
            for one in seen
            if one.at is not None
        ),
        latest=say.number(seen[-1].ml_min_1_73m2),
    )


def egfr_words(one: Egfr | None, say: Wording) -> str:
    """ "eGFR 31, not steady"; nothing where there is none."""
    if one is None:
        return ""
    facts = {"egfr": say.number(one.ml_min_1_73m2)}
    return (
        say.gettext("eGFR {egfr}", **facts)
        if one.steady_state
        else say.gettext("eGFR {egfr}, not steady", **facts)
    )
