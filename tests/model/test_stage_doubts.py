"""What is said with a stage that the rules do give: a baseline too low, a creatinine high from the first."""

from typing import Any

import pytest

from model.assess import assess
from model.errors import ModelError
from model.snapshot import Concept, Problem
from tests.builders.charts import NOW, chart, days, hours, result

HIGH, LOW = "high_from_the_first_result", "low_baseline"
CKD = (Problem("CKD 4", frozenset({Concept.CHRONIC_KIDNEY_DISEASE}), "Condition/1", active=True),)


def codes(*results: tuple[float, Any], **facts: Any) -> tuple[int | None, set[str]]:
    outcome = assess(
        chart(*(result(value, at) for value, at in results), **facts), now=NOW, model=ModelError("none")
    )
    kdigo = getattr(outcome, "kdigo", None)
    return (kdigo.stage if kdigo else None), {reason.code for reason in outcome.reasons} & {HIGH, LOW}


@pytest.mark.parametrize(
    ("results", "facts", "stage", "said"),
    [
        ([(5.0, hours(28)), (5.1, hours(1))], {}, 0, {HIGH}),
        ([(2.4, hours(50)), (2.3, hours(1))], {}, 0, {HIGH}),
        ([(1.0, hours(28)), (1.1, hours(1))], {}, 0, set()),
        ([(5.0, days(60)), (5.1, hours(1))], {}, 0, set()),  # measured before these days: chronic
        ([(5.0, hours(28)), (5.1, hours(1))], {"problems": CKD}, 0, set()),  # the chart explains it
        ([(5.0, hours(28)), (5.1, hours(1))], {"sex": None}, 0, set()),  # not known what is usual
        ([(2.0, hours(28)), (5.1, hours(1))], {}, 3, set()),  # staged
        ([(0.3, hours(28)), (0.7, hours(1))], {}, 2, {LOW}),
        ([(0.4, hours(28)), (0.7, hours(1))], {}, 1, set()),
        ([(0.3, hours(28)), (0.3, hours(1))], {}, 0, set()),
    ],
)
def test_what_is_said_beside_the_stage(
    results: list[tuple[float, Any]], facts: dict[str, Any], stage: int, said: set[str]
) -> None:
    assert codes(*results, **facts) == (stage, said)
