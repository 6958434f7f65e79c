"""The few SVG elements the chart is drawn with. Classes only: no style, so it lives under a strict CSP."""

from xml.etree.ElementTree import Element, SubElement


def px(value: float) -> str:
    """A length with one decimal at most."""
    return f"{value:.1f}".removesuffix(".0")


def line(parent: Element, css: str, x1: float, y1: float, x2: float, y2: float) -> Element:
    """A straight line."""
    ends = {"x1": px(x1), "y1": px(y1), "x2": px(x2), "y2": px(y2)}
    return SubElement(parent, "line", {"class": css, **ends})


def text(parent: Element, css: str, x: float, y: float, words: str, anchor: str = "start") -> None:
    """Words, centred on `y`."""
    attributes = {"class": css, "x": px(x), "y": px(y), "text-anchor": anchor, "dominant-baseline": "middle"}
    SubElement(parent, "text", attributes).text = words


def rect(parent: Element, css: str, x: float, y: float, width: float, height: float) -> Element:
    """A rectangle, for whoever wants to put a title into it."""
    size = {"width": px(max(width, 0)), "height": px(max(height, 0))}
    return SubElement(parent, "rect", {"class": css, "x": px(x), "y": px(y), **size})


def path(parent: Element, css: str, d: str) -> Element:
    """A shape by its outline."""
    return SubElement(parent, "path", {"class": css, "d": d})


def title(element: Element, words: str) -> None:
    """What a pointer reads out."""
    SubElement(element, "title").text = words


def stop(element: Element, x: float, words: str) -> None:
    """A place where the read-out by keyboard or pointer stops, as `course.js` goes from left to right."""
    element.set("data-x", px(x))
    title(element, words)
