"""The course as a drawing: `scale`, plain shapes (`layout`, `lanes`), `words`, their SVG (`svg`, `lanes_svg`)."""

from app.chart.lanes import Lane, LanePoint, LaneStep, Span, SpanLane, ValueLane
from app.chart.layout import NARROW, WIDE, Course, CoursePoint, Frame
from app.chart.svg import course_svg
from app.chart.words import ChartWords

__all__ = [
    "NARROW",
    "WIDE",
    "ChartWords",
    "Course",
    "CoursePoint",
    "Frame",
    "Lane",
    "LanePoint",
    "LaneStep",
    "Span",
    "SpanLane",
    "ValueLane",
    "course_svg",
]
