"""`aki model validate`: the bundled artifact on made-up patients, its figures, its page and its refusals."""

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from model.artifact import load_bundled_model
from model.feature_list import FEATURES
from model.features import Series, Timeline
from model.risk import Head
from model.snapshot import Sex
from model.training.cohort import CohortStay, CohortUnreadable
from model.training.distribution import distribution_of
from model.training.labels import onset_landmarks
from model.training.landmark_table import LandmarkTable, build_table
from model.validation.alerts import alert_burden, threshold_for
from model.validation.charts import Axis, Line, chart
from model.validation.drift import stability_index
from model.validation.hourly_table import read_hourly_table
from model.validation.html_report import report, table
from model.validation.local import TooFewEvents, decision_curve, head_log_odds, validate
from model.validation.study import rounded

MODEL = load_bundled_model()
CREATININE = next(f.analyte for f in FEATURES if f.id == "creatinine_last")
UREA = next(f.analyte for f in FEATURES if f.id == "urea_nitrogen_last")


def stay(number: int, random: np.random.Generator) -> CohortStay:
    first = round(float(random.uniform(0.6, 1.4)), 1)
    urea = round(float(random.uniform(8, 70)), 0)
    last = first + (0.4 if random.random() < urea / 140 else 0.0)
    course = Series([0.0, 20.0, 40.0], [first, first, last])
    timeline = Timeline(
        40.0 + number % 50,
        Sex.FEMALE if number % 2 else Sex.MALE,
        {CREATININE: course, UREA: Series([0.0, 20.0], [urea, urea])},
    )
    return CohortStay(f"p{number}", "A" if number % 3 else "B", timeline)


@pytest.fixture(scope="module")
def stays() -> list[CohortStay]:
    random = np.random.default_rng(11)
    return [stay(number, random) for number in range(300)]


@pytest.fixture(scope="module")
def landmarks(stays: list[CohortStay]) -> LandmarkTable:
    return build_table(stays, onset_landmarks)


@pytest.fixture(scope="module")
def found(stays: list[CohortStay], landmarks: LandmarkTable) -> dict[str, Any]:
    own = distribution_of(landmarks.values)
    heads = [head for head in (MODEL.onset_head, MODEL.progression_head) if head is not None]
    measured = validate(stays, MODEL, {head.id: own for head in heads}, site="<Hôpital>", resamples=20)
    return rounded(measured | {"data": "made up", "command": "aki model validate", "notes": ["<beware>"]})  # type: ignore[no-any-return]


@pytest.mark.parametrize("head", [MODEL.onset_head, MODEL.progression_head], ids=["onset", "progression"])
def test_the_batch_scores_as_the_page_does(head: Head, stays: list[CohortStay], landmarks: LandmarkTable) -> None:
    batch = head_log_odds(head, landmarks.values)
    timelines = {f"{s.hospital}/{s.patient_id}": s.timeline for s in stays}
    for i in range(0, len(landmarks), 7):
        one = head.scored(timelines[str(landmarks.patient[i])], float(landmarks.hour[i]))
        assert batch[i] == pytest.approx(head.log_odds(one), abs=1e-9)


def test_every_figure_is_there_with_its_interval(found: dict[str, Any]) -> None:
    onset = found["onset"]
    for name in ("bundled", "creatinine_only"):
        for measure in ("auroc", "auprc", "brier", "calibration_slope", "calibration_intercept"):
            estimate = onset["models"][name][measure]
            assert estimate["low"] <= estimate["value"] <= estimate["high"]
    assert onset["models"]["bundled"]["auroc"]["value"] > 0.5
    assert {"sex", "age", "kidney function", "hospital", "unit"} == set(onset["subgroups"])


def test_against_its_own_patients_nothing_has_drifted(found: dict[str, Any]) -> None:
    assert all(row["psi"] is None or row["psi"] < 0.01 for row in found["onset"]["drift"])


def test_a_shifted_feature_is_seen_as_drift() -> None:
    values = np.random.default_rng(12).normal(0.0, 1.0, (4000, len(FEATURES)))
    training = distribution_of(values)[FEATURES[0].id]
    assert stability_index(values[:, 0], training) < 0.001
    assert stability_index(values[:, 0] + 1.0, training) > 0.25


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]


