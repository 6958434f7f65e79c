"""Reviewing the trail: the report's counts, exports, and what a start writes down."""

import json
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner
from fhirclient.models.auditevent import AuditEvent as FhirAuditEvent

from app.auditing.review import report_on
from app.auditing.setting_changes import note_configuration
from app.auditing.trail import AuditEvent, AuditFailed, AuditTrail
from app.cli import main
from app.services import AppServices, open_services
from tests.builders.registrations import ehr_table, local_ehrs, settings_for


def _look(who: str, patient: str, at: str) -> dict[str, str]:
    return {
        "action": "chart-viewed",
        "outcome": "Assessment",
        "ehr_id": "r",
        "who": who,
        "patient_id": patient,
        "at": at,
    }


def test_the_report_counts_looks_patients_and_hours_by_the_hospitals_clock() -> None:
    events = [
        _look("Practitioner/1", "a", "2026-03-02T12:00:00+00:00"),
        _look("Practitioner/1", "a", "2026-03-02T18:59:00+00:00"),  # 19:59 in Zurich
        _look("Practitioner/1", "b", "2026-03-02T19:00:00+00:00"),  # 20:00
        _look("Practitioner/1", "b", "2026-03-02T05:00:00+00:00"),  # 06:00
        _look("Practitioner/2", "a", "2026-03-07T12:00:00+00:00"),  # a Saturday
        {
            "action": "launch-refused",
            "outcome": "identity-rejected",
            "ehr_id": "r",
            "at": "2026-03-02T12:00:00+00:00",
        },
        {"action": "card-suppressed", "outcome": "no-aki", "ehr_id": "r", "at": "2026-03-02T12:00:00+00:00"},
        {"action": "key-changed", "outcome": "rotated", "who": "cli:ada", "at": "2026-03-02T12:00:00+00:00"},
        {"action": "jobs-run", "outcome": "sessions=0", "who": "cli:aki", "at": "2026-03-02T12:00:00+00:00"},
    ]
    found = report_on(events, lambda _: ZoneInfo("Europe/Zurich"))
    first, second = found.viewers
    assert (first.who, first.views, first.patients, first.off_hours) == ("Practitioner/1", 4, 2, 1)
    assert (second.who, second.off_hours) == ("Practitioner/2", 1)
    assert (found.events, found.off_hours_views) == (9, 2)
    assert found.refused_launches == {"identity-rejected": 1}
    assert found.silences == {"no-aki": 1}
    assert [event["action"] for event in found.administrative] == ["key-changed"]


@pytest.fixture
def aki(tmp_path: Path, clock):
    registry = tmp_path / "ehrs.toml"
    registry.write_text('[[ehr]]\nid = "r"\nname = "R"\niss = "https://ehr.example.org/fhir"\nclient_id = "aki"\n')
    environment = {"AKI_DEVELOPMENT": "true", "AKI_EHRS_FILE": str(registry), "AKI_STATE_DIR": str(tmp_path)}

    def run(*arguments: str):
        return CliRunner().invoke(main, arguments, env=environment)

    assert run("db", "upgrade").exit_code == 0
    held = open_services(settings_for(tmp_path), ehrs=local_ehrs(ehr_table("http://127.0.0.1:9")), clock=clock)
    trail = AuditTrail(held.engine, clock)
    trail.record(AuditEvent("chart-viewed", "Assessment", "r", who="Practitioner/7", patient_id="p1"))
    held.engine.dispose()
    return run


def test_every_exported_line_is_a_valid_fhir_audit_event_and_the_export_is_written_down_first(aki) -> None:
    result = aki("audit", "export", "--format", "fhir")
    events = [json.loads(line) for line in result.stdout.splitlines()]
    for event in events:
        FhirAuditEvent(event)
    assert [event["type"]["code"] for event in events] == ["110100", "rest", "110106"]


def test_an_export_of_a_period_holds_that_period_only(aki, clock) -> None:
    day = clock().date().isoformat()
    result = aki("audit", "export", "--since", day, "--until", f"{day}T23:59:59")
    assert [json.loads(line)["action"] for line in result.stdout.splitlines()] == ["chart-viewed"]


def test_the_report_is_printed_for_people_and_for_programs(aki) -> None:
    assert "Practitioner/7" in aki("audit", "report").stdout
    found = json.loads(aki("audit", "report", "--json").stdout)
    assert found["viewers"][0]["patients"] == 1


@pytest.fixture
def services(tmp_path: Path, clock) -> AppServices:
    (tmp_path / "ehrs.toml").write_text("[[ehr]]\n")
    settings = settings_for(tmp_path, ehrs_file=tmp_path / "ehrs.toml")
    return open_services(settings, ehrs=local_ehrs(ehr_table("http://127.0.0.1:9")), clock=clock)


def test_a_start_writes_down_what_changed_since_the_last_and_nothing_when_nothing_did(
    services: AppServices, tmp_path: Path
) -> None:
    assert note_configuration(services) == ("model", "registry", "settings", "version")
    assert note_configuration(services) == ()
    (tmp_path / "ehrs.toml").write_text("[[ehr]]\n# another\n")
    assert note_configuration(services) == ("registry",)
    slower = replace(services, settings=services.settings.model_copy(update={"cds_budget_seconds": 9.0}))
    assert note_configuration(slower) == ("settings",)
    events = [event for event in services.audit.events() if event["action"] == "configuration-changed"]
    assert [event["outcome"] for event in events] == ["model,registry,settings,version", "registry", "settings"]
    assert "master" not in json.dumps(events)


def test_a_change_whose_state_cannot_be_kept_is_not_written_down_to_be_written_again_at_every_start(
    services: AppServices,
) -> None:
    with services.engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER full BEFORE INSERT ON site_state BEGIN SELECT RAISE(FAIL, 'disk full'); END"
        )
    with pytest.raises(AuditFailed):
        note_configuration(services)
    assert list(services.audit.events()) == []
