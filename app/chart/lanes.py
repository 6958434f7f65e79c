"""What is drawn below the creatinines on the same time axis, and where: lanes of values, rows of bars."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from app.chart.scale import Scale

_HEADING = 15.0
_VALUES_HEIGHT = 42.0
_ROW_HEIGHT = 9.0
_GAP = 4.0
#: So that what lasted minutes is still seen on an axis of years.
SHORTEST_BAR = 3.0
#: Half the width and height of a mark.
MARK_RADIUS = 4.5
_ROOM_FOR_UNREAD = 52.0


@dataclass(frozen=True, slots=True)
class LanePoint:
    """One value at one moment; `hollow` when it must not be taken at its word."""

    at: datetime
    value: float
    label: str
    hollow: bool = False


@dataclass(frozen=True, slots=True)
class LaneStep:
    """One value between two moments; `low` when it lies below the lane's limit."""

    start: datetime
    end: datetime
    value: float
    low: bool = False


@dataclass(frozen=True, slots=True)
class ValueLane:
    """A small plot from 0 to `top`. `marks` are moments of which no value over time can be given; `latest` is
    written beside the last point."""

    key: str
    name: str
    top: float
    ticks: tuple[tuple[float, str], ...]
    points: tuple[LanePoint, ...] = ()
    steps: tuple[LaneStep, ...] = ()
    marks: tuple[datetime, ...] = ()
    limit: float | None = None
    latest: str = ""
    read_from: datetime | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """Something that lasted: None as an end that is not known. `kind` says what is known of it.

    A `mark` shows by its form what it is, where it began; `day_only`: in the middle of the day, and hollow.
    """

    start: datetime | None
    end: datetime | None
    kind: str  # "ordered" | "given" | "dose" | "stay" | "unit" | "treatment" | "event"
    label: str
    mark: str = ""  # "" | "diamond" | "triangle"
    day_only: bool = False


@dataclass(frozen=True, slots=True)
class SpanLane:
    """A row of bars under its name."""

    key: str
    name: str
    spans: tuple[Span, ...]
    read_from: datetime | None = None


Lane = ValueLane | SpanLane


@dataclass(frozen=True, slots=True)
class Bar:
    """A span on the plot; an open end is one the chart does not know."""

    x1: float
    x2: float
    kind: str
    label: str
    open_start: bool = False
    open_end: bool = False
    mark: str = ""
    mark_x: float = 0.0
    day_only: bool = False


@dataclass(frozen=True, slots=True)
class PlacedLane:
    """A lane with its pixels: name at `name_y`, drawing from `top` to `bottom`, not read before `unread_to`.

    `x` and `y` place its values; bars are placed already.
    """

    lane: Lane
    name_y: float
    top: float
    bottom: float
    x: Scale
    y: Scale
    bars: tuple[Bar, ...] = ()
    unread_to: float | None = None

    @property
    def has_room_to_say_unread(self) -> bool:
        """Whether the words fit into the part that was not read."""
        return self.unread_to is not None and self.unread_to - self.x.start_px >= _ROOM_FOR_UNREAD


def place_lanes(lanes: Iterable[Lane], x: Scale, below: float) -> tuple[PlacedLane, ...]:
    """The lanes one under the other, on the time scale `x` (seconds), the first one starting at `below`."""
    placed: list[PlacedLane] = []
    for lane in lanes:
        top = below + _GAP + _HEADING
        height = _VALUES_HEIGHT if isinstance(lane, ValueLane) else _ROW_HEIGHT
        placed.append(_placed(lane, x, top, top + height))
        below = top + height
    return tuple(placed)


def _placed(lane: Lane, x: Scale, top: float, bottom: float) -> PlacedLane:
    high = lane.top if isinstance(lane, ValueLane) else 1.0
    bars = tuple(_bars(lane.spans, x)) if isinstance(lane, SpanLane) else ()
    unread = x(lane.read_from.timestamp()) if lane.read_from else x.start_px
    return PlacedLane(
        lane=lane,
        name_y=top - _HEADING / 2,
        top=top,
        bottom=bottom,
        x=x,
        y=Scale(0.0, high, bottom, top),
        bars=bars,
        unread_to=unread if unread > x.start_px else None,
    )


def _bars(spans: Iterable[Span], x: Scale) -> Iterator[Bar]:
    """Spans inside the window, none shorter than can be seen; an unknown end is drawn as far as it may reach."""
    for span in spans:
        start = x.low if span.start is None else span.start.timestamp()
        end = x.high if span.end is None else span.end.timestamp()
        if end < x.low or start > x.high:
            continue
        x1, x2 = x(start), x(max(start, end))
        x1 = min(x1, x.end_px - SHORTEST_BAR)
        x2 = max(x2, x1 + SHORTEST_BAR)
        ends = (span.start is None, span.end is None)
        mark_x = _inside((x1 + x2) / 2 if span.day_only else x1, x)
        yield Bar(x1, x2, span.kind, span.label, *ends, span.mark, mark_x, span.day_only)


def _inside(place: float, x: Scale) -> float:
    """The middle of a mark at `place`, moved so that all of it is on the plot."""
    return min(max(place, x.start_px + MARK_RADIUS), x.end_px - MARK_RADIUS)
