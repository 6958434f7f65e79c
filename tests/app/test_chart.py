import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.chart import NARROW, WIDE, Course, CoursePoint, Frame, course_svg
from app.chart.layout import lay_out
from app.chart.scale import Scale, time_ticks, value_ticks

END = datetime(2026, 11, 21, 14, 5, tzinfo=UTC)
ZURICH = ZoneInfo("Europe/Zurich")
SHAPES = ("final", "preliminary", "day", "below", "above")


def course(
    *points: tuple[float, float], days: float = 7, baseline: float | None = 0.9, shape: str = "final"
) -> Course:
    marks = tuple(CoursePoint(END - timedelta(hours=h), v, f"{v} mg/dL", shape) for h, v in points)
    return Course(marks, END - timedelta(days=days), END, ZURICH, baseline, "Creatinine", "What it shows")


courses = st.builds(
    lambda hours, values, shapes, days, baseline: Course(
        tuple(
            CoursePoint(END - timedelta(hours=h), v, f"{v} <&> mg/dL", s)
            for h, v, s in zip(sorted(hours, reverse=True), values, shapes, strict=False)
        ),
        END - timedelta(days=days),
        END,
        ZURICH,
        baseline,
    ),
    st.lists(st.floats(0, 24 * 365 * 12), min_size=0, max_size=40),
    st.lists(st.floats(0.05, 40), min_size=40, max_size=40),
    st.lists(st.sampled_from(SHAPES), min_size=40, max_size=40),
    st.floats(2, 365 * 12),
    st.none() | st.floats(0.2, 12),
)


@pytest.mark.parametrize("frame", [WIDE, NARROW], ids=lambda frame: frame.name)
@given(drawn=courses)
def test_nothing_is_drawn_outside_the_plot(drawn: Course, frame: Frame) -> None:
    layout = lay_out(drawn, frame)
    left, top, right, bottom = layout.plot
    for dot in layout.dots:
        assert left <= dot.x <= right
        assert top <= dot.y <= bottom
    for band in layout.bands:
        assert top <= band.top <= band.bottom <= bottom
    for y, _ in layout.value_ticks:
        assert top <= y <= bottom
    for x, _ in layout.time_ticks:
        assert left <= x <= right
    assert all(0 <= label.x <= frame.width and 0 <= label.y <= frame.height for label in layout.labels)


@pytest.mark.parametrize("frame", [WIDE, NARROW], ids=lambda frame: frame.name)
@given(drawn=courses)
def test_svg_is_well_formed_and_carries_no_inline_style_or_script(drawn: Course, frame: Frame) -> None:
    markup = str(course_svg(drawn, frame))
    root = ElementTree.fromstring(markup)  # noqa: S314 - our own markup
    assert root.tag == "svg"
    assert not [element for element in root.iter() if element.tag in ("style", "script", "a", "foreignObject")]
    assert not [
        name for element in root.iter() for name in element.attrib if name == "style" or name.startswith("on")
    ]


@given(drawn=courses)
def test_margin_labels_never_touch_each_other(drawn: Course) -> None:
    heights = sorted(label.y for label in lay_out(drawn, WIDE).labels if label.role in ("baseline", "stage"))
    assert all(below - above >= 15 for above, below in pairwise(heights))


@given(drawn=courses)
def test_later_points_stand_further_right_and_higher_values_higher(drawn: Course) -> None:
    dots = lay_out(drawn, WIDE).dots
    shown = [point for point in drawn.points if point.at >= drawn.start]
    assert [dot.x for dot in dots] == sorted(dot.x for dot in dots)
    ranked = sorted(zip(shown, dots, strict=True), key=lambda pair: pair[0].value)
    assert [dot.y for _, dot in ranked] == sorted((dot.y for _, dot in ranked), reverse=True)


def test_single_point_is_drawn_without_a_line() -> None:
    layout = lay_out(course((5, 1.6), baseline=None), WIDE)
    assert len(layout.dots) == 1
    assert layout.segments == ()
    assert layout.bands == ()


def test_line_is_broken_where_more_than_48_hours_passed() -> None:
    layout = lay_out(course((100, 1.0), (52, 1.1), (3, 1.2)), WIDE)
    assert [part.gap for part in layout.segments] == [False, True]


def test_stage_bands_begin_at_the_kdigo_multiples_of_the_baseline() -> None:
    layout = lay_out(course((3, 4.0), baseline=1.0), WIDE)
    _, top, _, bottom = layout.plot
    y = Scale(0.0, 4.6, bottom, top)
    assert [band.bottom for band in layout.bands] == pytest.approx([y(1.5), y(2.0), y(3.0)])
    assert layout.bands[0].top == layout.bands[1].bottom


def test_comparator_points_have_their_own_shape_and_sign() -> None:
    markup = str(course_svg(course((3, 0.2), shape="below"), WIDE))
    assert "course-dot--below" in markup
    assert "&lt;0.2<" in markup


def test_ten_years_get_few_year_ticks() -> None:
    ticks = time_ticks(END - timedelta(days=3653), END, ZURICH, at_most=8)
    assert 4 <= len(ticks) <= 8
    assert all(re.fullmatch(r"20\d\d", tick.label) for tick in ticks)


def test_hour_ticks_stay_at_round_local_hours_across_a_change_of_daylight_saving() -> None:
    end = datetime(2026, 10, 25, 23, 0, tzinfo=UTC)
    ticks = time_ticks(end - timedelta(hours=48), end, ZURICH, at_most=8)
    assert {tick.label for tick in ticks if not tick.major} == {"06:00", "12:00", "18:00"}
    assert all(tick.at.minute == 0 and tick.at.hour % 6 == 0 for tick in ticks)


@given(hours=st.floats(6, 24 * 365 * 40), at_most=st.integers(4, 12))
def test_there_are_never_more_time_ticks_than_asked_for_plus_the_first(hours: float, at_most: int) -> None:
    ticks = time_ticks(END - timedelta(hours=hours), END, ZURICH, at_most=at_most)
    assert len(ticks) <= at_most + 1
    assert all(END - timedelta(hours=hours) <= tick.at <= END for tick in ticks)


@given(high=st.floats(0.1, 60), at_most=st.integers(4, 8))
def test_value_ticks_begin_at_zero_and_stay_below_the_top(high: float, at_most: int) -> None:
    ticks = value_ticks(high, at_most=at_most)
    assert ticks[0] == 0
    assert 2 <= len(ticks) <= at_most + 1
    assert ticks[-1] <= high * (1 + 1e-9)


def test_label_of_a_value_just_above_its_baseline_is_not_crossed_by_the_baseline() -> None:
    falling = course((52, 0.7), (37, 0.45), (28, 0.4), (6, 0.4), baseline=0.35)
    layout = lay_out(falling, WIDE)
    assert layout.baseline_y is not None
    heights = [label.y for label in layout.labels if label.role == "value"]
    assert len(heights) == 2
    assert all(abs(height - layout.baseline_y) >= 10 for height in heights)
