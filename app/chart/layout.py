"""From a creatinine course to plain shapes with pixel positions. No markup here."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from app.chart.lanes import Lane, PlacedLane, place_lanes
from app.chart.scale import Scale, TimeTick, time_ticks, value_ticks
from app.chart.words import ENGLISH, ChartWords

#: KDIGO 2012: stage n begins at this multiple of the baseline.
STAGE_RATIOS = ((1, 1.5), (2, 2.0), (3, 3.0))
#: Beyond the window of the absolute criterion the course between two tests is unknown: dotted.
GAP = timedelta(hours=48)
_LABEL_HEIGHT = 15.0
_BELOW_LANES = 5.0
_LABEL_WIDTH = 34.0  # four digits and a point
_MARGIN_LETTER_WIDTH = 7.4  # of the labels in the right margin, on average; a full-width letter is two
_LETTERS_ACROSS = 0x2E80  # from here on letters are full-width


@dataclass(frozen=True, slots=True)
class CoursePoint:
    """One creatinine in the chart's unit. `shape` is what the reader must know before trusting it;
    `shown` is its text, `more` what the read-out adds to the label."""

    at: datetime
    value: float
    label: str
    shape: str = "final"  # "final" | "preliminary" | "day" | "below" | "above"
    shown: str = ""
    more: str = ""


@dataclass(frozen=True, slots=True)
class Course:
    """What is drawn: the points from `start` to `end` (the time of the assessment), the baseline, and the lanes
    below on the same axis.

    Values are in `words.unit`. Without `has_bands` no stage is drawn, whatever the baseline.
    """

    points: tuple[CoursePoint, ...]
    start: datetime
    end: datetime
    time_zone: ZoneInfo
    baseline: float | None = None
    title: str = "Creatinine course"
    description: str = ""
    words: ChartWords = ENGLISH
    lanes: tuple[Lane, ...] = ()
    has_bands: bool = True


@dataclass(frozen=True, slots=True)
class Frame:
    """The drawing's size and margins, in pixels, without lanes. One for wide panels, one for phones."""

    name: str
    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float
    time_ticks_at_most: int
    value_ticks_at_most: int = 6
    second_unit: bool = True


WIDE = Frame("wide", 660, 300, left=88, right=62, top=32, bottom=28, time_ticks_at_most=8)
NARROW = Frame("narrow", 340, 270, left=34, right=62, top=30, bottom=28, time_ticks_at_most=5, second_unit=False)


@dataclass(frozen=True, slots=True)
class Dot:
    """A point on the plot with its words."""

    x: float
    y: float
    label: str
    shape: str


@dataclass(frozen=True, slots=True)
class Segment:
    """The line between two neighbours; `gap` when too long passed to draw it solid."""

    x1: float
    y1: float
    x2: float
    y2: float
    gap: bool


@dataclass(frozen=True, slots=True)
class Band:
    """The creatinines that are stage `stage` against the baseline, as a strip of the plot."""

    stage: int
    top: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Label:
    """A word in the right margin or beside a point."""

    x: float
    y: float
    text: str
    role: str
    anchor: str = "start"


@dataclass(frozen=True, slots=True)
class Layout:
    """Everything to draw, in pixels. `plot` is where the creatinines are; `bottom` is where the last lane ends."""

    frame: Frame
    height: float
    bottom: float
    dots: tuple[Dot, ...]
    segments: tuple[Segment, ...]
    bands: tuple[Band, ...]
    labels: tuple[Label, ...]
    value_ticks: tuple[tuple[float, float], ...]
    time_ticks: tuple[tuple[float, TimeTick], ...]
    baseline_y: float | None = None
    plot: tuple[float, float, float, float] = field(default=(0, 0, 0, 0))  # left, top, right, bottom
    lanes: tuple[PlacedLane, ...] = ()


def lay_out(course: Course, frame: Frame) -> Layout:
    """Place the course inside the frame; nothing lies outside the plot except labels in the margins."""
    frame = _with_room_for(course.words, frame)
    plot = (frame.left, frame.top, frame.width - frame.right, frame.height - frame.bottom)
    x, y = _scales(course, plot)
    dots = tuple(
        Dot(x(p.at.timestamp()), y(p.value), _reading(p), p.shape) for p in course.points if p.at >= course.start
    )
    shown = [p for p in course.points if p.at >= course.start]
    bands = _bands(course.baseline, y) if course.has_bands else ()
    base = None if course.baseline is None else y(course.baseline)
    ticks = time_ticks(
        course.start, course.end, course.time_zone, at_most=frame.time_ticks_at_most, write=course.words.tick
    )
    lanes = place_lanes(course.lanes, x, plot[3])
    bottom = lanes[-1].bottom + _BELOW_LANES if lanes else plot[3]
    return Layout(
        frame=frame,
        height=bottom + frame.bottom,
        bottom=bottom,
        dots=dots,
        segments=_segments(shown, dots),
        bands=bands,
        labels=(*_margin_labels(course, y, bands, plot), *_value_labels(shown, dots, plot, base)),
        value_ticks=tuple((y(v), v) for v in value_ticks(y.high, at_most=frame.value_ticks_at_most)),
        time_ticks=tuple((x(t.at.timestamp()), t) for t in ticks),
        baseline_y=base,
        plot=plot,
        lanes=lanes,
    )


