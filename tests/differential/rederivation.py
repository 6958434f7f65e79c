"""Our engines against the plain re-derivation in exact fractions: nothing to explain, they must agree."""

from collections import Counter
from collections.abc import Iterable
from fractions import Fraction
from math import floor

from model.baseline import find_references
from model.creatinine import CreatinineCourse, creatinine_course
from model.hospital_stays import hospital_times
from model.kdigo_creatinine import stage_course
from model.kdigo_urine import stage_urine
from model.nhs import NhsPatient, nhs_alert
from model.policy import DEFAULT_POLICY, MEASURED_BASELINES
from tests.builders import naive_staging
from tests.differential.courses import CreatinineSeries, Number, UrineSeries, at

LONGEST_GAP = 120  # minutes: the default policy
_NO_PREVIOUS = frozenset({"H", "L", "none", "cannot say"})


def our_stages(series: CreatinineSeries) -> list[int | None]:
    """The KDIGO stage at every point by the product."""
    course = _course(series)
    stays = hospital_times(series.hospital(), at(series.points[-1][0]))
    return stage_course(course, find_references(course, stays, MEASURED_BASELINES))


def our_urine_stages(series: UrineSeries) -> list[int | None]:
    """The KDIGO stage by urine output at every charted time by the product."""
    hours = DEFAULT_POLICY.urine_max_interval_hours
    end = at(series.points[-1][0])
    found = stage_urine(series.measurements(), series.weighings(), end, max_interval_hours=hours)
    return [stage.stage for stage in found]


def compare_kdigo(all_series: Iterable[CreatinineSeries]) -> Counter[str]:
    """Counts of points compared and of disagreements; stages as "stage 0" ... "stage None"."""
    counts: Counter[str] = Counter()
    for series in all_series:
        if not series.points:
            continue
        thousandths = [(minute, value * 1000) for minute, value in series.points]
        for index, ours in enumerate(our_stages(series)):
            theirs = naive_staging.kdigo_stage(thousandths, index, series.stays)
            _count(counts, ours == theirs, f"stage {ours}")
    return counts


def compare_nhs(all_series: Iterable[CreatinineSeries]) -> Counter[str]:
    """The same for the NHS warning of an adult whose sex is not known."""
    counts: Counter[str] = Counter()
    for series in all_series:
        course = _course(series)
        whole = [(minute, _umol(value)) for minute, value in series.points]
        for index in range(len(course)):
            ours = nhs_alert(course, index, NhsPatient(), DEFAULT_POLICY)
            theirs = naive_staging.nhs_alert(whole, index)
            agree = ours.alert == theirs if theirs else ours.ratio is None and ours.alert in _NO_PREVIOUS
            _count(counts, agree, ours.alert if theirs else "no previous result")
    return counts


def compare_urine(all_series: Iterable[UrineSeries]) -> Counter[str]:
    """The same for urine output, each time with the weight known then."""
    counts: Counter[str] = Counter()
    for series in all_series:
        for index, ours in enumerate(our_urine_stages(series)):
            kg = series.weight_at(series.points[index][0])
            theirs = naive_staging.urine_stage(series.points, index, kg, LONGEST_GAP)
            _count(counts, ours == theirs, f"stage {ours}")
    return counts


def _count(counts: Counter[str], agree: bool, word: str) -> None:
    counts["compared"] += 1
    counts["disagree"] += not agree
    counts[word] += 1


def _course(series: CreatinineSeries) -> CreatinineCourse:
    end = at(series.points[-1][0]) if series.points else at(0)
    return creatinine_course(series.measurements(), end)


def _umol(mg_dl: Number) -> int:
    return floor(mg_dl * Fraction("88.42") + Fraction(1, 2))