def test_the_page_is_one_file_without_script_or_link_and_escapes_what_it_is_told(found: dict[str, Any]) -> None:
    text = report(found)
    page = Page()
    page.feed(text)
    assert page.links == []
    assert not {"script", "link", "iframe", "img"} & set(page.tags)
    assert page.tags.count("svg") >= 2
    assert "&lt;Hôpital&gt;" in text
    assert "<beware>" not in text
    assert "url(" not in text


def test_cells_and_chart_names_are_escaped() -> None:
    assert "<b>" not in table(["<b>"], [["<b>"]])
    axis = Axis("<b>", 0.0, 1.0, str)
    assert "<b>" not in chart("<b>", axis, axis, [Line("<b>", [(0.1, 0.2), (0.3, 5.0)])])


def test_few_events_are_refused_and_not_measured_badly() -> None:
    random = np.random.default_rng(13)
    with pytest.raises(TooFewEvents, match="needed"):
        validate([stay(n, random) for n in range(5)], MODEL, {}, site="s", resamples=10)
    with pytest.raises(TooFewEvents):
        validate([], MODEL, {}, site="s", resamples=10)


def test_flagging_all_and_a_perfect_risk_have_the_net_benefit_they_must() -> None:
    outcome = np.array([1.0, 0.0, 0.0, 0.0])
    points = {p["threshold"]: p for p in decision_curve(outcome * 0.9, outcome * 0.0, outcome)}
    assert points[0.2]["bundled"] == pytest.approx(0.25)
    assert points[0.2]["creatinine_only"] == 0.0
    assert points[0.2]["flag_all"] == pytest.approx(0.25 - 0.75 * 0.25)


def test_the_threshold_keeps_its_budget_or_there_is_none() -> None:
    risk, outcome = np.array([0.9, 0.8, 0.7, 0.6, 0.5]), np.array([1.0, 0.0, 1.0, 0.0, 0.0])
    assert threshold_for(risk, outcome, 2.0, 0.0) == 0.5  # 2 hits of 5: 1.5 false per true
    assert threshold_for(risk, outcome, 1.0, 0.0) == 0.6
    assert threshold_for(risk, outcome * 0.0, 2.0, 0.0) is None


def test_several_flags_on_one_day_are_one_alert(landmarks: LandmarkTable) -> None:
    risk = np.ones(len(landmarks))
    known = ~np.isnan(landmarks.outcome)
    burden = alert_burden(0.5, risk[known], risk, landmarks.rows(known), landmarks)
    assert burden["alerts_per_100_patient_days"] == 100.0
    assert burden["sensitivity"] == 1.0
    assert burden["episodes_caught"] == 1.0


ROWS = {
    "patient_id": ["b", "a", "a"],
    "hour": [0.0, 12.0, 0.0],
    "age": [50.0, 61.0, 61.0],
    "sex": ["male", "female", "female"],
    "creatinine": [1.0, 1.3, 0.9],
    "mean_bp": [70.0, 23.0, 66.0],
    "unit_type": ["medical", None, None],
}


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_an_hourly_table_becomes_stays_in_order_without_artefacts(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"own{suffix}"
    (pa_csv.write_csv if suffix == ".csv" else pq.write_table)(pa.table(ROWS), path)
    first, second = read_hourly_table(path, "Ours")
    assert (first.patient_id, first.hospital, first.timeline.sex) == ("a", "Ours", Sex.FEMALE)
    assert first.timeline.series[CREATININE].values == [0.9, 1.3]
    pressures = next(s for a, s in first.timeline.series.items() if a.value == "mean_bp")
    assert pressures.values == [66.0]
    assert second.unit_type == "medical"


def test_a_table_without_a_needed_column_is_refused_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    pa_csv.write_csv(pa.table({k: v for k, v in ROWS.items() if k != "creatinine"}), path)
    with pytest.raises(CohortUnreadable, match="creatinine"):
        list(read_hourly_table(path, "Ours"))
    path.write_bytes(b"patient_id,hour,age,sex,creatinine\na,x,1,male,1\n")
    with pytest.raises(CohortUnreadable, match="hour"):
        list(read_hourly_table(path, "Ours"))
