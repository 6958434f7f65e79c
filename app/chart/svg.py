"""The layout as inline SVG: classes only, so it lives under a CSP without inline style and follows the theme."""

from xml.etree.ElementTree import Element, SubElement, tostring

from markupsafe import Markup

from app.chart.lanes_svg import draw_lanes
from app.chart.layout import Course, Dot, Frame, Layout, lay_out
from app.chart.markup import line, path, px, rect, stop, text
from app.chart.words import ChartWords


def course_svg(course: Course, frame: Frame) -> Markup:
    """The course drawn in `frame`. Its accessible name is title and description; a table stands beside it."""
    layout = lay_out(course, frame)
    svg = Element(
        "svg",
        {
            "class": f"course course--{frame.name}",
            "viewBox": f"0 0 {frame.width:g} {px(layout.height)}",
            "role": "img",
            "data-reach": f"{px(layout.plot[1])} {px(layout.bottom)}",
            "aria-labelledby": f"course-{frame.name}-title course-{frame.name}-desc",
        },
    )
    SubElement(svg, "title", {"id": f"course-{frame.name}-title"}).text = course.title
    SubElement(svg, "desc", {"id": f"course-{frame.name}-desc"}).text = course.description
    _draw_bands(svg, layout)
    _draw_axes(svg, layout, course.words)
    _draw_series(svg, layout)
    draw_lanes(svg, layout.lanes, course.words)
    _draw_labels(svg, layout)
    return Markup(tostring(svg, encoding="unicode"))  # noqa: S704 - built from escaped text by ElementTree


def _draw_bands(svg: Element, layout: Layout) -> None:
    left, _, right, _ = layout.plot
    group = SubElement(svg, "g", {"aria-hidden": "true"})
    for band in layout.bands:
        rect(group, f"course-band course-band--{band.stage}", left, band.top, right - left, band.bottom - band.top)
        line(group, f"course-limit course-limit--{band.stage}", left, band.bottom, right, band.bottom)


def _draw_axes(svg: Element, layout: Layout, words: ChartWords) -> None:
    left, top, right, bottom = layout.plot
    group = SubElement(svg, "g", {"aria-hidden": "true"})
    for y, value in layout.value_ticks:
        line(group, "course-grid", left, y, right, y)
        text(group, "course-tick", left - 8, y, words.number(value), "end")
        if layout.frame.second_unit:
            text(
                group,
                "course-tick course-tick--second",
                left - 38,
                y,
                words.second_number(value * words.second_per_first),
                "end",
            )
    text(group, "course-unit", max(left - 8, 36), top - 16, words.unit, "end")
    if layout.frame.second_unit:
        text(group, "course-unit course-tick--second", left - 46, top - 16, words.second_unit, "end")
    for x, tick in layout.time_ticks:
        line(group, "course-grid course-grid--major" if tick.major else "course-grid", x, top, x, layout.bottom)
        line(group, "course-axis", x, layout.bottom, x, layout.bottom + 5)
        text(
            group,
            "course-tick course-tick--major" if tick.major else "course-tick",
            x,
            layout.bottom + 16,
            tick.label,
            "middle",
        )
    for height in dict.fromkeys((bottom, layout.bottom)):
        line(group, "course-axis", left, height, right, height)
    line(group, "course-now", right, top, right, layout.bottom + 5)


def _draw_series(svg: Element, layout: Layout) -> None:
    left, _, right, _ = layout.plot
    if layout.baseline_y is not None:
        line(svg, "course-baseline", left, layout.baseline_y, right, layout.baseline_y)
    for part in layout.segments:
        line(
            svg, "course-line course-line--gap" if part.gap else "course-line", part.x1, part.y1, part.x2, part.y2
        )
    for dot in layout.dots:
        stop(path(svg, f"course-dot course-dot--{dot.shape}", _outline(dot)), dot.x, dot.label)


def _outline(dot: Dot) -> str:
    """Shape says what colour must not: circles, a square for day only, triangles beyond the limit."""
    x, y, r = dot.x, dot.y, 4.5
    match dot.shape:
        case "day":
            return f"M{px(x - 4)} {px(y - 4)}h8v8h-8z"
        case "below":
            return f"M{px(x - 5)} {px(y - 4)}h10l-5 9z"
        case "above":
            return f"M{px(x - 5)} {px(y + 4)}h10l-5 -9z"
        case _:
            return f"M{px(x - r)} {px(y)}a{r} {r} 0 1 0 {2 * r:g} 0a{r} {r} 0 1 0 {-2 * r:g} 0z"


def _draw_labels(svg: Element, layout: Layout) -> None:
    group = SubElement(svg, "g", {"aria-hidden": "true"})
    for label in layout.labels:
        text(group, f"course-label course-label--{label.role}", label.x, label.y, label.text, label.anchor)
