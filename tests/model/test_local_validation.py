"""`aki model validate`: the bundled artifact on made-up patients, its figures, its page and its refusals."""

from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from model.artifact import load_bundled_model
from model.feature_list import FEATURES
from model.features import Series, Timeline
from model.risk import Head
from model.snapshot import Sex
from model.training.additive import Floats
from model.training.cohort import CohortStay, Source
from model.training.distribution import distribution_of
from model.training.labels import onset_landmarks
from model.training.landmark_table import LandmarkTable, build_table
from model.validation import creatinine_rival
from model.validation.alerts import alert_burden, threshold_for, unforeseeable
from model.validation.charts import Axis, Line, chart
from model.validation.comparators import creatinine_only
from model.validation.drift import stability_index
from model.validation.flow import flow_of
from model.validation.html_report import report
from model.validation.html_tables import table
from model.validation.local import MOMENTS, Reference, TooFewEvents, decision_curve, head_log_odds, validate
from model.validation.missing import analytes_read, groups
from model.validation.study import Elsewhere, rounded

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
    reference = Reference({head.id: own for head in heads}, creatinine_rival.read_frozen())
    measured = validate(stays, MODEL, reference, site="<Hôpital>", resamples=20)
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
    for name in ("bundled", "creatinine_only", "creatinine_only_frozen"):
        for measure in ("auroc", "auprc", "brier", "calibration_slope", "calibration_intercept"):
            estimate = onset["models"][name][measure]
            assert estimate["low"] <= estimate["value"] <= estimate["high"]
    assert onset["models"]["bundled"]["auroc"]["value"] > 0.5
    divisions = {"sex", "age", "kidney function", "hospital", "unit", "time in the stay"}
    assert divisions == set(onset["subgroups"])
    assert set(onset["auroc_gain"]) == {"creatinine_only", "creatinine_only_frozen"}
    for rules in onset["alerts"].values():
        assert {"two_false_per_true", "one_false_per_true"} <= set(rules)


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


NOTHING = Reference({}, {})


def test_few_events_are_refused_and_not_measured_badly() -> None:
    random = np.random.default_rng(13)
    with pytest.raises(TooFewEvents, match="needed"):
        validate([stay(n, random) for n in range(5)], MODEL, NOTHING, site="s", resamples=10)
    with pytest.raises(TooFewEvents):
        validate([], MODEL, NOTHING, site="s", resamples=10)


def test_flagging_all_and_a_perfect_risk_have_the_net_benefit_they_must() -> None:
    outcome = np.array([1.0, 0.0, 0.0, 0.0])
    risks = {"perfect": outcome * 0.9, "silent": outcome * 0.0}
    points = {p["threshold"]: p for p in decision_curve(risks, outcome)}
    assert points[0.2]["perfect"] == pytest.approx(0.25)
    assert points[0.2]["silent"] == 0.0
    assert points[0.2]["flag_all"] == pytest.approx(0.25 - 0.75 * 0.25)


def test_the_threshold_keeps_its_budget_or_there_is_none() -> None:
    risk, outcome = np.array([0.9, 0.8, 0.7, 0.6, 0.5]), np.array([1.0, 0.0, 1.0, 0.0, 0.0])
    assert threshold_for(risk, outcome, 2.0, 0.0) == 0.5  # 2 hits of 5: 1.5 false per true
    assert threshold_for(risk, outcome, 1.0, 0.0) == 0.6
    assert threshold_for(risk, outcome * 0.0, 2.0, 0.0) is None


def test_several_flags_on_one_day_are_one_alert(landmarks: LandmarkTable) -> None:
    burden = alert_burden(0.5, np.ones(len(landmarks)), landmarks, resamples=10)
    assert burden["alerts_per_100_patient_days"] == {"value": 100.0, "low": 100.0, "high": 100.0}
    assert burden["sensitivity"]["value"] == 1.0
    assert burden["episodes_caught"]["value"] == 1.0
    assert burden["ppv"]["low"] < burden["ppv"]["value"] < burden["ppv"]["high"]
    silent = alert_burden(0.5, np.zeros(len(landmarks)), landmarks, resamples=10)
    assert silent["ppv"]["value"] is None
    assert silent["episodes_caught"]["value"] == 0.0
    assert silent["lead_hours"]["median"] is None


def rising(patient: str, *creatinine: tuple[float, float], **more: Any) -> CohortStay:
    course = Series([hour for hour, _ in creatinine], [value for _, value in creatinine])
    return CohortStay(patient, "A", Timeline(60.0, Sex.MALE, {CREATININE: course}), **more)


