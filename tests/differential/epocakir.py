"""epocakir's example rows (MIT): its data set `aki_pt_data`, with the stages it states."""

import bz2
import struct
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from model.baseline import find_references
from model.creatinine import creatinine_course
from model.hospital_stays import hospital_times
from model.kdigo_creatinine import stage_course
from model.policy import MEASURED_BASELINES
from tests.differential.courses import CreatinineSeries, Entry, at, exact
from tests.differential.rederivation import our_stages
from tests.differential.window_rules import AGREE, UNEXPLAINED

BASELINE_MG_DL = 1.5
AGAINST_BASELINE = ((2.0, 0), (2.5, 1), (3.0, 2), (3.5, 2), (4.0, 3), (4.5, 3))
# (hour, mg/dL, its stage) of two patients
COURSES = (
    ((0, 2.0, 0), (24, 2.5, 1), (48, 3.0, 1), (120, 3.4, 0), (150, 3.65, 0), (180, 3.9, 0)),
    ((1, 3.3, 0), (13, 3.4, 0), (25, 3.5, 0)),
)
NO_RATIO = "it looks at rises within 48 h only, not at 1.5 times within 7 days"
FIRST = "a first value is 0, we say nothing"


def compare() -> Counter[str]:
    """Causes counted over its 15 creatinine rows.

    Its 12 urine rows carry mL/kg/h and no charting: there is nothing our engine could be asked.
    """
    counts: Counter[str] = Counter()
    for value, theirs in AGAINST_BASELINE:
        counts[AGREE if _against_baseline(value) == theirs else UNEXPLAINED] += 1
    for number, course in enumerate(COURSES):
        points = tuple((hour * 60, exact(value)) for hour, value, _ in course)
        ours = our_stages(CreatinineSeries(str(number), points))
        for index, (_, _, theirs) in enumerate(course):
            counts[_cause(points, index, theirs, ours[index])] += 1
    return counts


def values_in_file(path: Path) -> bool:
    """Whether the creatinine values above are, in its order, those of the data file itself."""
    content = bz2.decompress(path.read_bytes())
    in_order = (2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 3.4, 3.9, 3.0, 3.4, 2.0, 2.5, 3.3, 3.5, 3.65)
    ours = [value for value, _ in AGAINST_BASELINE] + [value for course in COURSES for _, value, _ in course]
    return struct.pack(">15d", *in_order) in content and sorted(ours) == sorted(in_order)


def _against_baseline(value: float) -> int | None:
    now = at(0)
    course = creatinine_course(CreatinineSeries("", ((0, exact(value)),)).measurements(), now)
    references = find_references(course, hospital_times((), now), MEASURED_BASELINES, BASELINE_MG_DL)
    return stage_course(course, references)[0]


def _cause(points: Sequence[Entry], index: int, theirs: int, ours: int | None) -> str:
    if ours == theirs:
        return AGREE
    if ours is None and index == 0 and theirs == 0:
        return FIRST
    minute, value = points[index]
    week = min(v for m, v in points[:index] if minute - m <= 7 * 1440)
    return NO_RATIO if theirs == 0 and ours == 1 and value / Fraction(week) >= Fraction(3, 2) else UNEXPLAINED
