"""The lanes below the creatinines: where things are drawn, and what the tables say of them."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

import app as app_package
from app.chart import NARROW, WIDE, Course, CoursePoint, Frame, LanePoint, LaneStep, Span, SpanLane, ValueLane
from app.chart.lanes import MARK_RADIUS, SHORTEST_BAR
from app.chart.layout import lay_out
from app.chart.svg import course_svg
from app.presentation.course import CoursePanel, course_panel
from app.presentation.inputs import inputs_panel
from app.presentation.lane_words import LaneTable
from app.presentation.wording import Wording
from model.snapshot import (
    Coding,
    Concept,
    DrugGiven,
    Incomplete,
    Medication,
    Operation,
    PatientSnapshot,
    ProcedureDone,
    Stay,
)
from tests.builders.assessed import NOW, creatinine, in_aki, no_aki, snapshot
from tests.builders.courses import AFTER_SURGERY, DIALYSIS, DIRTY, STAGE_2, given_drug, urine, weight, with_series

END = datetime(2026, 11, 21, 14, 5, tzinfo=UTC)
ZURICH = ZoneInfo("Europe/Zurich")
SAY = Wording(ZURICH)
VANCOMYCIN = frozenset({Coding("http://www.nlm.nih.gov/research/umls/rxnorm", "11124")})

# --- where it is drawn ----------------------------------------------------------------------------------------

moments = st.floats(-24 * 30, 24 * 365 * 12).map(lambda hours: END - timedelta(hours=hours))
spans = st.builds(
    Span,
    st.none() | moments,
    st.none() | moments,
    st.sampled_from(["ordered", "given", "dose", "stay", "unit", "treatment", "event"]),
    st.just("<drug> & more"),
    st.sampled_from(["", "diamond", "triangle"]),
    st.booleans(),
)
value_lanes = st.builds(
    lambda points, pairs, limit, read_from: ValueLane(
        "urine",
        "Urine <output>",
        3.0,
        ((0.5, "0.5"), (3.0, "3")),
        points=tuple(LanePoint(at, value, "label") for at, value in sorted(points)),
        steps=tuple(LaneStep(min(pair), max(pair), 1.0) for pair in pairs),
        marks=tuple(at for at, _ in points),
        limit=limit,
        read_from=read_from,
    ),
    st.lists(st.tuples(moments, st.floats(0, 500)), max_size=4),
    st.lists(st.tuples(moments, moments), max_size=4),
    st.none() | st.just(0.5),
    st.none() | moments,
)
span_lanes = st.builds(
    lambda rows, read_from: SpanLane("drug", "Vancomycin", tuple(rows), read_from),
    st.lists(spans, max_size=4),
    st.none() | moments,
)
courses = st.builds(
    lambda lanes, days: Course(
        (CoursePoint(END, 1.0, "1.0 mg/dL"),), END - timedelta(days=days), END, ZURICH, lanes=tuple(lanes)
    ),
    st.lists(value_lanes | span_lanes, max_size=4),
    st.floats(2, 3653),
)


@pytest.mark.parametrize("frame", [WIDE, NARROW], ids=lambda frame: frame.name)
@given(drawn=courses)
def test_nothing_of_a_lane_is_drawn_outside_its_strip(drawn: Course, frame: Frame) -> None:
    layout = lay_out(drawn, frame)
    left, _, right, _ = layout.plot
    for placed in layout.lanes:
        assert placed.top < placed.bottom <= layout.bottom
        for bar in placed.bars:
            assert left <= bar.x1 <= bar.x2 - SHORTEST_BAR + 1e-6
            assert bar.x2 <= right + 1e-6
            assert left <= bar.mark_x - MARK_RADIUS
            assert bar.mark_x + MARK_RADIUS <= right
            assert placed.bottom - placed.top >= 2 * MARK_RADIUS
        if isinstance(placed.lane, ValueLane):
            assert all(placed.top <= placed.y(p.value) <= placed.bottom for p in placed.lane.points)
        assert placed.unread_to is None or left < placed.unread_to <= right


@given(drawn=courses)
def test_lanes_stand_below_the_plot_one_under_the_other_and_none_is_lost(drawn: Course) -> None:
    layout = lay_out(drawn, WIDE)
    assert [placed.lane for placed in layout.lanes] == list(drawn.lanes)
    edges = [layout.plot[3], *(edge for placed in layout.lanes for edge in (placed.name_y, placed.bottom))]
    assert edges == sorted(edges)
    assert layout.height - layout.bottom == WIDE.bottom


@given(drawn=courses)
def test_every_span_that_reaches_into_the_window_is_drawn_once(drawn: Course) -> None:
    def reaches(span: Span) -> bool:
        return (span.start is None or span.start <= drawn.end) and (span.end is None or span.end >= drawn.start)

    for placed in lay_out(drawn, WIDE).lanes:
        if isinstance(placed.lane, SpanLane):
            assert len(placed.bars) == sum(map(reaches, placed.lane.spans))


@given(drawn=courses)
def test_drawing_with_lanes_is_well_formed_and_escaped(drawn: Course) -> None:
    markup = str(course_svg(drawn, WIDE))
    assert "<drug>" not in markup
    assert "style=" not in markup


def test_overlapping_orders_of_one_class_are_two_bars_in_one_row() -> None:
    orders = tuple(order(n, NOW - timedelta(hours=50 - n)) for n in range(2))
    chart = replace(STAGE_2, medications=orders, given=())
    rows = [lane for lane in lanes_of(chart) if lane.key == "drug"]
    assert [row.name for row in rows] == ["Vancomycin, ordered"]
    assert isinstance(rows[0], SpanLane)
    assert len(rows[0].spans) == 2


# --- what is said ---------------------------------------------------------------------------------------------


def panel(chart: PatientSnapshot, window: str = "7d", stage: int = 2) -> CoursePanel:
    return course_panel(in_aki(stage) if stage else no_aki(), chart, SAY, window)


def lanes_of(chart: PatientSnapshot) -> tuple[ValueLane | SpanLane, ...]:
    course = panel(chart).course
    assert course is not None
    return course.lanes


def table(chart: PatientSnapshot, title: str, window: str = "7d") -> LaneTable:
    return next(each for each in panel(chart, window).tables if each.title == title)


def order(number: int, start: datetime | None, **more: object) -> Medication:
    facts = {"active": True, "start_at": start, **more}
    return Medication("Vancomycin 1 g", VANCOMYCIN, f"MedicationRequest/{number}", **facts)  # type: ignore[arg-type]


def with_drugs(*drugs: Medication) -> PatientSnapshot:
    return snapshot(creatinine(40, 1.0), creatinine(3, 1.2), medications=drugs)


def test_lane_without_data_is_left_out_and_its_table_says_none_known() -> None:
    bare = snapshot(creatinine(40, 1.0), creatinine(3, 1.2))
    assert [lane.key for lane in lanes_of(bare)] == ["egfr"]
    for title in ("Urine output", "Drugs that can harm kidneys", "Events"):
        assert "None known in this window." in table(bare, title).words
        assert table(bare, title).rows == ()


def test_part_that_could_not_be_read_is_never_only_none_known() -> None:
    gap = Incomplete("urine", "forbidden", "The EHR does not permit reading this part of the chart.")
    words = table(snapshot(creatinine(3, 1.2), incomplete=(gap,)), "Urine output").words
    assert "could not be read whole" in words


def test_urine_is_by_weight_where_one_is_known_and_by_hour_where_not() -> None:
    charted = [urine(9, 100), urine(6, 300), urine(3, 60)]
    weighed = table(with_series(snapshot(creatinine(3, 1.0)), weight(70), *charted), "Urine output")
    plain = table(with_series(snapshot(creatinine(3, 1.0)), *charted), "Urine output")
    assert (weighed.columns[-1], [row[-1] for row in weighed.rows]) == ("mL/kg/h", ["0.3", "1.4", ""])
    assert (plain.columns[-1], [row[-1] for row in plain.rows]) == ("mL/h", ["20", "100", ""])
    assert "Without a weight" in plain.words


def test_oliguria_is_marked_against_its_limit_only_where_weight_is_known() -> None:
    charted = [urine(9, 100), urine(6, 300), urine(3, 60)]
    for chart, expected in (
        (with_series(snapshot(creatinine(3, 1.0)), weight(70), *charted), (0.5, [False, True])),
        (with_series(snapshot(creatinine(3, 1.0)), *charted), (None, [False, False])),
    ):
        lane = next(lane for lane in lanes_of(chart) if isinstance(lane, ValueLane) and lane.key == "urine")
        assert (lane.limit, [step.low for step in lane.steps]) == expected


def test_what_was_not_read_is_marked_as_not_read() -> None:
    lane = next(lane for lane in lanes_of(STAGE_2) if lane.key == "urine")
    assert lane.read_from is not None
    assert NOW - lane.read_from == timedelta(days=3)


@pytest.mark.parametrize(
    ("drug", "said"),
    [
        (order(1, NOW - timedelta(hours=5)), ("ordered", "21 Nov 2026, 10:05", "still active")),
        (order(1, NOW - timedelta(hours=5), active=False), ("ordered", "21 Nov 2026, 10:05", "end not known")),
        (
            order(1, NOW - timedelta(hours=5), active=None, end_at=NOW - timedelta(hours=1)),
            ("ordered", "21 Nov 2026, 10:05", "21 Nov 2026, 14:05"),
        ),
        (order(1, None), ("ordered", "start not known", "still active")),
        (
            replace(order(1, NOW - timedelta(hours=5)), codes=frozenset()),
            ("ordered, recognised by its name only", "21 Nov 2026, 10:05", "still active"),
        ),
    ],
    ids=["active", "ended without a time", "ended", "begin unknown", "by name"],
)
def test_table_says_what_is_known_of_an_exposure(drug: Medication, said: tuple[str, ...]) -> None:
    (row,) = table(with_drugs(drug), "Drugs that can harm kidneys").rows
    assert row == ("Vancomycin 1 g", *said, drug.source)


def test_orders_of_the_future_and_of_harmless_drugs_are_not_drawn() -> None:
    later = order(1, NOW + timedelta(hours=5))
    harmless = Medication("Paracetamol 500 mg", frozenset(), "MedicationRequest/2", active=True, start_at=NOW)
    assert table(with_drugs(later, harmless), "Drugs that can harm kidneys").rows == ()


def test_order_is_never_shown_as_given() -> None:
    words = table(with_drugs(order(1, NOW - timedelta(hours=5))), "Drugs that can harm kidneys").words
    assert "Ordered is not given" in words


@pytest.mark.parametrize(
    ("given", "said", "kind"),
    [
        (given_drug(hours=5, dose=1000.0, dose_unit="mg"), ("given, 1000 mg", "at that time"), "dose"),
        (given_drug(hours=5, dose=0.5, dose_unit="g", route="IV"), ("given, 0.5 g, IV", "at that time"), "dose"),
        (given_drug(hours=5, until=3), ("given", "21 Nov 2026, 12:05"), "given"),
        (
            given_drug(hours=5, until=4, stopped_early=True),
            ("given, stopped early", "21 Nov 2026, 11:05"),
            "given",
        ),
        (given_drug(hours=5, running=True), ("given", "still active"), "given"),
    ],
    ids=["once", "with a route", "as an infusion", "stopped", "running"],
)
def test_table_and_drawing_say_how_a_drug_was_given(given: DrugGiven, said: tuple[str, str], kind: str) -> None:
    chart = snapshot(creatinine(40, 1.0), creatinine(3, 1.2), given=(given,))
    (row,) = table(chart, "Drugs that can harm kidneys").rows
    assert row == ("Vancomycin 1 g", said[0], "21 Nov 2026, 10:05", said[1], given.drug.source)
    (lane,) = [lane for lane in lanes_of(chart) if isinstance(lane, SpanLane)]
    assert (lane.name, [span.kind for span in lane.spans]) == ("Vancomycin, given", [kind])


def test_doses_are_drawn_over_the_order_they_belong_to() -> None:
    (row,) = [
        lane for lane in lanes_of(AFTER_SURGERY) if isinstance(lane, SpanLane) and lane.name.startswith("Vanco")
    ]
    assert row.name == "Vancomycin, ordered and given"
    assert [span.kind for span in row.spans] == ["ordered", *["dose"] * 5]


def test_running_infusion_reaches_to_now_and_a_harmless_drug_given_is_not_drawn() -> None:
    harmless = replace(
        given_drug(hours=2), drug=Medication("Paracetamol", frozenset(), "MedicationAdministration/2")
    )
    chart = snapshot(creatinine(3, 1.2), given=(given_drug(hours=5, running=True), harmless))
    (lane,) = [lane for lane in lanes_of(chart) if isinstance(lane, SpanLane)]
    assert [span.end for span in lane.spans] == [NOW]


def test_drugs_given_that_could_not_be_read_are_named_with_the_reason_and_frighten_nobody() -> None:
    gap = Incomplete("drugs_given", "not-found", "The EHR does not offer this part of the chart.")
    chart = replace(with_drugs(order(1, NOW - timedelta(hours=5))), not_read=(gap,))
    words = table(chart, "Drugs that can harm kidneys").words
    assert "given could not be read: The EHR does not offer this part of the chart." in words
    assert "could not be read whole" not in words


def test_operations_contrast_and_intensive_care_are_rows_with_their_own_forms() -> None:
    rows = {
        lane.name: lane for lane in lanes_of(AFTER_SURGERY) if isinstance(lane, SpanLane) and lane.key == "event"
    }
    assert list(rows) == ["In hospital", "Intensive care", "Operation", "Contrast given"]
    assert {span.mark for span in rows["Operation"].spans} == {"diamond"}
    assert {span.mark for span in rows["Contrast given"].spans} == {"triangle"}
    assert [span.day_only for span in rows["Operation"].spans] == [False, True]
    assert {span.kind for span in rows["Intensive care"].spans} == {"unit"}


def test_table_of_events_names_what_when_and_from_where() -> None:
    rows = {row[3]: row[:3] for row in table(AFTER_SURGERY, "Events").rows}
    assert rows["Procedure/1"] == ("Operation: Coronary bypass", "18 Nov 2026, 15:05", "18 Nov 2026, 20:05")
    assert rows["Procedure/2"][1:] == ("16 Nov 2026", "time unknown")
    assert rows["Procedure/3"] == ("Contrast given: Coronary arteriography", "17 Nov 2026, 11:05", "")
    assert rows["ImagingStudy/4"][0] == "Contrast given: CT abdomen w contrast, recognised by its name only"
    assert rows["Encounter/3"][0] == "Intensive care: Cardiac ICU, recognised by its name only"


def test_imaging_that_could_not_be_read_is_named_beside_the_events() -> None:
    gap = Incomplete("imaging", "forbidden", "The EHR does not permit reading this part of the chart.")
    words = table(snapshot(creatinine(3, 1.2), not_read=(gap,)), "Events").words
    assert "Imaging examinations could not be read: The EHR does not permit" in words


def test_what_is_only_shown_changes_no_word_of_warning() -> None:
    gap = Incomplete("drugs_given", "forbidden", "The EHR does not permit reading this part of the chart.")
    chart = snapshot(creatinine(3, 1.2))
    calm, refused = (inputs_panel(no_aki(), one, SAY) for one in (chart, replace(chart, not_read=(gap,))))
    assert refused.warnings == calm.warnings
    assert refused.unread == ("drugs given: The EHR does not permit reading this part of the chart.",)


def test_what_the_lanes_had_to_do_without_is_named_below_the_drawing() -> None:
    gaps = tuple(Incomplete(part, "not-found", "Not offered.") for part in ("drugs_given", "imaging"))
    assert panel(replace(AFTER_SURGERY, not_read=gaps)).not_read == "drugs given, imaging"
    assert panel(AFTER_SURGERY).not_read == ""


def test_undated_operation_is_in_the_table_and_not_in_the_drawing() -> None:
    chart = snapshot(creatinine(3, 1.0), operations=(Operation("Bypass", "Procedure/9"),))
    assert [row[1] for row in table(chart, "Events").rows] == ["date not known"]
    assert all(lane.key != "event" for lane in lanes_of(chart))


def test_read_out_stops_at_events_too_from_left_to_right() -> None:
    course = panel(AFTER_SURGERY).course
    assert course is not None
    stops = re.findall(r'data-x="([0-9.]+)"', str(course_svg(course, WIDE)))
    assert len(stops) == len(course.points) + 4


def test_dialysis_and_stays_are_rows_of_their_own_and_the_unasked_is_named() -> None:
    stays = (Stay("IMP", "Encounter/1", NOW - timedelta(days=3)), Stay("AMB", "Encounter/2", NOW))
    chart = replace(DIALYSIS, stays=stays)
    assert [lane.name for lane in lanes_of(chart) if lane.key == "event"] == ["In hospital", "Dialysis"]
    assert "intensive care" in table(chart, "Events").words


def test_dialysis_without_any_date_is_in_the_table_and_not_in_the_drawing() -> None:
    undated = ProcedureDone("Dialysis", frozenset({Concept.DIALYSIS_PROCEDURE}), "Procedure/9")
    chart = snapshot(creatinine(3, 4.0), procedures=(undated,))
    assert [row[1] for row in table(chart, "Events").rows] == ["date not known"]
    assert all(lane.key != "event" for lane in lanes_of(chart))


def test_dialysis_nobody_closed_ends_nowhere_instead_of_now() -> None:
    for days, runs in ((2, True), (40, False)):
        began = ProcedureDone(
            "CRRT", frozenset({Concept.DIALYSIS_PROCEDURE}), "Procedure/9", NOW - timedelta(days=days)
        )
        chart = snapshot(creatinine(3, 4.0), procedures=(began,))
        course = panel(chart, "90d").course
        assert course is not None
        (lane,) = [lane for lane in course.lanes if lane.key == "event"]
        assert isinstance(lane, SpanLane)
        assert (lane.spans[0].end is not None) is runs


def test_name_of_the_drawing_tells_its_lanes() -> None:
    course = panel(STAGE_2).course
    assert course is not None
    assert "On the same time axis: eGFR, mL/min/1.73 m²; Urine output, mL/kg/h; NSAID, ordered and given" in (
        course.description
    )


def test_read_out_of_a_point_adds_ratio_and_egfr() -> None:
    course = panel(STAGE_2).course
    assert course is not None
    assert course.points[-1].more == "2.24 × baseline; eGFR 27, not steady"


def test_bounded_and_preliminary_values_have_no_egfr_in_the_table() -> None:
    egfrs = {row.note: row.egfr for row in panel(DIRTY, stage=0).rows}
    assert egfrs["preliminary"] == egfrs["below the limit given"] == egfrs["above the limit given"] == ""
    assert egfrs["time unknown"] != ""


def test_every_window_shows_only_what_reaches_into_it() -> None:
    old = order(1, NOW - timedelta(days=30), active=False, end_at=NOW - timedelta(days=20))
    assert table(with_drugs(old), "Drugs that can harm kidneys", "7d").rows == ()
    assert len(table(with_drugs(old), "Drugs that can harm kidneys", "90d").rows) == 1


def test_line_shown_while_a_slow_ehr_answers_loads_what_the_page_needs() -> None:
    """The two share one head: what only the page asked for would never come."""
    templates = Path(app_package.__file__).parent / "templates"
    heads = [(templates / name).read_text(encoding="utf-8") for name in ("patient.html", "waiting.html")]
    assert all('{% include "patient/scripts.html" %}' in head for head in heads)
