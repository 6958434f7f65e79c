"""What a clinician checks first: no curve of the bundled model goes against physiology, and artefacts stay out."""

from itertools import pairwise

import pytest

from model.analytes import Analyte
from model.artifact import load_bundled_model
from model.assessment import Prediction
from model.charting_artefacts import BELIEVABLE
from model.explanation import shown
from model.feature_directions import DIRECTIONS, FREE
from model.feature_list import FEATURE_BY_ID, FEATURES
from model.risk import Head
from model.unit_tables import PLAUSIBLE
from tests.builders.timelines import NOW, SEPTIC, Points, chart

MODEL = load_bundled_model()
HEADS = [head for head in (MODEL.onset_head, MODEL.progression_head) if head is not None]
STEADY: dict[Analyte, Points] = {Analyte.CREATININE: [(-30.0, 0.9), (-2.0, 0.9)]}


def test_every_feature_has_a_direction_or_a_reason_for_none() -> None:
    assert not DIRECTIONS.keys() & FREE.keys()
    assert DIRECTIONS.keys() | FREE.keys() == FEATURE_BY_ID.keys()
    assert all(direction.because for direction in DIRECTIONS.values())


@pytest.mark.parametrize("head", HEADS, ids=lambda head: head.id)
def test_no_shape_of_the_bundled_model_steps_against_its_direction(head: Head) -> None:
    held = [shape for shape in head.shapes if shape.feature.id in DIRECTIONS]
    assert len(held) > 35
    for shape in held:
        steps = [after - before for before, after in pairwise(shape.log_odds)]
        for edge, step in zip(shape.edges, steps, strict=True):
            assert DIRECTIONS[shape.feature.id].of_cut(edge) * step >= 0.0, (shape.feature.id, edge)


@pytest.mark.parametrize("head", HEADS, ids=lambda head: head.id)
def test_no_pair_can_undo_a_direction(head: Head) -> None:
    for pair in head.pairs:
        assert {head.shapes[pair.first].feature.id, head.shapes[pair.second].feature.id} <= FREE.keys()


def onset(series: dict[Analyte, Points]) -> Prediction:
    found = MODEL.onset(chart(STEADY | series), now=NOW)
    assert isinstance(found, Prediction)
    return found


def blood_pressure(level: float) -> float:
    found = onset({Analyte.MEAN_BP: [(float(h), level) for h in range(-30, 1)]})
    return next(c.log_odds for c in found.contributions if c.feature == "blood_pressure")


def test_a_lower_mean_pressure_never_lowers_the_risk() -> None:
    weights = [blood_pressure(level) for level in (30.0, 45.0, 55.0, 62.0)]
    assert min(weights) > 0.0
    assert weights == sorted(weights, reverse=True)


@pytest.mark.parametrize(
    ("analyte", "values"),
    [
        (Analyte.UREA_NITROGEN, (8.0, 15.0, 30.0, 60.0, 120.0)),
        (Analyte.LACTATE, (0.8, 1.6, 3.0, 6.0, 12.0)),
        (Analyte.POTASSIUM, (3.0, 4.0, 5.0, 6.0, 7.0)),
        (Analyte.BILIRUBIN_TOTAL, (0.4, 1.0, 3.0, 9.0)),
        (Analyte.HAEMOGLOBIN, (15.0, 11.0, 8.0, 6.0)),
        (Analyte.PLATELETS, (300.0, 150.0, 80.0, 30.0)),
        (Analyte.FIO2, (21.0, 40.0, 60.0, 100.0)),
    ],
)
def test_a_worse_result_never_lowers_the_share_of_its_own_feature(
    analyte: Analyte, values: tuple[float, ...]
) -> None:
    shape = next(s for s in MODEL.onset_head.shapes if s.feature.id == f"{analyte.value}_last")
    heights = [shape.at(value) for value in values]
    assert heights == sorted(heights)


@pytest.mark.parametrize("head", HEADS, ids=lambda head: head.id)
@pytest.mark.parametrize("view", ["mean_24h", "low_48h", "high_48h"])
def test_no_temperature_is_weighed_below_a_normal_one(head: Head, view: str) -> None:
    shape = next(s for s in head.shapes if s.feature.id == f"temperature_{view}")
    normal = shape.at(36.8)
    for celsius in (31.0, 34.0, 35.5, 36.4, 37.3, 38.0, 39.0, 41.0):
        assert shape.at(celsius) >= normal - 1e-9, celsius


def test_artefact_windows_lie_inside_what_the_border_accepts() -> None:
    for analyte, window in BELIEVABLE.items():
        border = PLAUSIBLE[analyte]
        assert border.low <= window.low < window.high <= border.high


@pytest.mark.parametrize(
    ("analyte", "artefact"),
    [
        (Analyte.MEAN_BP, 23.0),
        (Analyte.MEAN_BP, 210.0),
        (Analyte.SYSTOLIC_BP, 38.0),
        (Analyte.TEMPERATURE, 29.0),
        (Analyte.HEART_RATE, 15.0),
        (Analyte.HEART_RATE, 260.0),
    ],
)
def test_a_charting_artefact_changes_nothing(analyte: Analyte, artefact: float) -> None:
    series = {analyte: [(-3.0, 70.0 if analyte is not Analyte.TEMPERATURE else 37.0)]}
    with_artefact = {analyte: [*series[analyte], (-1.0, artefact)]}
    assert onset(dict(with_artefact)) == onset(dict(series))


def test_the_finding_shown_pulls_the_way_its_group_does() -> None:
    found = MODEL.onset(chart(SEPTIC), now=NOW)
    assert isinstance(found, Prediction)
    pressure = next(c for c in found.contributions if c.feature == "blood_pressure")
    falling = dict(SEPTIC) | {Analyte.MEAN_BP: [(float(h), 30.0 if h == -20 else 95.0) for h in range(-30, 1)]}
    mixed = MODEL.onset(chart(falling), now=NOW)
    assert isinstance(mixed, Prediction)
    for part in (pressure, *mixed.contributions):
        if part.value and "lowest" in part.label and part.feature == "blood_pressure" and float(part.value) < 60:
            assert part.log_odds > 0


def test_every_label_with_its_value_is_a_plain_sentence() -> None:
    for feature in FEATURES:
        assert not set(feature.label) & set("_{}%"), feature.id
        assert ": " not in feature.label
        for value in (0.0, 1.0):
            assert "{" not in shown(feature, value)


@pytest.mark.parametrize(
    ("feature", "value", "words"),
    [
        ("creatinine_relative_headroom", 35.6, "reached by a rise of 36 %"),
        ("creatinine_relative_headroom", -36.0, "already exceeded"),
        ("creatinine_headroom", 0.25, "reached by a rise of 0.25 mg/dL"),
        ("creatinine_headroom", -0.1, "exceeded by 0.10 mg/dL"),
        ("creatinine_ratio_low_7d", 1.42, "1.42 times"),
        ("creatinine_to_next_stage", 12.0, "reached by a rise of 12 %"),
        ("potassium_change_48h", 1.2, "+1.2"),
        ("potassium_change_48h", -0.04, "0.0"),
    ],
)
def test_values_are_written_as_one_says_them(feature: str, value: float, words: str) -> None:
    assert shown(FEATURE_BY_ID[feature], value) == words
