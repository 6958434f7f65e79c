"""The lanes as SVG: shape and outline say what colour must not."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from xml.etree.ElementTree import Element, SubElement

from app.chart.lanes import MARK_RADIUS, Bar, LanePoint, LaneStep, PlacedLane, ValueLane
from app.chart.markup import line, path, px, rect, stop, text, title
from app.chart.words import ChartWords

_RADIUS = 2.75
_OPEN_PX = 7.0


def draw_lanes(svg: Element, lanes: Iterable[PlacedLane], words: ChartWords) -> None:
    """Draw every lane with its name above it, and say where nothing was read."""
    for placed in lanes:
        group = SubElement(svg, "g", {"class": f"lane lane--{placed.lane.key}", "aria-hidden": "true"})
        if isinstance(placed.lane, ValueLane):
            _draw_ticks(group, placed, placed.lane)
        _draw_unread(group, placed, words)
        if isinstance(placed.lane, ValueLane):
            _draw_values(group, placed, placed.lane)
        for bar in placed.bars:
            _draw_bar(group, bar, placed)
        text(group, "lane-name", placed.x.start_px + 2, placed.name_y, placed.lane.name)


def _draw_unread(group: Element, placed: PlacedLane, words: ChartWords) -> None:
    if placed.unread_to is None:
        return
    left, middle = placed.x.start_px, (placed.top + placed.bottom) / 2
    rect(group, "lane-unread", left, placed.top, placed.unread_to - left, placed.bottom - placed.top)
    if placed.has_room_to_say_unread:
        text(group, "lane-note", (left + placed.unread_to) / 2, middle, words.unread, "middle")


def _draw_ticks(group: Element, placed: PlacedLane, lane: ValueLane) -> None:
    left, right = placed.x.start_px, placed.x.end_px
    for value, words in lane.ticks:
        y = placed.y(value)
        line(group, "course-grid", left, y, right, y)
        text(group, "course-tick", left - 8, y, words, "end")


def _draw_values(group: Element, placed: PlacedLane, lane: ValueLane) -> None:
    left, right = placed.x.start_px, placed.x.end_px
    for low in (False, True):
        steps = [step for step in lane.steps if step.low is low]
        if steps:
            path(group, "lane-steps lane-steps--low" if low else "lane-steps", _columns(steps, placed))
    if lane.limit is not None:
        y = placed.y(lane.limit)
        line(group, "lane-limit", left, y, right, y)
    for at in lane.marks:
        x = placed.x(at.timestamp())
        line(group, "lane-mark", x, placed.bottom - 5, x, placed.bottom)
    _draw_points(group, placed, lane.points)
    if lane.points and lane.latest:
        last = lane.points[-1]
        text(group, "lane-latest", placed.x(last.at.timestamp()) + 10, placed.y(last.value), lane.latest)


def _columns(steps: Sequence[LaneStep], placed: PlacedLane) -> str:
    """Every step as a column on the floor, all in one path: a chart may hold hundreds."""
    parts = []
    for step in steps:
        x1, x2 = placed.x(step.start.timestamp()), placed.x(step.end.timestamp())
        y = placed.y(step.value)
        parts.append(f"M{px(x1)} {px(placed.bottom)}V{px(y)}H{px(x2)}V{px(placed.bottom)}z")
    return "".join(parts)


def _draw_points(group: Element, placed: PlacedLane, points: Sequence[LanePoint]) -> None:
    spots = [(placed.x(p.at.timestamp()), placed.y(p.value)) for p in points]
    for (x1, y1), (x2, y2) in pairwise(spots):
        line(group, "lane-line", x1, y1, x2, y2)
    for point, (x, y) in zip(points, spots, strict=True):
        size = {"cx": px(x), "cy": px(y), "r": px(_RADIUS)}
        css = "lane-dot lane-dot--hollow" if point.hollow else "lane-dot"
        title(SubElement(group, "circle", {"class": css, **size}), point.label)


def _draw_bar(group: Element, bar: Bar, placed: PlacedLane) -> None:
    """A bar; where an end is not known, a dotted line in its place. What has a mark is drawn by it."""
    if bar.mark:
        _draw_mark(group, bar, placed)
        return
    middle = (placed.top + placed.bottom) / 2
    x1, x2 = bar.x1, bar.x2
    if bar.open_start or bar.open_end:
        title(line(group, f"span-open span-open--{bar.kind}", x1, middle, x2, middle), bar.label)
        if bar.open_start and bar.open_end:
            return
        x1, x2 = (x2 - _OPEN_PX, x2) if bar.open_start else (x1, x1 + _OPEN_PX)
    shape = rect(group, f"span span--{bar.kind}", x1, placed.top, x2 - x1, placed.bottom - placed.top)
    title(shape, bar.label)


def _draw_mark(group: Element, bar: Bar, placed: PlacedLane) -> None:
    """The event's form where it began, hollow where only its day is known, with how long it went on behind it."""
    middle, r, x = (placed.top + placed.bottom) / 2, MARK_RADIUS, bar.mark_x
    if bar.x2 - bar.x1 > 2 * r:
        title(line(group, f"event-reach event-reach--{bar.mark}", bar.x1, middle, bar.x2, middle), bar.label)
    corners = {
        "diamond": f"M{px(x - r)} {px(middle)}l{r} {-r}l{r} {r}l{-r} {r}z",
        "triangle": f"M{px(x - r)} {px(middle + r)}h{2 * r:g}l{-r} {-2 * r:g}z",
    }
    css = f"event event--{bar.mark}" + (" event--hollow" if bar.day_only else "")
    stop(path(group, css, corners[bar.mark]), x, bar.label)
