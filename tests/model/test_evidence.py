"""The published table of external results says what was measured, and nothing else."""

import json

import pytest

from model.validation import evidence


def test_the_page_shows_the_results_that_are_kept() -> None:
    reports = json.loads(evidence.RESULTS.read_text(encoding="utf-8"))
    page = evidence.PAGE.read_text(encoding="utf-8")
    assert evidence.page_with(page, reports, evidence.read_study()) == page
    assert {(report["site"], report["landmarks"]) for report in reports} == {
        (site, moments) for site in ("PhysioNet 2012", "MIMIC-IV demo") for moments in ("creatinine", "6h")
    }
    assert len({report["model"]["sha256"] for report in reports}) == 1


def test_creatinine_alone_stands_beside_every_published_number() -> None:
    for report in json.loads(evidence.RESULTS.read_text(encoding="utf-8")):
        models = report["onset"]["models"]
        assert set(models) == {"bundled", "creatinine_only_frozen", "creatinine_only"}
        assert report["onset"]["largest_gaps"]
        assert all(gain["low"] < gain["value"] < gain["high"] for gain in report["onset"]["auroc_gain"].values())


def test_only_what_stands_between_the_marks_is_replaced() -> None:
    reports = json.loads(evidence.RESULTS.read_text(encoding="utf-8"))
    text = f"before\n{evidence.BEGIN}\nstale rows\n{evidence.END}\nafter\n"
    made = evidence.page_with(text, reports, evidence.read_study())
    assert made.startswith("before\n")
    assert made.endswith("after\n")
    assert "stale rows" not in made


@pytest.mark.parametrize("budget", ["two_false_per_true", "one_false_per_true"])
def test_a_budget_that_no_risk_keeps_is_said_so(budget: str) -> None:
    (report, *_) = json.loads(evidence.RESULTS.read_text(encoding="utf-8"))
    report["onset"]["alerts"]["bundled"][budget] = None
    assert "no risk keeps it" in evidence.table([report], evidence.read_study())
