"""A simulated hospital whose laboratory changes a unit: the month is named. One where nothing changes: silence."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from app.storage.database import open_engine, upgrade
from app.storage.encryption import SealedBox
from app.watching.report import MonitorReport, make_report, report_html, report_json
from model.analytes import Analyte
from model.snapshot import Measurement
from tests.builders.registrations import MASTER_KEY
from tests.builders.watched_hospital import MONTHS, SITE, Laboratory, load_model, run_hospital

BOX = SealedBox([MASTER_KEY])
NOW = datetime(2026, 11, 1, tzinfo=UTC)


def urea_called_urea_nitrogen(one: Measurement) -> Measurement:
    """Urea's mass under urea nitrogen's name: 2.14 times as much."""
    return replace(one, value=one.value * 2.14) if one.analyte is Analyte.UREA_NITROGEN else one


def hospital(folder: Path, laboratory_since: Mapping[str, Laboratory]) -> Engine:
    engine = open_engine(f"sqlite:///{folder / 'aki.sqlite3'}")
    upgrade(engine)
    run_hospital(engine, BOX, per_month=110, laboratory_since=laboratory_since)
    return engine


@pytest.fixture(scope="module")
def drifted(tmp_path_factory: pytest.TempPathFactory) -> MonitorReport:
    changes = {"2026-07": urea_called_urea_nitrogen}
    engine = hospital(tmp_path_factory.mktemp("drifted"), changes)
    return make_report(engine, BOX, load_model().identity.sha256, now=NOW)


def test_a_hospital_whose_laboratory_changes_a_unit_is_detected_with_its_month_and_inputs(
    drifted: MonitorReport,
) -> None:
    first = drifted.alarms[0]
    assert (first.site, first.month, first.code) == (SITE, "2026-07", "inputs-moved")
    assert re.search(r"inputs lie elsewhere than in 2026-05: .*Urea nitrogen", first.text)
    assert first.command == 'aki site mode general shadow --reason "2026-07: under review"'
    assert {one.month for one in drifted.alarms} == {"2026-07", "2026-08"}


def test_a_hospital_where_nothing_changes_raises_no_alarm(tmp_path: Path) -> None:
    engine = hospital(tmp_path, {})
    report = make_report(engine, BOX, load_model().identity.sha256, now=NOW)
    assert [one.key.month for one in report.months] == list(MONTHS)
    assert report.alarms == ()


def test_the_months_of_a_report_may_be_cut_without_losing_what_they_are_compared_with(
    drifted: MonitorReport,
) -> None:
    months = {one.key.month: one for one in drifted.months}
    assert months["2026-05"].start_months == ()
    assert months["2026-08"].start_months == ("2026-05",)
    assert months["2026-08"].known == 110


def test_the_report_is_json_and_one_page_and_names_no_patient(drifted: MonitorReport) -> None:
    told, page = json.dumps(report_json(drifted)), report_html(drifted)
    for text in (told, page):
        assert "2026-07" in text
        assert "Urea nitrogen" in text
        assert "2026-07/" not in text  # the patients' ids in this simulation
    assert "<script" not in page
    assert "http" not in page
