"""From stored rows to words: verdicts, outcomes from a file, and the command."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select

from app.auditing.trail import AuditTrail
from app.storage.database import open_engine
from app.storage.encryption import SealedBox
from app.storage.tables import PredictionRow
from app.watching.drift import InputDrift
from app.watching.judging import JudgedMonth, judge
from app.watching.records import read_records
from app.watching.results import kept_results
from app.watching.statistics import CannotSay
from app.watching.verdicts import verdicts_on
from tests.builders.commands import Aki, aki_in
from tests.builders.registrations import MASTER_KEY

BOX = SealedBox([MASTER_KEY])
T = datetime(2026, 8, 3, 9, 0, tzinfo=UTC)
NOW = T + timedelta(days=60)


def row(number: int, **changes: Any) -> dict[str, Any]:
    """One stored prediction of a patient of its own."""
    usual: dict[str, Any] = {
        "id": f"{number:032d}",
        "ehr_id": "general",
        "patient_ref": BOX.pseudonyms(f"general|p{number}")[0],
        "predicted_at": T,
        "landmark_at": T,
        "head": "onset",
        "probability": 0.1,
        "low": None,
        "high": None,
        "category": "low",
        "model_sha256": "a" * 64,
        "recalibration": None,
        "mode": "live",
        "channel": "page",
        "refused_units": 0,
        "sealed": None,
        "outcome": "no-event",
        "settled_at": None,
        "event_at": None,
        "died_at": None,
        "dialysis_at": None,
    }
    return {**usual, **changes}


def stored(engine: Engine, rows: list[dict[str, Any]]) -> None:
    with engine.begin() as connection:
        connection.execute(insert(PredictionRow), rows)


def month_of(engine: Engine) -> JudgedMonth:
    (found,) = judge(read_records(engine, BOX), lambda _: (), now=NOW)
    return found


def codes(month: JudgedMonth) -> list[tuple[str, str]]:
    return [(one.level, one.code) for one in verdicts_on(month)]


def some(count: int, events: int, **changes: Any) -> list[dict[str, Any]]:
    """Predictions of about 0.1 that rank well: of 300 with 30 events, 30.0 were expected."""
    found = []
    for n in range(count):
        known = {"outcome": "event", "event_at": T + timedelta(hours=20)} if n < events else {}
        told = (0.1 if n < events else 0.0556) + 0.02 * (n % 5)
        found.append(row(n, **{"probability": told, **known, **changes}))
    return found


def test_a_month_as_expected_deserves_no_line(database: Engine) -> None:
    stored(database, some(300, 30))
    assert codes(month_of(database)) == []


@pytest.mark.parametrize(
    ("events", "code", "words"),
    [(75, "more-than-expected", "observed 2.3 times expected"), (4, "fewer-than-expected", "too high")],
)
def test_more_or_fewer_events_than_expected_are_an_alarm(
    database: Engine, events: int, code: str, words: str
) -> None:
    stored(database, some(300, events))
    (line,) = verdicts_on(month_of(database))
    assert (line.level, line.code, line.month) == ("alarm", code, "2026-08")
    assert words in line.text
    assert line.command.startswith("aki site mode general shadow --reason")


def test_flags_that_are_mostly_false_are_an_alarm_and_lead_time_is_the_hours_to_the_event(
    database: Engine,
) -> None:
    stored(database, some(300, 20, category="high"))
    month = month_of(database)
    assert ("alarm", "flags-too-many") in codes(month)
    assert month.lead_time_hours == 20.0


def test_risks_that_rank_at_random_are_an_alarm(database: Engine) -> None:
    rows = [
        row(n, probability=0.1 + 0.001 * (n % 7), outcome="event" if n % 10 == 0 else "no-event")
        for n in range(700)
    ]
    stored(database, rows)
    assert ("alarm", "hardly-ranks") in codes(month_of(database))


def test_a_month_nobody_came_back_to_cannot_be_judged_and_says_so(database: Engine) -> None:
    stored(database, [row(n, outcome="pending") for n in range(300)])
    month = month_of(database)
    assert month.outcomes == {"unknown": 300}
    assert all(isinstance(found, CannotSay) for found in month.statistics.values())
    assert codes(month) == [("notice", "few-outcomes")]


def test_inputs_that_have_moved_are_named(database: Engine) -> None:
    stored(database, some(300, 30))
    moved = InputDrift("egfr", "eGFR", 0.1, 0.9, 0.0, 0.0, 0.0, has_moved=True)
    still = InputDrift("age", "Age", 0.1, 0.0, 0.0, 0.0, 0.0)
    month = replace(month_of(database), drift=(moved, still), start_months=("2026-05", "2026-06"))
    (line,) = verdicts_on(month)
    assert "1 inputs lie elsewhere than in 2026-05 to 2026-06: eGFR" in line.text


def test_results_refused_for_their_unit_are_an_alarm_when_they_were_not_before(database: Engine) -> None:
    stored(database, some(300, 30, refused_units=3))
    month = replace(month_of(database), refused_unit_share_at_start=0.01, start_months=("2026-05",))
    assert codes(month) == [("alarm", "units-refused")]
    assert codes(replace(month, refused_unit_share_at_start=0.95)) == []


def test_inputs_far_from_training_from_the_start_are_told_and_no_alarm(database: Engine) -> None:
    stored(database, some(300, 30))
    far = InputDrift("egfr", "eGFR", 2.0, None, 0.0, 0.0, None)
    assert codes(replace(month_of(database), drift=(far,))) == [("notice", "unlike-training")]


def test_heads_models_and_recalibrations_are_judged_apart(database: Engine) -> None:
    stored(
        database,
        [
            row(1),
            row(2, head="progression"),
            row(3, model_sha256="b" * 64),
            row(4, recalibration="c" * 64),
            row(5, ehr_id="elsewhere"),
        ],
    )
    assert len(judge(read_records(database, BOX), lambda _: (), now=NOW)) == 5
    assert len(read_records(database, BOX, site="elsewhere")) == 1


@pytest.fixture
def run(tmp_path: Path) -> Aki:
    call = aki_in(tmp_path, f"sqlite:///{tmp_path / 'aki.sqlite3'}", ehr_id="general")
    assert call("db", "upgrade").exit_code == 0
    return call


@pytest.fixture
def installed(tmp_path: Path, run: Aki) -> Engine:
    return open_engine(f"sqlite:///{tmp_path / 'aki.sqlite3'}")


RESULTS = """patient_id,kind,time,value,unit,available_at
p1,creatinine,2026-08-02T09:00:00+00:00,0.9,mg/dL,
p1,creatinine,2026-08-04T09:00:00+00:00,124,umol/L,2026-08-04T10:00:00+00:00
p2,,2026-08-03T10:00:00+02:00,0.9,mg/dL,
p2,creatinine,2026-08-04T09:00:00Z,0.9,mg/dL,
p2,death,2026-08-20T11:00:00+02:00,,,
p3,dialysis,2026-08-09T11:00:00+02:00,,,
p3,death,2026-10-09T11:00:00+02:00,,,
stranger,creatinine,2026-08-04T09:00:00Z,0.9,mg/dL,
"""


def outcomes_of(engine: Engine) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        asked = select(
            PredictionRow.outcome, PredictionRow.event_at, PredictionRow.died_at, PredictionRow.dialysis_at
        ).order_by(PredictionRow.id)
        return [tuple(each) for each in connection.execute(asked)]


def test_a_file_of_results_settles_predictions_and_feeds_deaths_and_dialysis(
    tmp_path: Path, run: Aki, installed: Engine
) -> None:
    stored(installed, [row(1, outcome="pending"), row(2, outcome="unknown"), row(3, outcome="pending")])
    (tmp_path / "results.csv").write_text(RESULTS, encoding="utf-8")
    done = run("monitor", "outcomes", "--site", "general", "--json", str(tmp_path / "results.csv"))
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {"patients": 4, "labels": 2, "died": 1, "dialysed": 1, "left_out": []}
    first, second, third = outcomes_of(installed)
    assert first == ("event", T + timedelta(days=1), None, None)
    assert second == ("no-event", None, datetime(2026, 8, 20, 9, tzinfo=UTC), None)
    assert third == ("pending", None, None, datetime(2026, 8, 9, 9, tzinfo=UTC))
    *_, event = AuditTrail(installed, lambda: NOW).events()
    assert (event["action"], event["outcome"]) == ("outcomes-joined", "labels=2,died=1,dialysed=1")


def test_the_daily_jobs_keep_what_was_found_for_the_metrics(run: Aki, installed: Engine) -> None:
    late = {"predicted_at": datetime.now(UTC) - timedelta(days=5)}
    stored(installed, some(300, 75, **late))
    stored(installed, [row(900, head="progression", **late)])
    assert run("jobs", "run").exit_code == 0
    found = {each.head: each for each in kept_results(installed)}
    assert found["onset"].observed_over_expected == pytest.approx(2.343, abs=0.01)
    assert (found["onset"].known, found["onset"].alarms, found["onset"].ppv) == (300, 1, None)
    assert (found["progression"].observed_over_expected, found["progression"].alarms) == (None, 0)


def test_a_settled_outcome_is_not_changed_by_a_file(tmp_path: Path, run: Aki, installed: Engine) -> None:
    stored(installed, [row(1, outcome="no-event")])
    (tmp_path / "results.csv").write_text(RESULTS, encoding="utf-8")
    run("monitor", "outcomes", "--site", "general", str(tmp_path / "results.csv"))
    assert outcomes_of(installed)[0][0] == "no-event"


def test_lines_that_are_not_understood_are_named_without_their_values(tmp_path: Path, run: Aki) -> None:
    lines = [
        {"patient_id": "p1", "time": "2026-08-04T09:00:00", "value": 0.9, "unit": "mg/dL"},
        {"patient_id": "p1", "time": "canary", "value": 0.9, "unit": "mg/dL"},
        {"patient_id": "p1", "time": "2026-08-04T09:00:00Z", "value": "canary", "unit": "mg/dL"},
        {"patient_id": "p1", "time": "2026-08-04T09:00:00Z", "value": 0.9, "unit": "canary"},
        {"patient_id": "p1", "time": "2026-08-04T09:00:00Z", "value": 90, "unit": "mg/dL"},
        {"patient_id": "p1", "time": "2026-08-04T09:00:00Z", "kind": "canary"},
        {"time": "2026-08-04T09:00:00Z"},
    ]
    text = "\n".join([*(json.dumps(line) for line in lines), "canary", "[]"])
    (tmp_path / "results.ndjson").write_text(text, encoding="utf-8")
    done = run("monitor", "outcomes", "--site", "general", str(tmp_path / "results.ndjson"))
    assert done.exit_code == 1
    for line in range(1, 10):
        assert f"Left out line {line}:" in done.output
    assert "canary" not in done.output.replace("results.ndjson", "")


def test_the_command_prints_verdicts_and_ends_with_1_when_a_threshold_is_crossed(
    tmp_path: Path, run: Aki, installed: Engine
) -> None:
    assert run("monitor").exit_code == 0
    stored(installed, some(300, 75))
    page = tmp_path / "monitor.html"
    told = run("monitor", "--site", "general", "--since", "2026-08", "--html", str(page))
    assert told.exit_code == 1
    assert "alarm: general, 2026-08, onset: observed 2.3 times expected" in told.stdout
    assert "aki site mode general shadow" in page.read_text(encoding="utf-8")
    found = json.loads(run("monitor", "--json").stdout)
    assert found["months"][0]["observed_over_expected"]["value"] == pytest.approx(2.343)
    assert "another model" in found["months"][0]["drift"]["cannot_say"]
    assert run("monitor", "--since", "2026-09").exit_code == 0
    assert run("monitor", "outcomes", "--site", "nowhere", str(page)).exit_code == 2