def test_an_episode_belongs_to_a_stay_its_lead_counts_from_the_first_flag_and_an_unseen_one_is_counted() -> None:
    early = rising("a", (0.0, 1.0), (20.0, 1.1), (40.0, 1.5), ends=50.0)
    again = rising("a", (500.0, 1.0), (530.0, 1.6))
    unseen = rising("b", (0.0, 1.0), (60.0, 1.6))
    table = build_table([early, again, unseen], onset_landmarks)
    risk = np.where(table.hour == 20.0, 0.9, 0.1)
    burden = alert_burden(0.5, risk, table, resamples=10)
    assert burden["episodes"] == 2
    assert burden["episodes_caught"]["value"] == 0.5
    assert burden["lead_hours"] == {"median": 20.0, "q1": 20.0, "q3": 20.0}
    assert unforeseeable(table) == 1


def test_every_stay_is_accounted_for_once() -> None:
    child = CohortStay("c", "A", Timeline(14.0, Sex.MALE, {CREATININE: Series([0.0], [1.0])}))
    bare = CohortStay("d", "A", Timeline(60.0, Sex.MALE, {}))
    found = flow_of(
        [
            child,
            bare,
            rising("e", (0.0, 5.0)),
            rising("f", (0.0, 1.0)),
            rising("g", (0.0, 1.0), (9.0, 1.0)),
            rising("h", (-20.0, 1.0), (1.0, 1.6), begins=0.0),
        ]
    )
    assert list(found.values()) == [1, 1, 1, 1, 1, 1]


def test_a_missing_input_takes_every_feature_that_reads_it_away() -> None:
    read = {feature.id: analytes_read(feature) for feature in FEATURES}
    assert {a.value for a in read["shock_index_6h"]} == {"heart_rate", "systolic_bp"}
    assert {a.value for a in read["urea_to_creatinine"]} == {"urea_nitrogen", "creatinine"}
    assert read["age"] == frozenset()
    assert all(CREATININE not in inputs and inputs for inputs in groups().values())


def test_only_an_input_that_is_measured_can_be_lost(found: dict[str, Any]) -> None:
    rows = {row["group"]: row for row in found["onset"]["without"]}
    assert rows["Urea nitrogen"]["known_share"] == 1.0
    assert rows["Urea nitrogen"]["auroc_change"]["value"] != 0.0
    assert rows["Lactate"]["known_share"] == 0.0
    assert rows["Lactate"]["auroc_change"] == {"value": 0.0, "low": 0.0, "high": 0.0}


def test_the_largest_gaps_are_said_in_words_on_the_page(found: dict[str, Any]) -> None:
    discrimination, calibration = found["onset"]["largest_gaps"]
    assert discrimination.startswith("Largest gap in discrimination, by ")
    assert "times as often as predicted" in calibration
    assert "Largest gap in calibration" in report(found)


def test_both_views_are_measured_and_the_grid_asks_more_often(stays: list[CohortStay]) -> None:
    counts = {name: len(build_table(stays, onset_landmarks, moments=moments)) for name, moments in MOMENTS.items()}
    assert counts["6h"] > counts["creatinine"]


def test_the_frozen_regression_scores_as_when_it_was_fitted(landmarks: LandmarkTable) -> None:
    rival = creatinine_rival.frozen({"onset": landmarks}, [Source("made-up", "0" * 64, 300)])
    fit = creatinine_only(landmarks.evaluable())
    scored = creatinine_rival.log_odds(rival, "onset", landmarks.values)
    assert scored == pytest.approx(fit(landmarks.values), abs=1e-6)
    assert set(creatinine_rival.read_frozen()["heads"]) == {"onset", "progression"}


def test_patients_elsewhere_are_scored_by_fits_of_one_hospital_alone_and_of_both(landmarks: LandmarkTable) -> None:
    elsewhere = Elsewhere("2012", {"onset": landmarks})
    found = {s.name: s for s in elsewhere.scenarios("onset", landmarks)}
    assert {name: set(s.training.hospital.tolist()) for name, s in found.items()} == {
        "A_to_2012": {"A"},
        "B_to_2012": {"B"},
        "both_to_2012": {"A", "B"},
    }
    seen: list[set[str]] = []

    def fit(table: LandmarkTable) -> Callable[[Floats], Floats]:
        seen.append(set(table.hospital.tolist()))
        return creatinine_only(table)

    assert len(found["B_to_2012"].score(fit).test) == len(landmarks)
    assert seen
    assert all(hospitals == {"B"} for hospitals in seen)
