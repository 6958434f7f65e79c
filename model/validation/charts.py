"""Small line charts as SVG text: no script, no font, no link, so that a report is one file and safe to open."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape

WIDTH, HEIGHT = 460, 330
LEFT, RIGHT, TOP, BOTTOM = 62, 14, 12, 48
# kind of line: colour, width, dashes
STYLES = {
    "model": ("#0b5394", 2.5, ""),
    "rival": ("#b45f06", 2.0, "7 4"),
    "local": ("#38761d", 2.0, "10 3 2 3"),
    "reference": ("#767676", 1.5, "2 3"),
    "zero": ("#1b1b1b", 1.0, ""),
}
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Line:
    """One curve; `bars` are (x, low, high). `kind` is one of STYLES."""

    name: str
    points: Sequence[Point]
    kind: str = "model"
    dots: bool = False
    bars: Sequence[tuple[float, float, float]] = field(default=())


@dataclass(frozen=True, slots=True)
class Axis:
    """A linear axis from `low` to `high`, written as `write` says."""

    title: str
    low: float
    high: float
    write: Callable[[float], str]


def chart(title: str, x: Axis, y: Axis, lines: Sequence[Line]) -> str:
    """The chart with axes, grid and a legend; the title is read by screen readers."""
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT + 20 * len(lines)}" role="img" aria-label="{escape(title)}">',
        *_grid(x, y),
        *(piece for line in lines for piece in _curve(line, x, y)),
        *(piece for i, line in enumerate(lines) for piece in _legend(i, line)),
        "</svg>",
    ]
    return "\n".join(parts)


def _place_x(axis: Axis, value: float) -> float:
    return LEFT + (value - axis.low) / (axis.high - axis.low) * (WIDTH - LEFT - RIGHT)


def _place_y(axis: Axis, value: float) -> float:
    return HEIGHT - BOTTOM - (value - axis.low) / (axis.high - axis.low) * (HEIGHT - TOP - BOTTOM)


def _grid(x: Axis, y: Axis) -> list[str]:
    bottom, middle = HEIGHT - BOTTOM, (HEIGHT - BOTTOM + TOP) / 2
    parts = []
    for step in range(6):
        value_x = x.low + (x.high - x.low) * step / 5
        value_y = y.low + (y.high - y.low) * step / 5
        px, py = _place_x(x, value_x), _place_y(y, value_y)
        parts += [
            f'<path d="M{LEFT} {py:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>',
            f'<text x="{LEFT - 6}" y="{py + 4:.1f}" text-anchor="end">{escape(y.write(value_y))}</text>',
            f'<text x="{px:.1f}" y="{bottom + 17}" text-anchor="middle">{escape(x.write(value_x))}</text>',
        ]
    return [
        *parts,
        f'<path d="M{LEFT} {TOP}V{bottom}H{WIDTH - RIGHT}" fill="none" stroke="#333"/>',
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{bottom + 38}" text-anchor="middle">{escape(x.title)}</text>',
        f'<text transform="translate(14 {middle}) rotate(-90)" text-anchor="middle">{escape(y.title)}</text>',
    ]


def _style(line: Line) -> str:
    colour, width, dashes = STYLES[line.kind]
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'fill="none" stroke="{colour}" stroke-width="{width}"{dashed}'


def _curve(line: Line, x: Axis, y: Axis) -> list[str]:
    inside = [(px, py) for px, py in line.points if x.low <= px <= x.high and y.low <= py <= y.high]
    placed = [(_place_x(x, px), _place_y(y, py)) for px, py in inside]
    colour = STYLES[line.kind][0]
    parts = []
    if placed:
        path = "L".join(f"{px:.1f} {py:.1f}" for px, py in placed)
        parts.append(f'<path d="M{path}" {_style(line)}/>')
    for at, low, high in line.bars:
        px, top, bottom = _place_x(x, at), _place_y(y, min(high, y.high)), _place_y(y, max(low, y.low))
        parts.append(f'<path d="M{px:.1f} {top:.1f}V{bottom:.1f}" stroke="{colour}"/>')
    if line.dots:
        parts += [f'<circle cx="{px:.1f}" cy="{py:.1f}" r="3.5" fill="{colour}"/>' for px, py in placed]
    return parts


def _legend(index: int, line: Line) -> list[str]:
    y = HEIGHT + 6 + 20 * index
    return [
        f'<path d="M{LEFT} {y}h30" {_style(line)}/>',
        f'<text x="{LEFT + 38}" y="{y + 4}">{escape(line.name)}</text>',
    ]
