"""No disagreement without a cause, on the vectors and patients a test run may use."""

from pathlib import Path

import pytest

from tests.differential import courses, epocakir, rederivation
from tests.differential.courses import CreatinineSeries, UrineSeries
from tests.differential.urine_rules import WHOLE, ZERO, Steps, hourly_volumes, rates_at
from tests.differential.urine_rules import cause_of as urine_cause_of
from tests.differential.window_rules import (
    AGREE,
    AKIFLAGGER,
    PYAKI,
    UNEXPLAINED,
    Implementation,
    cause_of,
    stage_by,
)

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.exists(), reason="the shared data are not beside this repository")
OWN = "a value is its own reference: a first one is 0, we say nothing"


@needs_data
@pytest.mark.parametrize("name", courses.AKIFLAGGER_FILES)
def test_akiflaggers_series_re_derived_agree(name: str) -> None:
    series = courses.akiflagger_files(DATA)[name]
    for counts in (rederivation.compare_kdigo(series), rederivation.compare_nhs(series)):
        assert counts["compared"] == sum(len(one.points) for one in series)
        assert counts["disagree"] == 0, counts


@needs_data
@pytest.mark.parametrize("implementation", [AKIFLAGGER, PYAKI], ids=["akiFlagger", "pyAKI"])
@pytest.mark.parametrize("name", courses.AKIFLAGGER_FILES)
def test_every_disagreement_with_the_rules_of_others_has_a_cause(
    name: str, implementation: Implementation
) -> None:
    """What their rules say; that the programs themselves say it, the report proves by running them."""
    causes = set()
    for series in courses.akiflagger_files(DATA)[name]:
        for index, ours in enumerate(rederivation.our_stages(series)):
            theirs = stage_by(implementation.rules, series, index)
            causes.add(cause_of(implementation, series, index, theirs, ours))
    assert UNEXPLAINED not in causes
    assert {AGREE, OWN} <= causes


@needs_data
def test_every_stage_of_the_mimic_demo_patients_re_derived_agrees() -> None:
    series = courses.mimic_demo(DATA)
    assert len(series) == 100
    counts = rederivation.compare_kdigo(series) + rederivation.compare_nhs(series)
    assert counts["compared"] == 2 * sum(len(one.points) for one in series) > 5000
    assert counts["disagree"] == 0, counts


@needs_data
def test_epocakirs_rows_are_those_of_its_data_file() -> None:
    assert epocakir.values_in_file(DATA / "aki-test-vectors" / "epocakir_aki_pt_data.rda")


def test_every_disagreement_with_epocakir_has_a_cause() -> None:
    counts = epocakir.compare()
    assert counts == {AGREE: 10, epocakir.NO_RATIO: 3, epocakir.FIRST: 2}


# (hours apart, mg/dL before, mg/dL after, akiFlagger's stage, ours, cause): what akiFlagger 1.0.10 printed
MEASURED = [
    (48, "1.0", "1.3", 1, 1, AGREE),
    (49, "1.0", "1.3", 1, 0, "both windows padded by 4 h"),
    (53, "1.0", "1.3", 0, 0, AGREE),
    (24, "3.8", "4.1", 1, 3, "no 4.0 mg/dL rule"),
    (24, "4.2", "4.3", 0, 0, AGREE),
    (24, "0.2", "0.3", 1, 1, AGREE),
    (24, "1.1", "1.4", 1, 1, AGREE),
    (24, "1.0", "2.0", 2, 2, AGREE),
    (24, "1.0", "3.0", 3, 3, AGREE),
]


@pytest.mark.parametrize(("hours", "before", "after", "theirs", "ours", "cause"), MEASURED)
def test_the_measured_answers_of_akiflagger_are_understood(
    hours: int, before: str, after: str, theirs: int, ours: int, cause: str
) -> None:
    series = CreatinineSeries("", ((0, courses.exact(before)), (hours * 60, courses.exact(after))))
    assert rederivation.our_stages(series)[1] == ours
    assert cause_of(AKIFLAGGER, series, 1, theirs, ours) == cause


def test_an_answer_no_rule_gives_is_unexplained() -> None:
    series = CreatinineSeries("", ((0, 1), (60, 2)))
    assert cause_of(AKIFLAGGER, series, 1, 0, 2) == UNEXPLAINED  # akiFlagger would have said 2
    assert cause_of(AKIFLAGGER, series, 1, 2, 3) == UNEXPLAINED  # and we are wrong


def _urine_steps(series: UrineSeries) -> Steps:
    hour, kg = int(series.points[-1][0] // 60), series.weights[0][1]
    exact = rederivation.naive_staging.urine_rates(series.points, len(series.points) - 1, kg, 120)
    its = rates_at(hourly_volumes(series, zero_is_missing=True), hour, kg)
    return Steps(its, rates_at(hourly_volumes(series, zero_is_missing=False), hour, kg), exact, exact)


@pytest.mark.parametrize(
    ("volumes", "theirs", "ours", "cause"),
    [
        (dict.fromkeys(range(8), 100), 0, 0, AGREE),
        ({0: 100, 1: 100, 6: 600, 7: 100}, 0, None, WHOLE),
        ({**dict.fromkeys(range(7), 0), 7: 700}, 0, 0, AGREE),
        ({**dict.fromkeys(range(7), 0), 7: 200}, 1, 1, AGREE),
        (dict.fromkeys(range(13), 0), None, 3, ZERO),
        ({**dict.fromkeys(range(5), 0), 5: 300}, 0, None, WHOLE),
    ],
)
def test_what_pyaki_does_with_urine_is_understood(
    volumes: dict[int, int], theirs: int | None, ours: int | None, cause: str
) -> None:
    series = UrineSeries("", tuple((hour * 60, mL) for hour, mL in sorted(volumes.items())), ((0, 80),))
    assert rederivation.our_urine_stages(series)[-1] == ours
    assert urine_cause_of(_urine_steps(series), theirs, ours) == cause


def test_a_urine_answer_no_rule_gives_is_unexplained() -> None:
    series = UrineSeries("", tuple((hour * 60, 100) for hour in range(8)), ((0, 80),))
    assert urine_cause_of(_urine_steps(series), 3, 0) == UNEXPLAINED
