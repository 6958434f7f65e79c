"""Against other public implementations: every disagreement must have one of the causes known from their code."""

import csv
import gzip
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from model.analytes import Analyte
from model.assessment import BaselineMethod
from model.baseline import find_references
from model.creatinine import creatinine_course
from model.hospital_stays import hospital_times
from model.kdigo_creatinine import stage_course
from model.policy import MEASURED_BASELINES
from model.snapshot import Measurement, Stay

VECTORS = Path(__file__).resolve().parents[3] / "shared" / "data" / "aki-test-vectors"
PADDING = timedelta(hours=4)
Row = tuple[datetime, float]


def stages_of(
    rows: Sequence[Row], methods: Sequence[BaselineMethod] = MEASURED_BASELINES, stays: Sequence[Stay] = ()
) -> list[int | None]:
    results = [Measurement(Analyte.CREATININE, value, at, at, f"row/{i}") for i, (at, value) in enumerate(rows)]
    end = max(at for at, _ in rows)
    course = creatinine_course(results, end)
    return stage_course(course, find_references(course, hospital_times(stays, end), methods))


# --- akiFlagger (isaranwrap/StandardizingAKI, MIT): its rolling-minimum rule, written from its documentation ---


def akiflagger_stage(rows: Sequence[Row], index: int, padding: timedelta) -> int:
    """Rises over the rolling minimum of 48 h and ratios over that of 7 d, both windows padded; no 4.0 rule."""
    at, value = rows[index]
    two_days = [v for t, v in rows[: index + 1] if t >= at - timedelta(hours=48) - padding]
    week = [v for t, v in rows[: index + 1] if t >= at - timedelta(days=7) - padding]
    rise, ratio = round(value - min(two_days), 4), round(value / min(week), 4)
    if ratio >= 3:
        return 3
    if ratio >= 2:
        return 2
    return 1 if ratio >= 1.5 or rise >= 0.3 else 0


def akiflagger_series(path: Path) -> Iterable[list[Row]]:
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode()
    by_patient: dict[str, dict[datetime, float]] = defaultdict(dict)
    for record in csv.DictReader(text.splitlines()):
        patient = record.get("patient_id") or record["mrn"]
        at = datetime.fromisoformat(record["time"])
        value = record.get("creatinine") or record["creat"]
        by_patient[patient][at if at.tzinfo else at.replace(tzinfo=UTC)] = float(value)
    return [sorted(rows.items()) for rows in by_patient.values()]


def explain(rows: Sequence[Row], index: int, ours: int | None) -> str:
    padded, plain = akiflagger_stage(rows, index, PADDING), akiflagger_stage(rows, index, timedelta(0))
    if ours == padded:
        return "agree"
    if ours is None:
        return "no earlier value in 7 d: we say nothing, it says 0" if plain == 0 else "unexplained"
    if ours == plain:
        return "its windows are padded by 4 h"
    if ours == 3 and plain > 0 and rows[index][1] >= 4.0:
        return "it has no 4.0 mg/dL rule"
    return "unexplained"


@pytest.mark.parametrize("name", ["akiflagger_00test.csv", "akiflagger_01test.csv", "akiflagger_toy.csv.gz"])
def test_every_disagreement_with_akiflagger_has_a_known_cause(name: str) -> None:
    path = VECTORS / name
    if not path.exists():
        pytest.skip("the shared vectors are not beside this repository")
    causes: Counter[str] = Counter()
    for rows in akiflagger_series(path):
        for index, ours in enumerate(stages_of(rows, [BaselineMethod.LOWEST_7_D])):
            causes[explain(rows, index, ours)] += 1
    assert causes["unexplained"] == 0, causes
    assert causes["agree"] > 0


@pytest.mark.parametrize(
    ("hours_apart", "before", "after", "theirs", "ours", "cause"),
    [
        (48, 1.0, 1.3, 1, 1, "agree"),
        (49, 1.0, 1.3, 1, 0, "its windows are padded by 4 h"),
        (53, 1.0, 1.3, 0, 0, "agree"),
        (24, 3.8, 4.1, 1, 3, "it has no 4.0 mg/dL rule"),
        (24, 4.2, 4.3, 0, 0, "agree"),
        (24, 0.2, 0.3, 1, 1, "agree"),
        (24, 1.1, 1.4, 1, 1, "agree"),
        (24, 1.0, 2.0, 2, 2, "agree"),
        (24, 1.0, 3.0, 3, 3, "agree"),
    ],
)
def test_the_measured_answers_of_akiflagger_are_understood(
    hours_apart: int, before: float, after: float, theirs: int, ours: int, cause: str
) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    rows = [(start, before), (start + timedelta(hours=hours_apart), after)]
    assert akiflagger_stage(rows, 1, PADDING) == theirs
    stage = stages_of(rows, [BaselineMethod.LOWEST_7_D])[1]
    assert (stage, explain(rows, 1, stage)) == (ours, cause)


# --- epocakir (MIT): the creatinine rows of its example data set aki_pt_data ----------------------------------


@pytest.mark.parametrize(("value", "stage"), [(2.0, 0), (2.5, 1), (3.0, 2), (3.5, 2), (4.0, 3), (4.5, 3)])
def test_epocakirs_stages_against_a_given_baseline_agree(value: float, stage: int) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    result = Measurement(Analyte.CREATININE, value, now, now, "row/1")
    course = creatinine_course([result], now)
    references = find_references(course, hospital_times((), now), MEASURED_BASELINES, supplied_mg_dl=1.5)
    assert stage_course(course, references) == [stage]


def test_epocakirs_rolling_stages_differ_only_where_it_ignores_the_ratio_of_7_days() -> None:
    """(hour, creatinine, its stage); it looks at rises within 48 h and has no 7-day ratio."""
    courses = [
        [(0, 2.0, 0), (24, 2.5, 1), (48, 3.0, 1), (120, 3.4, 0), (150, 3.65, 0), (180, 3.9, 0)],
        [(1, 3.3, 0), (13, 3.4, 0), (25, 3.5, 0)],
    ]
    start = datetime(2020, 10, 18, tzinfo=UTC)
    disagreements = []
    for course in courses:
        rows = [(start + timedelta(hours=hour), value) for hour, value, _ in course]
        for (hour, value, theirs), ours in zip(course, stages_of(rows), strict=True):
            if (ours or 0) != theirs:
                disagreements.append((hour, value, theirs, ours))
    assert disagreements == [(120, 3.4, 0, 1), (150, 3.65, 0, 1), (180, 3.9, 0, 1)]
    assert all(value / 2.0 >= 1.5 for _, value, _, _ in disagreements)
