"""`aki jobs run`: what expires, what is let go of, who works, and a clock that cannot be right."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from app.auditing.anchors import verify
from app.auditing.elapsed import LONGEST_SILENCE, ClockNotVouchedFor
from app.auditing.trail import AuditEvent, AuditTrail
from app.cds.replay import UsedJwts
from app.jobs import JobsHeld, Retention, give_lease_back, last_finished_at, run_jobs, take_lease
from app.storage.tables import AuditEventRow, CdsCardRow, CdsFeedbackRow, CdsJtiRow, JobLeaseRow, PredictionRow
from cds_hooks.replay import CallToken
from tests.builders.commands import Aki

RETENTION = Retention.of(idle_minutes=15, audit_years=6, card_days=730, prediction_days=730)


def _view(patient_id: str) -> AuditEvent:
    return AuditEvent("chart-viewed", "Assessment", "r", who="Practitioner/7", patient_id=patient_id)


def test_jobs_destroy_what_expired_and_write_it_down(database: Engine, clock, tmp_path: Path) -> None:
    used = UsedJwts(database, clock)
    used.remember(CallToken("iss", "old", clock() + timedelta(minutes=1)))
    used.remember(CallToken("iss", "new", clock() + timedelta(hours=2)))
    AuditTrail(database, clock).record(_view("p1"))
    clock.advance(hours=1, minutes=1)
    done = run_jobs(database, clock, RETENTION, anchor_file=tmp_path / "anchors")
    assert (done.sessions, done.pending_launches, done.jwt_ids, done.audit_events) == (0, 0, 1, 0)
    assert done.anchor is not None
    assert done.anchor.seq == 2
    with database.connect() as connection:
        assert len(connection.execute(select(CdsJtiRow)).all()) == 1
    last = list(AuditTrail(database, clock).events())[-1]
    assert last["outcome"] == "sessions=0,pending=0,jti=1,audit=0,cards=0,feedback=0,predictions=0"
    assert last_finished_at(database) == clock()


def test_jobs_let_go_of_audit_lines_older_than_the_retention_and_verify_still_holds(
    database: Engine, clock, tmp_path: Path
) -> None:
    trail, anchors = AuditTrail(database, clock), tmp_path / "anchors"
    trail.record(_view("old"))
    run_jobs(database, clock, RETENTION, anchor_file=anchors)
    clock.advance(days=6 * 366)
    trail.record(_view("new"))
    assert run_jobs(database, clock, RETENTION, anchor_file=anchors, clock_is_right=True).audit_events == 2
    assert verify(database, anchors) is None
    assert "old" not in {event.get("patient_id") for event in trail.events()}
    run_jobs(database, clock, RETENTION, anchor_file=anchors)
    assert verify(database, anchors) is None


def test_jobs_let_go_of_old_predictions_and_judge_last(database: Engine, clock) -> None:
    kept = {"ehr_id": "local", "patient_ref": "r", "landmark_at": clock(), "head": "onset", "probability": 0.1}
    kept |= {"category": "low", "model_sha256": "a", "mode": "live", "channel": "page", "outcome": "pending"}
    with database.begin() as connection:
        dated = ((f"{day}", clock() + timedelta(days=day)) for day in (0, 1))
        rows = [{**kept, "id": name, "predicted_at": at, "refused_units": 0} for name, at in dated]
        connection.execute(PredictionRow.__table__.insert(), rows)
    clock.advance(days=730)
    left: list[int] = []

    def judge() -> None:
        with database.connect() as connection:
            left.append(len(connection.execute(select(PredictionRow)).all()))

    assert run_jobs(database, clock, RETENTION, anchor_file=None, judge=judge).predictions == 1
    assert left == [1]


def test_jobs_let_go_of_old_cards_and_of_what_became_of_them(database: Engine, clock) -> None:
    card = {"ehr_id": "local", "service_id": "aki-patient-view", "patient_ref": "r", "at": clock()}
    told = {"ehr_id": "local", "service_id": "aki-patient-view", "card_uuid": "a", "outcome": "accepted"}
    told |= {"outcome_at": clock(), "received_at": clock(), "matched": True, "suggestions": ""}
    young = clock() + timedelta(days=1)
    with database.begin() as connection:
        connection.execute(
            CdsCardRow.__table__.insert(), [{**card, "uuid": "a"}, {**card, "uuid": "b", "at": young}]
        )
        feedback = [{**told, "id": "a"}, {**told, "id": "b", "received_at": young}]
        connection.execute(CdsFeedbackRow.__table__.insert(), feedback)
    clock.advance(days=730)
    done = run_jobs(database, clock, RETENTION, anchor_file=None)
    assert (done.cards, done.feedback) == (1, 1)
    with database.connect() as connection:
        assert connection.scalars(select(CdsCardRow.uuid)).all() == ["b"]
        assert connection.scalars(select(CdsFeedbackRow.id)).all() == ["b"]


def test_of_two_schedulers_one_works_and_a_dead_ones_lease_runs_out(database: Engine, clock) -> None:
    assert take_lease(database, "first", clock())
    assert not take_lease(database, "second", clock())
    with pytest.raises(JobsHeld):
        run_jobs(database, clock, RETENTION, anchor_file=None)
    clock.advance(minutes=31)
    assert take_lease(database, "second", clock())
    give_lease_back(database, "first", clock())  # the dead one wakes up: not its lease any more
    assert not take_lease(database, "third", clock())
    give_lease_back(database, "second", None)
    assert last_finished_at(database) is None
    run_jobs(database, clock, RETENTION, anchor_file=None)


def test_failed_jobs_give_the_lease_back_and_do_not_count_as_finished(database: Engine, clock) -> None:
    with database.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE audit_event RENAME TO gone")
    with pytest.raises(Exception, match="audit_event"):
        run_jobs(database, clock, RETENTION, anchor_file=None)
    with database.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE gone RENAME TO audit_event")
    assert last_finished_at(database) is None
    assert run_jobs(database, clock, RETENTION, anchor_file=None)


def test_the_jobs_command_prints_the_anchor_for_the_schedules_own_log(aki: Aki, prepared: Engine) -> None:
    first = json.loads(aki("jobs", "run", "--json").output)
    assert first["ran"] is True
    assert len(first["anchor"]["hash"]) == 64
    take_lease(prepared, "somebody", datetime.now(UTC))
    held = aki("jobs", "run", "--json")
    assert (held.exit_code, json.loads(held.output)) == (0, {"ran": False})


def test_a_clock_years_ahead_destroys_nothing_and_leaves_the_lease_free(database: Engine, clock) -> None:
    trail = AuditTrail(database, clock)
    trail.record(_view("p1"))
    run_jobs(database, clock, RETENTION, anchor_file=None)
    UsedJwts(database, clock).remember(CallToken("iss", "jti", clock() + timedelta(minutes=5)))
    right = clock()
    clock.advance(days=7 * 366)
    with pytest.raises(ClockNotVouchedFor) as refused:
        run_jobs(database, clock, RETENTION, anchor_file=None)
    assert (refused.value.now, refused.value.vouched_until) == (clock(), right)
    assert len(list(trail.events())) == 2
    with database.connect() as connection:
        assert len(connection.execute(select(CdsJtiRow)).all()) == 1
    clock.now = right + timedelta(days=1)
    assert run_jobs(database, clock, RETENTION, anchor_file=None).anchor is not None


def test_lines_written_under_the_wrong_clock_do_not_vouch_for_it(database: Engine, clock) -> None:
    trail = AuditTrail(database, clock)
    trail.record(_view("right"))
    right = clock()
    clock.advance(days=7 * 366)
    trail.record(_view("ahead"))
    with pytest.raises(ClockNotVouchedFor):
        run_jobs(database, clock, RETENTION, anchor_file=None)
    clock.now = right + LONGEST_SILENCE
    assert run_jobs(database, clock, RETENTION, anchor_file=None).audit_events == 0


def test_an_app_in_use_may_have_gone_without_its_jobs_for_long(database: Engine, clock) -> None:
    run_jobs(database, clock, RETENTION, anchor_file=None)
    for _ in range(3):
        clock.advance(days=30)
        AuditTrail(database, clock).record(_view("p1"))
    assert run_jobs(database, clock, RETENTION, anchor_file=None).anchor is not None


def test_an_app_that_stood_still_runs_its_jobs_once_somebody_says_the_clock_is_right(
    database: Engine, clock
) -> None:
    run_jobs(database, clock, RETENTION, anchor_file=None)
    clock.advance(days=400)
    with pytest.raises(ClockNotVouchedFor):
        run_jobs(database, clock, RETENTION, anchor_file=None)
    run_jobs(database, clock, RETENTION, anchor_file=None, clock_is_right=True)
    clock.advance(days=1)
    run_jobs(database, clock, RETENTION, anchor_file=None)


def test_a_lease_of_a_clock_that_was_ahead_holds_nobody_up(database: Engine, clock) -> None:
    right = clock()
    clock.advance(days=20)
    run_jobs(database, clock, RETENTION, anchor_file=None)
    clock.now = right
    assert take_lease(database, "after a good run", clock())
    give_lease_back(database, "after a good run", None)
    assert take_lease(database, "died while its clock was ahead", clock() + timedelta(days=20))
    assert take_lease(database, "of the right clock", clock())
    assert not take_lease(database, "another, a minute behind", clock() - timedelta(minutes=1))


def test_the_jobs_command_names_a_clock_that_is_ahead_and_the_cure(aki: Aki, prepared: Engine) -> None:
    with prepared.begin() as connection:  # as if the installation's only line were two months old
        connection.execute(AuditEventRow.__table__.update().values(at=datetime.now(UTC) - timedelta(days=62)))
    refused = aki("jobs", "run")
    assert refused.exit_code == 1
    assert "62 days after" in refused.output
    assert "Nothing was done" in refused.output
    assert "date -u" in refused.output
    with prepared.connect() as connection:
        assert connection.execute(select(JobLeaseRow)).all() == []
    assert aki("jobs", "run", "--clock-is-right").exit_code == 0
    assert aki("jobs", "run").exit_code == 0
