"""A site's choices are checked when they are read, each wrong one by name."""

import pytest
from pydantic import TypeAdapter, ValidationError

from model.assessment import BaselineMethod
from model.policy import EgfrEquation, SitePolicy


def test_a_configuration_table_becomes_a_policy() -> None:
    table = {"egfr_equation": "ekfc", "urine_output_staging": True, "baseline_methods": ["lowest_7_d"]}
    policy = TypeAdapter(SitePolicy).validate_python(table)
    assert policy.egfr_equation is EgfrEquation.EKFC
    assert policy.urine_output_staging
    assert policy.baseline_methods == (BaselineMethod.LOWEST_7_D,)


def test_an_unknown_key_is_refused() -> None:
    with pytest.raises(ValidationError, match="egfr_equatoin"):
        TypeAdapter(SitePolicy).validate_python({"egfr_equatoin": "ekfc"})


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"urine_max_interval_hours": 0}, "urine_max_interval_hours"),
        ({"current_creatinine_max_age_days": -1}, "current_creatinine_max_age_days"),
        ({"nhs_reference_interval_male_umol_l": (104, 64)}, "nhs_reference_interval_male_umol_l"),
        ({"baseline_methods": (BaselineMethod.SUPPLIED,)}, "baseline_methods"),
        ({"baseline_methods": ()}, "baseline_methods"),
        ({"egfr_equation": EgfrEquation.SCHWARTZ}, "egfr_equation"),
    ],
)
def test_a_choice_that_cannot_work_is_refused_by_name(wrong: dict[str, object], name: str) -> None:
    with pytest.raises(ValueError, match=name):
        SitePolicy(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("equation", list(EgfrEquation))
def test_every_equation_has_a_printed_name(equation: EgfrEquation) -> None:
    assert equation.label
