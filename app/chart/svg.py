"""The layout as inline SVG: classes only, so it lives under a CSP without inline style and follows the theme."""

from xml.etree.ElementTree import Element, SubElement, tostring

from markupsafe import Markup

from app.chart.layout import Course, Dot, Frame, Layout, lay_out
from app.chart.words import ChartWords


def course_svg(course: Course, frame: Frame) -> Markup:
    """The course drawn in `frame`. Its accessible name is title and description; a table stands beside it."""
    layout = lay_out(course, frame)
    svg = Element(
        "svg",
        {
            "class": f"course course--{frame.name}",
            "viewBox": f"0 0 {frame.width:g} {frame.height:g}",
            "role": "img",
            "aria-labelledby": f"course-{frame.name}-title course-{frame.name}-desc",
        },
    )
    SubElement(svg, "title", {"id": f"course-{frame.name}-title"}).text = course.title
    SubElement(svg, "desc", {"id": f"course-{frame.name}-desc"}).text = course.description
    _draw_bands(svg, layout)
    _draw_axes(svg, layout, course.words)
    _draw_series(svg, layout)
    _draw_labels(svg, layout)
    return Markup(tostring(svg, encoding="unicode"))  # noqa: S704 - built from escaped text by ElementTree


def _px(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _line(parent: Element, css: str, x1: float, y1: float, x2: float, y2: float) -> None:
    SubElement(parent, "line", {"class": css, "x1": _px(x1), "y1": _px(y1), "x2": _px(x2), "y2": _px(y2)})


def _text(parent: Element, css: str, x: float, y: float, text: str, anchor: str = "start") -> None:
    attributes = {"class": css, "x": _px(x), "y": _px(y), "text-anchor": anchor, "dominant-baseline": "middle"}
    SubElement(parent, "text", attributes).text = text


def _draw_bands(svg: Element, layout: Layout) -> None:
    left, _, right, _ = layout.plot
    group = SubElement(svg, "g", {"aria-hidden": "true"})
    for band in layout.bands:
        SubElement(
            group,
            "rect",
            {
                "class": f"course-band course-band--{band.stage}",
                "x": _px(left),
                "y": _px(band.top),
                "width": _px(right - left),
                "height": _px(max(band.bottom - band.top, 0)),
            },
        )
        _line(group, f"course-limit course-limit--{band.stage}", left, band.bottom, right, band.bottom)


def _draw_axes(svg: Element, layout: Layout, words: ChartWords) -> None:
    left, top, right, bottom = layout.plot
    group = SubElement(svg, "g", {"aria-hidden": "true"})
    for y, value in layout.value_ticks:
        _line(group, "course-grid", left, y, right, y)
        _text(group, "course-tick", left - 8, y, words.number(value), "end")
        if layout.frame.second_unit:
            _text(
                group,
                "course-tick course-tick--second",
                left - 38,
                y,
                words.second_number(value * words.second_per_first),
                "end",
            )
    _text(group, "course-unit", max(left - 8, 36), top - 16, words.unit, "end")
    if layout.frame.second_unit:
        _text(group, "course-unit course-tick--second", left - 46, top - 16, words.second_unit, "end")
    for x, tick in layout.time_ticks:
        _line(group, "course-grid course-grid--major" if tick.major else "course-grid", x, top, x, bottom)
        _line(group, "course-axis", x, bottom, x, bottom + 5)
        _text(
            group,
            "course-tick course-tick--major" if tick.major else "course-tick",
            x,
            bottom + 16,
            tick.label,
            "middle",
        )
    _line(group, "course-axis", left, bottom, right, bottom)
    _line(group, "course-now", right, top, right, bottom + 5)


def _draw_series(svg: Element, layout: Layout) -> None:
    left, _, right, _ = layout.plot
    if layout.baseline_y is not None:
        _line(svg, "course-baseline", left, layout.baseline_y, right, layout.baseline_y)
    for part in layout.segments:
        _line(
            svg, "course-line course-line--gap" if part.gap else "course-line", part.x1, part.y1, part.x2, part.y2
        )
    for dot in layout.dots:
        mark = SubElement(svg, "path", {"class": f"course-dot course-dot--{dot.shape}", "d": _outline(dot)})
        SubElement(mark, "title").text = dot.label


def _outline(dot: Dot) -> str:
    """Shape says what colour must not: circles, a square for day only, triangles beyond the limit."""
    x, y, r = dot.x, dot.y, 4.5
    match dot.shape:
        case "day":
            return f"M{_px(x - 4)} {_px(y - 4)}h8v8h-8z"
        case "below":
            return f"M{_px(x - 5)} {_px(y - 4)}h10l-5 9z"
        case "above":
            return f"M{_px(x - 5)} {_px(y + 4)}h10l-5 -9z"
        case _:
            return f"M{_px(x - r)} {_px(y)}a{r} {r} 0 1 0 {2 * r:g} 0a{r} {r} 0 1 0 {-2 * r:g} 0z"


def _draw_labels(svg: Element, layout: Layout) -> None:
    group = SubElement(svg, "g", {"aria-hidden": "true"})
    for label in layout.labels:
        _text(group, f"course-label course-label--{label.role}", label.x, label.y, label.text, label.anchor)
