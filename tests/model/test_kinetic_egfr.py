"""Kinetic eGFR obeys the mass balance it is derived from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.kinetic_egfr import MAX_RISE_MG_DL_PER_DAY, kinetic_egfr

CREATININE = st.floats(0.3, 12.0)
GFR = st.floats(5.0, 140.0)
HOURS = st.floats(6.0, 48.0)


@given(CREATININE, GFR, HOURS)
def test_at_a_steady_baseline_it_is_the_baseline_s_own_gfr(creatinine: float, gfr: float, hours: float) -> None:
    found = kinetic_egfr(
        baseline_mg_dl=creatinine,
        baseline_egfr=gfr,
        earlier_mg_dl=creatinine,
        latest_mg_dl=creatinine,
        hours=hours,
    )
    assert found == pytest.approx(gfr)


@given(CREATININE, GFR, HOURS)
def test_a_steady_double_creatinine_is_half_the_gfr(creatinine: float, gfr: float, hours: float) -> None:
    twice = 2 * creatinine
    found = kinetic_egfr(
        baseline_mg_dl=creatinine, baseline_egfr=gfr, earlier_mg_dl=twice, latest_mg_dl=twice, hours=hours
    )
    assert found == pytest.approx(gfr / 2)


@given(CREATININE, CREATININE, GFR, HOURS, st.floats(1.0, 3.0))
def test_rising_as_fast_as_a_body_without_filtration_or_faster_is_no_filtration(
    baseline: float, earlier: float, gfr: float, hours: float, times_faster: float
) -> None:
    latest = earlier + MAX_RISE_MG_DL_PER_DAY * hours / 24 * times_faster
    found = kinetic_egfr(
        baseline_mg_dl=baseline, baseline_egfr=gfr, earlier_mg_dl=earlier, latest_mg_dl=latest, hours=hours
    )
    assert found == pytest.approx(0.0, abs=1e-9 * gfr)


@given(CREATININE, CREATININE, CREATININE, GFR, HOURS)
def test_it_is_never_negative_and_a_higher_latest_value_never_means_more_filtration(
    baseline: float, earlier: float, latest: float, gfr: float, hours: float
) -> None:
    def at(latest_mg_dl: float) -> float:
        return kinetic_egfr(
            baseline_mg_dl=baseline,
            baseline_egfr=gfr,
            earlier_mg_dl=earlier,
            latest_mg_dl=latest_mg_dl,
            hours=hours,
        )

    assert 0.0 <= at(latest * 1.1) <= at(latest)
