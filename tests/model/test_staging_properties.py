"""What must hold for every course: against an exact second implementation, and under changes that mean nothing."""

from collections.abc import Sequence
from datetime import timedelta, timezone

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from model.analytes import Analyte
from model.assess import assess
from model.assessment import Assessment, Outcome
from model.baseline import find_references
from model.creatinine import CreatinineCourse, creatinine_course
from model.errors import ModelError
from model.hospital_stays import hospital_times
from model.kdigo_creatinine import StagingRules, stage_course
from model.nhs import NhsPatient, nhs_alert
from model.policy import DEFAULT_POLICY, MEASURED_BASELINES
from model.snapshot import Comparator, Measurement, PatientSnapshot, Sex
from model.units import to_canonical
from tests.builders import naive_staging
from tests.builders.charts import BORN, NOW

UMOL = 88.42
# Minutes before now; gathered around the edges of every window, where mistakes live.
EDGES = [0, 48 * 60, 7 * 1440, 8 * 1440, 365 * 1440, 366 * 1440]
minutes = st.one_of(
    st.integers(0, 400 * 1440),
    st.integers(0, 9 * 1440),
    st.builds(lambda edge, off: max(edge + off, 0), st.sampled_from(EDGES), st.integers(-2, 2)),
)
hundredths = st.integers(20, 600)  # mg/dL as laboratories report it
whole_umol = st.integers(20, 600)


def courses(values: st.SearchStrategy[int]) -> st.SearchStrategy[list[tuple[int, int]]]:
    """(minutes before now, value) with distinct times, oldest first."""
    return st.dictionaries(minutes, values, min_size=1, max_size=12).map(lambda d: sorted(d.items(), reverse=True))


def measured(
    before: int, mg_dl: float, comparator: Comparator | None = None, source: str = "Observation/1"
) -> Measurement:
    at = NOW - timedelta(minutes=before)
    return Measurement(Analyte.CREATININE, mg_dl, at, at, source, comparator)


def course_of(measurements: Sequence[Measurement]) -> CreatinineCourse:
    return creatinine_course(measurements, NOW)


def stages_of(measurements: Sequence[Measurement]) -> list[int | None]:
    course = course_of(measurements)
    return stage_course(
        course, find_references(course, hospital_times((), NOW), MEASURED_BASELINES), StagingRules()
    )


def answer(measurements: Sequence[Measurement]) -> Outcome:
    snapshot = PatientSnapshot("p1", NOW, BORN, Sex.MALE, {Analyte.CREATININE: tuple(measurements)})
    return assess(snapshot, now=NOW, model=ModelError("none"))


def last_stage(measurements: Sequence[Measurement]) -> int | None:
    return stages_of(measurements)[-1]


@given(courses(hundredths))
@settings(max_examples=500, deadline=None)
def test_kdigo_agrees_with_exact_arithmetic_on_mg_dl(found: list[tuple[int, int]]) -> None:
    points = [(-before, value * 10) for before, value in found]
    expected = [naive_staging.kdigo_stage(points, index) for index in range(len(points))]
    assert stages_of([measured(before, value / 100) for before, value in found]) == expected


@given(courses(whole_umol))
@settings(max_examples=500, deadline=None)
def test_the_nhs_algorithm_agrees_with_exact_arithmetic_on_umol_l(found: list[tuple[int, int]]) -> None:
    course = course_of([measured(before, value / UMOL) for before, value in found])
    points = [(-before, value) for before, value in found]
    for index in range(len(points)):
        expected = naive_staging.nhs_alert(points, index)
        alert = nhs_alert(course, index, NhsPatient(), DEFAULT_POLICY)
        assert alert.alert in ("H", "L", "none", "cannot say") if expected is None else alert.alert == expected
        assert (alert.ratio is None) == (expected is None)


@given(courses(hundredths))
@settings(deadline=None)
def test_mg_dl_and_umol_l_spellings_of_one_course_agree(found: list[tuple[int, int]]) -> None:
    """Every hundredth of a mg/dL is a whole number of ten-thousandths of a umol/L, so both can be written."""
    us = [measured(b, to_canonical(Analyte.CREATININE, v / 100, "mg/dL", ucum=True)) for b, v in found]
    in_umol = [(b, float(f"{v * 0.8842:.4f}")) for b, v in found]
    si = [measured(b, to_canonical(Analyte.CREATININE, v, "umol/L", ucum=True)) for b, v in in_umol]
    assert stages_of(us) == stages_of(si)
    mixed = [pair[index % 2] for index, pair in enumerate(zip(us, si, strict=True))]
    assert stages_of(mixed) == stages_of(us)


@given(st.integers(20, 400), st.integers(0, 48 * 60))
@settings(deadline=None)
def test_a_rise_counts_from_27_umol_l_and_from_030_mg_dl(level: int, before: int) -> None:
    assume(before > 0 and level + 27 < level * 1.5)
    assert stages_of([measured(before, level / UMOL), measured(0, (level + 26) / UMOL)])[-1] == 0
    assert stages_of([measured(before, level / UMOL), measured(0, (level + 27) / UMOL)])[-1] != 0
    us = level / 50
    assume(us + 0.3 < us * 1.5)
    assert stages_of([measured(before, us), measured(0, round(us + 0.29, 2))])[-1] == 0
    assert stages_of([measured(before, us), measured(0, round(us + 0.30, 2))])[-1] != 0


