"""A site's switches: set and recorded together, read within seconds, never an excuse that looks like no risk."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from app.auditing.trail import AuditTrail
from app.factory import create_app
from app.services import AppServices, open_services
from app.watching.switches import LIVE, UNKNOWN, Switch, Switches, read_switches, set_switch
from model.assessment import Assessment, NotApplicable, Prediction
from model.withholding import WITHHELD_BY_SITE
from tests.builders.assessed import MODEL, NOW, creatinine, prediction, snapshot
from tests.builders.commands import Aki, aki_in
from tests.builders.registrations import ehr_table, local_ehrs, settings_for

STEADY = snapshot(creatinine(100, 0.9), creatinine(46, 0.92), creatinine(3, 0.9))
OFF = Switch("off", NOW, "assay changed", "cli:ops")


class Ticks:
    """Seconds that pass only when told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class AskedModel:
    """A high risk for everybody, and how often it was asked."""

    identity = MODEL

    def __init__(self) -> None:
        self.asked = 0

    def onset(self, chart: Any, *, now: Any) -> Prediction:
        self.asked += 1
        return prediction(0.6, "high")

    def progression(self, chart: Any, *, now: Any, current_stage: int) -> Prediction:
        return self.onset(chart, now=now)


@pytest.fixture
def services(tmp_path: Path) -> AppServices:
    ehrs = local_ehrs(ehr_table("http://127.0.0.1:9"))
    opened = open_services(settings_for(tmp_path), ehrs=ehrs, clock=lambda: NOW)
    model = AskedModel()
    return replace(opened, model=model, site_models={"local": model})


def _switched(services: AppServices, switch: Switch, part: Any = "prediction") -> AppServices:
    set_switch(services.engine, "local", part, switch)
    return replace(services, switches=Switches(services.engine))


def test_a_site_nobody_has_switched_is_live(database: Engine) -> None:
    assert Switches(database).switch("local") == LIVE


def test_a_switch_is_kept_with_its_time_reason_and_author_and_is_in_the_trail(database: Engine, clock) -> None:
    set_switch(database, "local", "prediction", OFF)
    set_switch(database, "local", "cards", replace(OFF, mode="shadow"))
    set_switch(database, "local", "prediction", replace(OFF, mode="shadow", reason="mended"))
    assert read_switches(database) == {
        ("local", "prediction"): replace(OFF, mode="shadow", reason="mended"),
        ("local", "cards"): replace(OFF, mode="shadow"),
    }
    events = list(AuditTrail(database, clock).events())
    assert [(e["action"], e["outcome"], e["who"], e["reference"]) for e in events] == [
        ("site-switched", "prediction off", "cli:ops", "assay changed"),
        ("site-switched", "cards shadow", "cli:ops", "assay changed"),
        ("site-switched", "prediction shadow", "cli:ops", "mended"),
    ]


def test_what_cannot_be_recorded_is_not_switched(database: Engine) -> None:
    with database.begin() as connection:
        connection.execute(text("DROP TABLE audit_event"))
    with pytest.raises(Exception, match="audit_event"):
        set_switch(database, "local", "prediction", OFF)
    assert read_switches(database) == {}


def test_a_change_by_another_process_is_seen_after_two_seconds_and_not_asked_for_before(database: Engine) -> None:
    ticks = Ticks()
    switches = Switches(database, ticks=ticks)
    assert switches.mode("local") == "live"
    set_switch(database, "local", "prediction", OFF)
    ticks.now = 1.9
    assert switches.mode("local") == "live"
    ticks.now = 2.0
    assert switches.mode("local") == "off"


def test_without_the_database_the_last_known_mode_holds(database: Engine) -> None:
    ticks = Ticks()
    set_switch(database, "local", "prediction", OFF)
    switches = Switches(database, ticks=ticks)
    assert switches.mode("local") == "off"
    with database.begin() as connection:
        connection.execute(text("DROP TABLE site_switch"))
    ticks.now = 100.0
    assert switches.switch("local") == OFF
    assert switches.mode("elsewhere") == "live"


def test_a_mode_that_was_never_known_is_off(database: Engine) -> None:
    with database.begin() as connection:
        connection.execute(text("DROP TABLE site_switch"))
    assert Switches(database).switch("local") == UNKNOWN
    assert UNKNOWN.mode == "off"


