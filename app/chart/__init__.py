"""The creatinine course as a drawing: `scale`, plain shapes (`layout`), `words`, and their SVG (`svg`)."""

from app.chart.layout import NARROW, WIDE, Course, CoursePoint, Frame
from app.chart.svg import course_svg
from app.chart.words import ChartWords

__all__ = ["NARROW", "WIDE", "ChartWords", "Course", "CoursePoint", "Frame", "course_svg"]
