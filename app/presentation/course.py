"""The panel "Course": the chart's points in the chosen window and the same numbers as a table."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from app.chart import Course, CoursePoint
from app.presentation.creatinine import known_creatinines
from app.presentation.wording import creatinine, day, mg_dl, moment
from model.assessment import Assessment, Baseline, Outcome
from model.snapshot import Comparator, Measurement, PatientSnapshot
from model.unit_tables import CREATININE_UMOL_L_PER_MG_DL

WINDOWS: dict[str, tuple[str, timedelta | None]] = {
    "48h": ("48 hours", timedelta(hours=48)),
    "7d": ("7 days", timedelta(days=7)),
    "90d": ("90 days", timedelta(days=90)),
    "all": ("All", None),
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
class CourseRow:
    """One creatinine in the table beside the chart."""

    when: str
    mg_dl: str
    umol_l: str
    ratio: str
    note: str
    source: str


@dataclass(frozen=True, slots=True)
class CoursePanel:
    """`course` is None when the chart holds no creatinine in the window."""

    windows: tuple[WindowLink, ...]
    course: Course | None
    empty_words: str
    rows: tuple[CourseRow, ...]
    marks: tuple[str, ...]


def course_panel(outcome: Outcome, snapshot: PatientSnapshot, zone: ZoneInfo, window: str | None) -> CoursePanel:
    """The creatinine course up to the assessment; an unknown `window` means the default one."""
    now = outcome.assessed_at
    known = known_creatinines(snapshot, now)
    key = window if window in WINDOWS else _window_with_values(known, now)
    start = _start(key, known, now)
    shown = tuple(m for m in known if m.at >= start)
    baseline = _baseline(outcome)
    points = tuple(_point(m, zone) for m in shown)
    return CoursePanel(
        windows=tuple(WindowLink(k, label, k == key) for k, (label, _) in WINDOWS.items()),
        course=_course(points, start, now, zone, baseline) if points else None,
        empty_words=_empty_words(known, zone),
        rows=tuple(_row(m, baseline, zone) for m in reversed(shown)),
        marks=tuple(sorted({p.shape for p in points} - {"final"})),
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
    points: tuple[CoursePoint, ...], start: datetime, now: datetime, zone: ZoneInfo, baseline: Baseline | None
) -> Course:
    base_words = f" Baseline {mg_dl(baseline.creatinine_mg_dl)}." if baseline else ""
    many = f"{len(points)} creatinine value{'s' if len(points) != 1 else ''}"
    description = (
        f"{many}. First: {points[0].label}. Latest: {points[-1].label}.{base_words} The table below lists all."
    )
    title = f"Creatinine from {day(start.astimezone(zone))} to {moment(now, zone)}"
    return Course(points, start, now, zone, baseline.creatinine_mg_dl if baseline else None, title, description)


def _shape(measurement: Measurement) -> str:
    if measurement.comparator in (Comparator.LESS_THAN, Comparator.LESS_OR_EQUAL):
        return "below"
    if measurement.comparator is not None:
        return "above"
    if measurement.day_only:
        return "day"
    return "preliminary" if measurement.preliminary else "final"


def _point(measurement: Measurement, zone: ZoneInfo) -> CoursePoint:
    sign = measurement.comparator.value if measurement.comparator else ""
    label = f"{sign}{mg_dl(measurement.value)}, {_when(measurement, zone)}"
    return CoursePoint(
        measurement.at, measurement.value, label, _shape(measurement), creatinine(measurement.value)
    )


def _when(measurement: Measurement, zone: ZoneInfo) -> str:
    if measurement.day_only:
        return day(measurement.at.astimezone(zone))
    return moment(measurement.at, zone)


_NOTES = {"below": "below the limit given", "above": "above the limit given", "day": "time unknown"}


def _row(measurement: Measurement, baseline: Baseline | None, zone: ZoneInfo) -> CourseRow:
    sign = measurement.comparator.value if measurement.comparator else ""
    ratio = f"{measurement.value / baseline.creatinine_mg_dl:.2f}" if baseline else ""
    notes = [_NOTES.get(_shape(measurement), "")] + (["preliminary"] if measurement.preliminary else [])
    return CourseRow(
        when=_when(measurement, zone),
        mg_dl=f"{sign}{creatinine(measurement.value)}",
        umol_l=f"{sign}{measurement.value * CREATININE_UMOL_L_PER_MG_DL:.0f}",
        ratio=ratio,
        note=", ".join(n for n in notes if n),
        source=measurement.source,
    )


def _empty_words(known: tuple[Measurement, ...], zone: ZoneInfo) -> str:
    if not known:
        return "The chart holds no creatinine that could be used."
    return f"No creatinine in this window. The latest is of {_when(known[-1], zone)}: {mg_dl(known[-1].value)}."
