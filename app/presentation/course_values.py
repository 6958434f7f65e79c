"""The creatinines of a course as points and as table rows: each says how far it can be trusted."""

from dataclasses import dataclass
from typing import Final

from app.chart import CoursePoint
from app.presentation.egfr_lane import egfr_words
from app.presentation.units import in_unit
from app.presentation.wording import Wording
from model.analytes import Analyte
from model.assessment import Baseline, Egfr
from model.sentences import Sentence
from model.snapshot import Comparator, Measurement

_DURING_DIALYSIS: Final = Sentence("during dialysis")
_NOTES: Final = {
    "below": Sentence("below the limit given"),
    "above": Sentence("above the limit given"),
    "day": Sentence("time unknown"),
}


@dataclass(frozen=True, slots=True)
class CourseRow:
    """One creatinine in the table beside the chart."""

    when: str
    value: str
    other_value: str
    ratio: str
    egfr: str
    note: str
    source: str


@dataclass(frozen=True, slots=True)
class CourseValue:
    """One creatinine with its eGFR. `cleared`: taken during a course of dialysis."""

    measured: Measurement
    egfr: Egfr | None
    cleared: bool

    def ratio(self, baseline: Baseline | None, say: Wording) -> str:
        """Over the baseline; nothing where dialysis has lowered the value."""
        if baseline is None or self.cleared:
            return ""
        return say.number(self.measured.value / baseline.creatinine_mg_dl, 2)


def in_reader_unit(mg_dl: float, say: Wording) -> float:
    """A creatinine as a number in the unit the reader chose."""
    return in_unit(Analyte.CREATININE, mg_dl, say.units.creatinine.code)


def _shape(measurement: Measurement) -> str:
    if measurement.comparator in (Comparator.LESS_THAN, Comparator.LESS_OR_EQUAL):
        return "below"
    if measurement.comparator is not None:
        return "above"
    if measurement.day_only:
        return "day"
    return "preliminary" if measurement.preliminary else "final"


def course_point(found: CourseValue, baseline: Baseline | None, say: Wording) -> CoursePoint:
    """The value as the chart draws and reads it out."""
    measured = found.measured
    sign = measured.comparator.value if measured.comparator else ""
    label = f"{sign}{say.creatinine_with_unit(measured.value)}, {when_taken(measured, say)}"
    value, shown = in_reader_unit(measured.value, say), say.creatinine(measured.value)
    more = [f"{ratio} {say.gettext('× baseline')}"] if (ratio := found.ratio(baseline, say)) else []
    more += [words] if (words := egfr_words(found.egfr, say)) else []
    more += [say.sentence(_DURING_DIALYSIS)] if found.cleared else []
    return CoursePoint(measured.at, value, label, _shape(measured), shown, "; ".join(more))


def when_taken(measurement: Measurement, say: Wording) -> str:
    """The moment, or the day where the hour is not known."""
    return say.day(measurement.at) if measurement.day_only else say.moment(measurement.at)


def course_row(found: CourseValue, baseline: Baseline | None, say: Wording) -> CourseRow:
    """The value as the table lists it."""
    measured = found.measured
    sign = measured.comparator.value if measured.comparator else ""
    notes = [_NOTES.get(_shape(measured), "")]
    notes += [Sentence("preliminary")] if measured.preliminary else []
    notes += [_DURING_DIALYSIS] if found.cleared else []
    return CourseRow(
        when=when_taken(measured, say),
        value=f"{sign}{say.creatinine(measured.value)}",
        other_value=f"{sign}{say.creatinine(measured.value, say.other_creatinine_unit)}",
        ratio=found.ratio(baseline, say),
        egfr=_egfr_cell(found.egfr, say),
        note=", ".join(say.sentence(n) for n in notes if n),
        source=measured.source,
    )


def _egfr_cell(egfr: Egfr | None, say: Wording) -> str:
    if egfr is None:
        return ""
    number = say.number(egfr.ml_min_1_73m2)
    return number if egfr.steady_state else say.gettext("{egfr}, not steady", egfr=number)
