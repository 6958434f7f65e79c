"""Everything below the creatinines: the lanes in their order, and their tables."""

from dataclasses import dataclass

from app.chart import Lane, SpanLane
from app.presentation.egfr_lane import egfr_lane
from app.presentation.event_lane import events_shown
from app.presentation.exposure_lane import exposure_shown
from app.presentation.lane_words import LaneTable, LaneWindow
from app.presentation.urine_lane import urine_shown
from model.assessment import Egfr
from model.snapshot import PatientSnapshot


@dataclass(frozen=True, slots=True)
class CourseLanes:
    """Lanes with something to draw, and the tables of all of them, empty ones too."""

    lanes: tuple[Lane, ...]
    tables: tuple[LaneTable, ...]

    @property
    def has_days(self) -> bool:
        """Whether some event is drawn of which only the day is known."""
        return any(span.day_only for lane in self.lanes if isinstance(lane, SpanLane) for span in lane.spans)


def course_lanes(snapshot: PatientSnapshot, egfrs: tuple[Egfr | None, ...], window: LaneWindow) -> CourseLanes:
    """eGFR, urine, drugs, events: from the kidney outwards."""
    egfr = egfr_lane(egfrs, window)
    shown = (urine_shown(snapshot, window), exposure_shown(snapshot, window), events_shown(snapshot, window))
    lanes = tuple(lane for one in shown for lane in one.lanes)
    return CourseLanes(((egfr,) if egfr else ()) + lanes, tuple(one.table for one in shown))
