"""The interval: a standard error added up from the replicas along one patient's values."""

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from model.analytes import Analyte
from model.artifact import load_bundled_model
from model.assessment import Prediction
from model.feature_list import FEATURE_BY_ID
from model.risk import Categories, Head, PairTable, RiskModel, Shape
from model.spread import Spread
from tests.builders.timelines import NOW, SEPTIC, chart, timeline

FLAT = (0,) * 10
UP_AND_DOWN = (300, -300) * 5
CREATININE = FEATURE_BY_ID["creatinine_last"]
AGE = FEATURE_BY_ID["age"]


@cache
def bundled() -> RiskModel:
    return load_bundled_model()


def predicted(model: RiskModel, *charted: object, age: int = 60) -> Prediction:
    found = model.onset(chart(*charted, age=age), now=NOW)  # type: ignore[arg-type]
    assert isinstance(found, Prediction)
    return found


def head(spread: Spread | None) -> Head:
    """Age splits at 50, creatinine at 1, and one table of both."""
    return Head(
        "made-up", "made up", 48, -2.0,
        (Shape(AGE, (50.0,), (0.0, 1.0)), Shape(CREATININE, (1.0,), (0.0, 1.0))),
        (PairTable(0, 1, (50.0,), (1.0,), ((0.0, 0.0), (0.0, 0.5))),),
        Categories(0.1, 0.2, ""), spread,
    )  # fmt: skip


def spread(
    *, base: tuple[int, ...] = FLAT, old: tuple[int, ...] = FLAT, old_and_high: tuple[int, ...] = FLAT
) -> Spread:
    table = ((FLAT, FLAT), (FLAT, old_and_high))
    return Spread(0.8, 1.2816, "ten refits", base, ((FLAT, old), (FLAT, FLAT)), (table,))


def error(spread: Spread, age: float, creatinine: float | None) -> float:
    made = head(spread)
    series = {} if creatinine is None else {Analyte.CREATININE: [(0.0, creatinine)]}
    found = made.standard_error(made.scored(timeline(series, age=age), 0.0))
    assert found is not None
    return found


def test_the_standard_error_is_that_of_the_replicas_sums_over_the_steps_the_patient_stands_on() -> None:
    expected = 0.3 * math.sqrt(10 / 9)
    assert error(spread(base=UP_AND_DOWN), 40.0, 0.8) == pytest.approx(expected)
    assert error(spread(old=UP_AND_DOWN), 60.0, 0.8) == pytest.approx(expected)
    assert error(spread(old=UP_AND_DOWN), 40.0, 0.8) == 0.0
    assert error(spread(old_and_high=UP_AND_DOWN), 60.0, 1.2) == pytest.approx(expected)
    assert error(spread(base=UP_AND_DOWN, old=UP_AND_DOWN), 60.0, 0.8) == pytest.approx(2 * expected)


def test_replicas_that_disagree_on_the_parts_but_agree_on_the_sum_leave_no_doubt() -> None:
    opposite = tuple(-one for one in UP_AND_DOWN)
    assert error(spread(base=UP_AND_DOWN, old=opposite), 60.0, 0.8) == 0.0


def test_what_is_unknown_adds_no_doubt_of_its_own() -> None:
    assert error(spread(old_and_high=UP_AND_DOWN), 60.0, None) == 0.0


def test_the_interval_holds_the_probability_and_says_what_it_is() -> None:
    risk = predicted(bundled(), SEPTIC)
    assert risk.interval is not None
    assert 0.0 < risk.interval.low < risk.probability < risk.interval.high < 1.0
    assert risk.interval.level == 0.8
    assert "drawn with replacement" in risk.interval.method


def test_the_interval_is_symmetric_in_log_odds() -> None:
    risk = predicted(bundled(), SEPTIC)
    assert risk.interval is not None
    low, middle, high = (math.log(p / (1 - p)) for p in (risk.interval.low, risk.probability, risk.interval.high))
    assert middle - low == pytest.approx(high - middle)


def test_a_head_without_replicas_gives_no_interval_and_the_same_number() -> None:
    bare = replace(bundled(), onset_head=replace(bundled().onset_head, spread=None))
    assert predicted(bare, SEPTIC).interval is None
    assert predicted(bare, SEPTIC).probability == predicted(bundled(), SEPTIC).probability


def test_the_sum_in_plain_python_is_the_standard_deviation_numpy_finds() -> None:
    made = bundled().onset_head
    assert made.spread is not None
    scored = made.scored(timeline(SEPTIC), 0.0)
    values = [item[1] for item in scored]
    rows = [made.spread.base]
    for shape, steps, value in zip(made.shapes, made.spread.shapes, values, strict=True):
        rows += [] if math.isnan(value) else [steps[int(np.searchsorted(shape.edges, value, side="right"))]]
    for pair, table in zip(made.pairs, made.spread.pairs, strict=True):
        first, second = values[pair.first], values[pair.second]
        if not (math.isnan(first) or math.isnan(second)):
            row = table[int(np.searchsorted(pair.first_edges, first, side="right"))]
            rows.append(row[int(np.searchsorted(pair.second_edges, second, side="right"))])
    expected = 0.001 * np.sum(rows, axis=0).std(ddof=1)
    assert made.standard_error(scored) == pytest.approx(float(expected))
