"""The panel "Course": the chart's points in the chosen window, what else happened, and the same as tables."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from app.chart import ChartWords, Course, CoursePoint
from app.presentation.course_lanes import CourseLanes, course_lanes
from app.presentation.course_values import (
    CourseRow,
    CourseValue,
    course_point,
    course_row,
    in_reader_unit,
    when_taken,
)
from app.presentation.creatinine import known_creatinines
from app.presentation.inputs import part_words
from app.presentation.lane_words import LaneTable, LaneWindow
from app.presentation.units import MASS, UNITS, in_unit
from app.presentation.wording import Wording
from model.analytes import Analyte
from model.applicability import is_dialysed
from model.assessment import Assessment, Baseline, NotApplicable, Outcome
from model.egfr_course import egfr_course
from model.policy import DEFAULT_POLICY, SitePolicy
from model.rrt import is_cleared
from model.sentences import Sentence
from model.snapshot import Measurement, PatientSnapshot

WINDOWS: dict[str, tuple[str, timedelta | None]] = {
    "48h": (Sentence("48 hours"), timedelta(hours=48)),
    "7d": (Sentence("7 days"), timedelta(days=7)),
    "90d": (Sentence("90 days"), timedelta(days=90)),
    "all": (Sentence("All"), None),
}
DEFAULT_WINDOW = "7d"
_SHORTEST_ALL = timedelta(hours=48)


@dataclass(frozen=True, slots=True)
class WindowLink:
    """A window to choose, by a plain link."""

    key: str
    label: str
    current: bool


@dataclass(frozen=True, slots=True)
class CoursePanel:
    """`course` is None when the chart holds no creatinine in the window. `unit` is the reader's.

    `tables` say what else is known in the window; `has_unsteady_egfr` that some eGFR is no number to dose by,
    `has_days` that of some event only the day is known, `not_read` which parts the lanes had to do without.
    """

    windows: tuple[WindowLink, ...]
    unit: str
    other_unit: str
    units: tuple[tuple[str, str], ...]
    bands_words: str
    course: Course | None
    empty_words: str
    rows: tuple[CourseRow, ...]
    marks: tuple[str, ...]
    tables: tuple[LaneTable, ...]
    has_unsteady_egfr: bool
    has_drugs: bool
    has_days: bool
    not_read: str


def course_panel(
    outcome: Outcome,
    snapshot: PatientSnapshot,
    say: Wording,
    window: str | None,
    policy: SitePolicy = DEFAULT_POLICY,
) -> CoursePanel:
    """The course up to the assessment; an unknown `window` means the default one."""
    now = outcome.assessed_at
    known = known_creatinines(snapshot, now)
    key = window if window in WINDOWS else _window_with_values(known, now)
    start = _start(key, known, now)
    shown = tuple(m for m in known if m.at >= start)
    baseline = _baseline(outcome)
    egfrs = () if isinstance(outcome, NotApplicable) else egfr_course(snapshot, shown, policy)
    egfrs = egfrs or (None,) * len(shown)
    lanes = course_lanes(snapshot, egfrs, LaneWindow(start, now, say))
    cleared = tuple(is_cleared(snapshot.procedures, m.at) for m in shown)
    dialysed = is_dialysed(outcome) or any(cleared)
    values = tuple(CourseValue(*found) for found in zip(shown, egfrs, cleared, strict=True))
    points = tuple(course_point(value, baseline, say) for value in values)
    course = _course(points, LaneWindow(start, now, say), baseline, lanes) if points else None
    return CoursePanel(
        windows=tuple(WindowLink(k, say.sentence(label), k == key) for k, (label, _) in WINDOWS.items()),
        unit=say.units.creatinine.written,
        other_unit=say.other_creatinine_unit.written,
        units=tuple((key, units.creatinine.written) for key, units in UNITS.items()),
        bands_words=_bands_words(baseline, say, dialysed=dialysed),
        course=replace(course, has_bands=not dialysed) if course else None,
        empty_words=_empty_words(known, say),
        rows=tuple(course_row(value, baseline, say) for value in reversed(values)),
        marks=tuple(sorted({p.shape for p in points} - {"final"})),
        tables=lanes.tables,
        has_unsteady_egfr=any(egfr is not None and not egfr.steady_state for egfr in egfrs),
        has_drugs=any(lane.key == "drug" for lane in lanes.lanes),
        has_days=lanes.has_days,
        not_read=", ".join(dict.fromkeys(part_words(gap.part, say) for gap in snapshot.not_read)),
    )


def _window_with_values(known: tuple[Measurement, ...], now: datetime) -> str:
    """The default window, or the next longer one when it shows a single value; 48 h when that shows as much."""
    counts = {key: sum(span is None or m.at >= now - span for m in known) for key, (_, span) in WINDOWS.items()}
    if counts["48h"] >= 2 and counts["48h"] == counts["90d"]:
        return "48h"
    return next((key for key in (DEFAULT_WINDOW, "90d") if counts[key] >= min(len(known), 2)), "all")


def _start(key: str, known: tuple[Measurement, ...], now: datetime) -> datetime:
    span = WINDOWS[key][1]
    if span is not None:
        return now - span
    oldest = known[0].at if known else now
    whole = max(now - oldest, _SHORTEST_ALL)
    return now - whole * 1.02


def _baseline(outcome: Outcome) -> Baseline | None:
    return outcome.kdigo.baseline if isinstance(outcome, Assessment) and outcome.kdigo else None


def _course(
    points: tuple[CoursePoint, ...], window: LaneWindow, baseline: Baseline | None, lanes: CourseLanes
) -> Course:
    say, start, now = window.say, window.start, window.end
    said = [
        say.ngettext("{count} creatinine value.", "{count} creatinine values.", len(points)),
        say.gettext("First: {value}.", value=points[0].label),
        say.gettext("Latest: {value}.", value=points[-1].label),
    ]
    if baseline:
        said.append(say.gettext("Baseline {value}.", value=say.creatinine_with_unit(baseline.creatinine_mg_dl)))
    if lanes.lanes:
        names = "; ".join(lane.name for lane in lanes.lanes)
        said.append(say.gettext("On the same time axis: {lanes}.", lanes=names))
    said.append(say.gettext("The table below lists all."))
    title = say.gettext("Creatinine from {start} to {end}", start=say.day(start), end=say.moment(now))
    base = in_reader_unit(baseline.creatinine_mg_dl, say) if baseline else None
    return Course(points, start, now, say.zone, base, title, " ".join(said), _chart_words(say), lanes.lanes)


def _chart_words(say: Wording) -> ChartWords:
    """What stands on the chart's axes and margins, in the reader's unit and language."""
    unit, other = say.units.creatinine, say.other_creatinine_unit
    one = in_reader_unit(1.0, say)
    return ChartWords(
        unit=unit.written,
        second_unit=other.written,
        second_per_first=in_unit(Analyte.CREATININE, 1.0, other.code) / one,
        lowest_top=one,
        baseline=say.gettext("Baseline"),
        stages=tuple(say.gettext("Stage {stage}", stage=n) for n in (1, 2, 3)),
        unread=say.gettext("not read"),
        number=lambda value: say.marked(f"{value:g}"),
        second_number=lambda value: say.number(value, 1 if other.decimals else 0),
        tick=say.tick,
    )


def _bands_words(baseline: Baseline | None, say: Wording, *, dialysed: bool) -> str:
    """What the stage bands are, or why there are none. KDIGO's rise has its own rounding in each unit."""
    if dialysed:
        return say.gettext(
            "No stage bands: dialysis lowers creatinine, so values taken during it do not show how the kidneys do."
        )
    if baseline is None:
        return say.gettext("No baseline, so no stage bands.")
    in_both = (f"{say.number(0.3, 1)} mg/dL", f"{say.number(26.5, 1)} µmol/L")
    first, second = in_both if say.units is MASS else in_both[::-1]
    return say.gettext(
        "Bands: KDIGO stage by the ratio to the baseline; a rise of {rise} ({other}) within 48 h is stage 1 too.",
        rise=first,
        other=second,
    )


def _empty_words(known: tuple[Measurement, ...], say: Wording) -> str:
    if not known:
        return say.gettext("The chart holds no creatinine that could be used.")
    return say.gettext(
        "No creatinine in this window. The latest is of {moment}: {value}.",
        moment=when_taken(known[-1], say),
        value=say.creatinine_with_unit(known[-1].value),
    )