@given(courses(hundredths), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_the_order_of_results_never_matters(found: list[tuple[int, int]], random: object) -> None:
    results = [measured(before, value / 100, source=f"Observation/{before}") for before, value in found]
    shuffled = list(results)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert answer(shuffled) == answer(results)


@given(courses(hundredths), st.lists(st.integers(0, 11), max_size=6))
@settings(deadline=None)
def test_a_result_read_twice_changes_nothing(found: list[tuple[int, int]], picks: list[int]) -> None:
    results = [measured(before, value / 100) for before, value in found]
    doubled = results + [results[pick % len(results)] for pick in picks]
    first, second = answer(results), answer(doubled)
    assert type(first) is type(second)
    if isinstance(first, Assessment) and isinstance(second, Assessment):
        assert (first.kdigo, first.nhs, first.egfr) == (second.kdigo, second.nhs, second.egfr)


@given(courses(hundredths), st.lists(st.integers(-14, 14), min_size=1, max_size=12))
@settings(deadline=None)
def test_the_spelling_of_the_time_zone_changes_nothing(found: list[tuple[int, int]], offsets: list[int]) -> None:
    results = [measured(before, value / 100) for before, value in found]
    zones = [timezone(timedelta(hours=offsets[i % len(offsets)])) for i in range(len(results))]
    moved = [
        Measurement(m.analyte, m.value, m.at.astimezone(zone), m.available_at.astimezone(zone), m.source)
        for m, zone in zip(results, zones, strict=True)
    ]
    assert answer(moved) == answer(results)


@given(courses(hundredths), minutes, st.integers(0, 500))
@settings(deadline=None)
def test_an_earlier_value_no_lower_than_the_current_one_never_raises_its_stage(
    found: list[tuple[int, int]], before: int, higher: int
) -> None:
    """The precise form of "adding an earlier higher value never raises a stage".

    A value above the current one can lower a median of even number only towards itself, never below the current
    value; one between the current value and a lower reference does lower that reference, rightly.
    """
    newest, current = found[-1]
    assume(before > newest and before not in dict(found))
    results = [measured(b, value / 100) for b, value in found]
    added = measured(before, (current + higher) / 100)
    assert (last_stage([*results, added]) or 0) <= (last_stage(results) or 0)


@given(courses(hundredths), st.integers(1, 400))
@settings(deadline=None)
def test_a_stage_never_falls_when_only_the_latest_value_rises(found: list[tuple[int, int]], more: int) -> None:
    *earlier, (before, value) = found
    results = [measured(b, v / 100) for b, v in earlier]
    lower = last_stage([*results, measured(before, value / 100)])
    higher = last_stage([*results, measured(before, (value + more) / 100)])
    assert (lower is None) == (higher is None)
    assert lower is None or (higher is not None and higher >= lower)


@given(courses(hundredths), minutes, hundredths, st.sampled_from([Comparator.LESS_THAN, Comparator.GREATER_THAN]))
@settings(deadline=None)
def test_an_earlier_value_with_a_comparator_changes_no_later_stage(
    found: list[tuple[int, int]], before: int, value: int, comparator: Comparator
) -> None:
    assume(before > found[-1][0] and before not in dict(found))
    results = [measured(b, v / 100) for b, v in found]
    assert last_stage([*results, measured(before, value / 100, comparator)]) == last_stage(results)


@given(courses(hundredths))
@settings(deadline=None)
def test_the_episode_is_consistent_with_the_stages_it_sums_up(found: list[tuple[int, int]]) -> None:
    results = [measured(before, value / 100) for before, value in found]
    outcome = answer(results)
    if not isinstance(outcome, Assessment) or outcome.kdigo is None or outcome.kdigo.stage is None:
        return
    kdigo, episode = outcome.kdigo, outcome.kdigo.episode
    assert (kdigo.since is not None) == (kdigo.stage > 0)
    assert (kdigo.criterion is not None) == (kdigo.stage > 0)
    assert kdigo.stage <= (kdigo.peak_stage or 0) or kdigo.stage == 0
    if kdigo.stage > 0:
        assert episode is not None
        assert episode.recovered_at is None
    if episode is not None:
        assert episode.onset_at <= episode.peak_at <= NOW
        assert episode.peak_stage >= 1


@pytest.mark.parametrize("size", [1, 2, 50])
def test_the_tests_own_oracle_is_not_trivial(size: int) -> None:
    """A flat course never stages; doubling its last value always does."""
    flat = [(-60 * (size - i), 1000) for i in range(size)]
    assert {naive_staging.kdigo_stage(flat, i) for i in range(size)} <= {None, 0}
    doubled = [*flat, (0, 2000)]
    assert naive_staging.kdigo_stage(doubled, size) == 2
