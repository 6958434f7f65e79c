"""The creatinine course as a drawing: scales (`scale`), plain shapes (`layout`) and their SVG (`svg`)."""

from app.chart.layout import NARROW, WIDE, Course, CoursePoint, Frame
from app.chart.svg import course_svg

__all__ = ["NARROW", "WIDE", "Course", "CoursePoint", "Frame", "course_svg"]