def test_a_mode_of_a_later_release_is_not_shown(database: Engine) -> None:
    set_switch(database, "local", "prediction", replace(OFF, mode="live"))
    with database.begin() as connection:
        connection.execute(text("UPDATE site_switch SET mode = 'canary'"))
    assert Switches(database).mode("local") == "off"


def test_live_shows_the_prediction(services: AppServices) -> None:
    outcome, _ = services.assess(STEADY, NOW, "local", "page")
    assert isinstance(outcome, Assessment)
    assert outcome.risk is not None


@pytest.mark.parametrize(("mode", "asked", "word"), [("off", 0, "switched off"), ("shadow", 1, "not shown")])
def test_off_and_shadow_keep_the_stage_and_say_why_there_is_no_number(
    services: AppServices, mode: Any, asked: int, word: str
) -> None:
    found = _switched(services, replace(OFF, mode=mode))
    outcome, _ = found.assess(STEADY, NOW, "local", "page")
    assert isinstance(outcome, Assessment)
    assert (outcome.risk, outcome.progression) == (None, None)
    assert outcome.kdigo is not None
    assert outcome.kdigo.stage == 0
    (reason,) = [one for one in outcome.reasons if one.code == WITHHELD_BY_SITE]
    assert word in reason.text
    assert "since 2026-11-21, 14:05: assay changed. Staging is not affected" in reason.text
    assert found.model.asked == asked  # type: ignore[union-attr]


def test_a_switch_that_could_not_be_read_withholds_the_prediction_and_says_so(services: AppServices) -> None:
    with services.engine.begin() as connection:
        connection.execute(text("DROP TABLE site_switch"))
    outcome, _ = services.assess(STEADY, NOW, "local", "page")
    assert isinstance(outcome, Assessment)
    assert outcome.risk is None
    assert "could not be read" in outcome.reasons[-1].text


def test_a_patient_whom_the_question_does_not_fit_is_told_of_the_switch_too(services: AppServices) -> None:
    newborn = replace(STEADY, birth_date=NOW.date())
    outcome, _ = _switched(services, OFF).assess(newborn, NOW, "local", "page")
    assert isinstance(outcome, NotApplicable)
    assert outcome.reasons[-1].code == WITHHELD_BY_SITE


def test_the_switches_are_in_readiness_and_metrics_without_their_reason(services: AppServices) -> None:
    client = create_app(services=_switched(services, OFF)).test_client()
    ready = client.get("/ready")
    assert (ready.status_code, ready.json["status"]) == (200, "ready")
    assert ready.json["switched"] == [
        {"site": "local", "part": "prediction", "mode": "off", "since": NOW.isoformat()}
    ]
    metrics = client.get("/metrics").text
    assert 'aki_site_switch{ehr="local",mode="off",part="prediction"} 1.0' in metrics
    assert 'aki_site_switch{ehr="local",mode="live",part="cards"} 1.0' in metrics
    assert "assay" not in metrics + ready.text


@pytest.fixture
def run(tmp_path: Path) -> Aki:
    call = aki_in(tmp_path, f"sqlite:///{tmp_path / 'aki.sqlite3'}", ehr_id="riverside")
    assert call("db", "upgrade").exit_code == 0
    return call


def test_the_operator_switches_lists_and_switches_back(run: Aki) -> None:
    done = run("site", "mode", "riverside", "off", "--reason", " observed twice\nthe expected. ")
    assert done.exit_code == 0, done.output
    assert "prediction off, was live" in done.stdout
    rows = json.loads(run("site", "list", "--json").stdout)
    assert [(row["part"], row["mode"], row.get("reason")) for row in rows] == [
        ("prediction", "off", "observed twice the expected"),
        ("cards", "live", None),
    ]
    assert rows[0]["who"].startswith("cli:")
    assert "was off" in run("site", "mode", "riverside", "live", "--reason", "recalibrated").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere", "off", "--reason", "x"), "registered are riverside"),
        (("riverside", "half", "--reason", "x"), "half"),
        (("riverside", "off"), "--reason"),
        (("riverside", "off", "--reason", " "), "--reason"),
        (("riverside", "off", "--reason", "x" * 201), "--reason"),
        (("riverside", "off", "--reason", "\x1b[2J"), "--reason"),
    ],
)
def test_a_switch_without_site_mode_or_reason_is_a_usage_error(run: Aki, arguments: Any, said: str) -> None:
    result = run("site", "mode", *arguments)
    assert result.exit_code == 2
    assert said in result.output