def _reading(point: CoursePoint) -> str:
    return f"{point.label}. {point.more}" if point.more else point.label


def _with_room_for(words: ChartWords, frame: Frame) -> Frame:
    """The frame with a right margin as wide as its longest word, for languages with longer ones."""
    longest = max(
        sum(2 if ord(letter) >= _LETTERS_ACROSS else 1 for letter in word)
        for word in (words.baseline, *words.stages)
    )
    return replace(frame, right=max(frame.right, 10 + longest * _MARGIN_LETTER_WIDTH))


def _scales(course: Course, plot: tuple[float, float, float, float]) -> tuple[Scale, Scale]:
    """Time left to right; creatinine from 0, high enough that the first two stage limits are in sight."""
    left, top, right, bottom = plot
    values = [p.value for p in course.points if p.at >= course.start]
    high = max([*(v * 1.15 for v in values), (course.baseline or 0.0) * 2.3, course.words.lowest_top])
    x = Scale(course.start.timestamp(), course.end.timestamp(), left, right)
    return x, Scale(0.0, high, bottom, top)


def _segments(points: Sequence[CoursePoint], dots: Sequence[Dot]) -> tuple[Segment, ...]:
    return tuple(
        Segment(a.x, a.y, b.x, b.y, gap=later.at - earlier.at > GAP)
        for (earlier, later), (a, b) in zip(pairwise(points), pairwise(dots), strict=True)
    )


def _bands(baseline: float | None, y: Scale) -> tuple[Band, ...]:
    if baseline is None:
        return ()
    limits = [ratio * baseline for _, ratio in STAGE_RATIOS] + [float("inf")]
    return tuple(
        Band(stage, top=y(limits[n + 1]), bottom=y(limits[n]))
        for n, (stage, _) in enumerate(STAGE_RATIOS)
        if limits[n] < y.high
    )


def _margin_labels(
    course: Course, y: Scale, bands: tuple[Band, ...], plot: tuple[float, float, float, float]
) -> list[Label]:
    """ "Baseline" and the stages at the right edge; a label that would touch one already placed is left out."""
    if course.baseline is None:
        return []
    x = plot[2] + 8
    placed = [Label(x, y(course.baseline), course.words.baseline, "baseline")]
    for band in bands:
        middle = (band.top + band.bottom) / 2
        if all(abs(middle - other.y) >= _LABEL_HEIGHT for other in placed):
            placed.append(Label(x, middle, course.words.stages[band.stage - 1], "stage"))
    return placed


def _value_labels(
    points: Sequence[CoursePoint],
    dots: Sequence[Dot],
    plot: tuple[float, float, float, float],
    baseline_y: float | None,
) -> list[Label]:
    """The latest value, and the highest when it is another one that stands clear of it."""
    if not dots:
        return []
    last = len(dots) - 1
    peak = max(range(len(dots)), key=lambda n: points[n].value)
    chosen = [last] if abs(dots[peak].x - dots[last].x) < 48 else [peak, last]
    return [_value_label(points[n], dots[n], dots, plot, baseline_y) for n in chosen]


def _on_lines(dots: Sequence[Dot]) -> Iterator[tuple[float, float]]:
    """Places on the lines between neighbours, a few to each, so that a label keeps off them too."""
    for a, b in pairwise(dots):
        for part in range(1, 8):
            yield a.x + (b.x - a.x) * part / 8, a.y + (b.y - a.y) * part / 8


def _value_label(
    point: CoursePoint,
    dot: Dot,
    dots: Sequence[Dot],
    plot: tuple[float, float, float, float],
    baseline_y: float | None,
) -> Label:
    """Above or below its dot, inside the plot, where it covers least of the course and of the baseline."""
    left, top, right, bottom = plot
    sign = {"below": "<", "above": ">"}.get(point.shape, "")
    anchor = "end" if dot.x > right - 30 else "start" if dot.x < left + 30 else "middle"
    x = min(max(dot.x, left + 2), right - 2)
    first = x - {"end": _LABEL_WIDTH, "start": 0, "middle": _LABEL_WIDTH / 2}[anchor]

    def covered(height: float) -> int:
        near = [(d.x, d.y) for d in dots] + list(_on_lines(dots))
        inside = [y for x, y in near if first - 6 <= x <= first + _LABEL_WIDTH + 6]
        inside += [] if baseline_y is None else [baseline_y]
        return sum(abs(y - height) < _LABEL_HEIGHT for y in inside)

    inside = [h for h in (dot.y - 13, dot.y + 17, dot.y - 26, dot.y + 30) if top + 8 <= h <= bottom - 8]
    return Label(
        x, min(inside, key=covered, default=dot.y), f"{sign}{point.shown or f'{point.value:g}'}", "value", anchor
    )
