"""eGFR and clearance against published and independently computed values."""

import pytest

from model.egfr import (
    adult_egfr,
    bedside_schwartz,
    ckd_epi_2009,
    cockcroft_gault,
    creatinine_for_egfr_75,
    ekfc,
)
from model.policy import EgfrEquation
from model.snapshot import Sex

F, M = Sex.FEMALE, Sex.MALE
E = EgfrEquation


@pytest.mark.parametrize(
    ("creatinine", "age", "sex", "ckd_epi_2021", "ekfc_2021", "jsn", "mdrd"),
    [
        (0.8, 80, F, 74.4, 61.7, 52.0, 69.0),
        (0.8, 80, M, 89.5, 74.6, 70.4, 93.0),
        (1.0, 50, M, 91.7, 86.1, 63.1, 79.1),
        (1.0, 50, F, 68.6, 64.8, 46.6, 58.7),
        (2.5, 65, F, 20.8, 19.8, 15.9, 19.3),
        (4.0, 70, M, 15.3, 14.7, 12.6, 14.9),
    ],
)
def test_adult_equations_give_the_reference_values(
    creatinine: float, age: float, sex: Sex, ckd_epi_2021: float, ekfc_2021: float, jsn: float, mdrd: float
) -> None:
    found = [round(adult_egfr(e, creatinine, age, sex), 1) for e in (E.CKD_EPI_2021, E.EKFC, E.JSN, E.MDRD)]
    assert found == [ckd_epi_2021, ekfc_2021, jsn, mdrd]


@pytest.mark.parametrize(
    ("sex", "creatinine", "constant", "knee", "exponent"),
    [
        (F, 0.5, 144, 0.7, -0.329),
        (F, 1.4, 144, 0.7, -1.209),
        (M, 0.6, 141, 0.9, -0.411),
        (M, 2.7, 141, 0.9, -1.209),
    ],
)
def test_ckd_epi_2009_without_race_follows_its_published_four_line_table(
    sex: Sex, creatinine: float, constant: float, knee: float, exponent: float
) -> None:
    """The paper's table rounds 141 x 1.018 to 144 for women."""
    printed = constant * (creatinine / knee) ** exponent * 0.993**42
    assert ckd_epi_2009(creatinine, 42, sex) == pytest.approx(printed, rel=0.004)


@pytest.mark.parametrize("sex", [F, M])
def test_ekfc_joins_its_two_age_ranges_without_a_jump(sex: Sex) -> None:
    """The age-dependent Q of 25 years meets the adult constant to within 2 %."""
    assert ekfc(0.8, 25.0, sex) == pytest.approx(ekfc(0.8, 25.01, sex), rel=0.025)


def test_ekfc_of_a_child_uses_the_median_creatinine_of_that_age() -> None:
    """At the median creatinine of healthy ten-year-olds (about 0.5 mg/dL) the equation gives its constant."""
    assert ekfc(0.5, 10, M) == pytest.approx(107.3, rel=0.05)


def test_bedside_schwartz_matches_its_worked_example() -> None:
    assert bedside_schwartz(0.5, 50) == pytest.approx(41.3)


@pytest.mark.parametrize(("sex", "expected"), [(M, 60.0), (F, 51.0)])
def test_cockcroft_gault_takes_15_percent_off_for_women(sex: Sex, expected: float) -> None:
    assert cockcroft_gault(1.0, 80, sex, 72) == pytest.approx(expected)


@pytest.mark.parametrize("age", [18, 25, 45, 65, 85, 100])
@pytest.mark.parametrize("sex", [F, M])
@pytest.mark.parametrize("equation", [E.MDRD, E.CKD_EPI_2021])
def test_the_assumed_baseline_is_the_inverse_of_its_equation(equation: E, sex: Sex, age: float) -> None:
    assert adult_egfr(equation, creatinine_for_egfr_75(equation, age, sex), age, sex) == pytest.approx(75)


@pytest.mark.parametrize(
    ("equation", "age", "sex", "expected"),
    [(E.MDRD, 25, M, 1.18), (E.MDRD, 85, F, 0.74), (E.CKD_EPI_2021, 25, M, 1.35), (E.CKD_EPI_2021, 65, F, 0.86)],
)
def test_the_assumed_baseline_matches_the_published_numbers(
    equation: E, age: float, sex: Sex, expected: float
) -> None:
    assert round(creatinine_for_egfr_75(equation, age, sex), 2) == expected


def test_the_schwartz_formula_is_no_equation_of_age_and_sex() -> None:
    with pytest.raises(KeyError):
        adult_egfr(E.SCHWARTZ, 1.0, 10, M)
