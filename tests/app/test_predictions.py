"""What is kept of each prediction: once per new creatinine, without name or value, and what came of it later."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, event, select

from app.auditing.trail import AuditEvent, AuditFailed, AuditTrail
from app.storage.encryption import SealedBox
from app.storage.tables import PredictionRow
from app.watching import predictions
from app.watching.inputs import UNKNOWN, InputSummary, summary_of, training_tenths
from app.watching.predictions import Look, Predictions, sealed_context
from model.artifact import load_bundled_model
from model.assess import assess
from model.assessment import Assessment
from model.follow_up import FollowUp
from model.policy import DEFAULT_POLICY
from model.snapshot import Incomplete, PatientSnapshot, Rejected
from tests.builders.assessed import NOW, creatinine, snapshot
from tests.builders.databases import stored_bytes
from tests.builders.registrations import MASTER_KEY

MODEL = load_bundled_model()
STEADY = snapshot(creatinine(100, 0.9), creatinine(46, 0.92), creatinine(3, 0.9))
BOX = SealedBox([MASTER_KEY])
Seen = Callable[..., None]


@pytest.fixture
def see(database: Engine, clock) -> Seen:
    """One look at a chart, audited, with what is kept written beside the audit line."""

    def look(chart: PatientSnapshot, hours_later: float = 0.0, box: SealedBox = BOX, **more: Any) -> None:
        now = NOW + timedelta(hours=hours_later)
        made = assess(chart, now=now, model=MODEL, policy=DEFAULT_POLICY)
        usual: dict[str, Any] = {"ehr_id": "local", "mode": "live", "channel": "page"}
        kept = Predictions(database, box).prepare(Look(snapshot=chart, made=made, **{**usual, **more}))
        AuditTrail(database, clock).record(AuditEvent("chart-viewed", "Assessment", "local"), beside=kept)

    return look


def rows(engine: Engine) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(select(PredictionRow).order_by(PredictionRow.predicted_at)))


def test_a_prediction_is_kept_with_its_model_mode_channel_and_landmark(see: Seen, database: Engine) -> None:
    see(STEADY, mode="shadow", channel="hook")
    (row,) = rows(database)
    made = assess(STEADY, now=NOW, model=MODEL)
    assert isinstance(made, Assessment)
    assert made.risk is not None
    assert (row.ehr_id, row.head, row.mode, row.channel) == ("local", "onset", "shadow", "hook")
    assert (row.predicted_at, row.landmark_at) == (NOW, NOW - timedelta(hours=3))
    assert (row.probability, row.category) == (pytest.approx(made.risk.probability), made.risk.category)
    assert (row.model_sha256, row.outcome) == (MODEL.identity.sha256, "pending")


def test_a_second_look_at_the_same_creatinine_stores_nothing(see: Seen, database: Engine) -> None:
    see(STEADY)
    see(STEADY, 2, channel="hook")
    see(STEADY, 3, mode="shadow")
    assert len(rows(database)) == 1


def test_a_new_creatinine_another_site_and_another_patient_are_predictions_of_their_own(
    see: Seen, database: Engine
) -> None:
    see(STEADY)
    see(snapshot(creatinine(100, 0.9), creatinine(46, 0.92), creatinine(3, 0.9), creatinine(1, 0.9)))
    see(STEADY, ehr_id="elsewhere")
    see(replace(STEADY, patient_id="p2"))
    assert len({row.id for row in rows(database)}) == 4


def test_a_patient_who_was_not_scored_leaves_no_row(see: Seen, database: Engine) -> None:
    see(snapshot())
    see(replace(STEADY, sex=None))
    assert rows(database) == []


def test_no_name_no_identifier_and_no_value_is_in_the_database(see: Seen, database: Engine) -> None:
    canary = snapshot(
        creatinine(46, 0.9137), creatinine(3, 0.9241), name="Canary, Ada", record_number="MRN-canary"
    )
    see(replace(canary, patient_id="patient-canary"))
    (row,) = rows(database)
    found = stored_bytes(database)
    assert row.sealed
    for secret in (b"anary", b"0.9137", b"0.9241", b"65-79", b"female", b'"levels"'):
        assert secret not in found, secret


def test_the_inputs_are_kept_as_tenths_and_open_with_the_key_only(see: Seen, database: Engine) -> None:
    see(STEADY)
    (row,) = rows(database)
    plain = BOX.open(row.sealed, context=sealed_context(row.id))
    summary = msgspec.json.decode(plain, type=InputSummary)
    tenths = training_tenths("onset")
    placed = dict(zip([part.feature for part in tenths], summary.levels, strict=True))
    assert (summary.age_band, summary.sex) == ("65-79", "female")
    (last,) = [part for part in tenths if part.feature == "creatinine_last"]
    assert placed["creatinine_last"] == "abcdefghij"[sum(edge <= 0.9 for edge in last.edges)]
    assert placed["shock_index_6h"] == UNKNOWN


def test_the_newest_master_key_names_the_patient_and_an_older_one_still_finds_its_predictions(
    see: Seen, database: Engine
) -> None:
    see(STEADY)
    both = SealedBox(["another master key that is long enough to be one", MASTER_KEY])
    later = replace(STEADY, series=snapshot(creatinine(46, 0.9), creatinine(3, 0.9), creatinine(-20, 1.4)).series)
    see(later, 21, box=both)
    assert rows(database)[0].outcome == "event"


def test_results_refused_for_their_unit_are_counted(see: Seen, database: Engine) -> None:
    refused = (
        Rejected("Observation/1", "unit-unknown", "x"),
        Rejected("Observation/2", "unit-conflict", "x"),
        Rejected("Observation/3", "value-missing", "x"),
    )
    see(replace(STEADY, rejected=refused))
    assert [row.refused_units for row in rows(database)] == [2]


def test_the_next_read_of_the_chart_settles_what_came_of_it(see: Seen, database: Engine) -> None:
    see(STEADY)
    rise = snapshot(creatinine(46, 0.92), creatinine(3, 0.9), creatinine(-20, 1.4))
    see(rise, 21)
    first, *others = rows(database)
    assert (first.outcome, first.event_at) == ("event", NOW + timedelta(hours=20))
    assert first.settled_at == NOW + timedelta(hours=21)
    assert [(row.head, row.outcome) for row in others] == [("progression", "pending")]


def test_what_a_look_asks_is_found_by_patient_not_among_all_of_the_site(see: Seen, database: Engine) -> None:
    if database.dialect.name != "sqlite":
        pytest.skip("PostgreSQL plans by its statistics")
    asked: list[tuple[str, Any]] = []
    event.listen(database, "before_cursor_execute", lambda *of: asked.append((of[2], of[3])))
    see(STEADY)
    select = next(one for one in asked if one[0].startswith("SELECT prediction.id"))
    with database.connect() as connection:
        plan = str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {select[0]}", select[1]).all())
    assert "ix_prediction_patient_ref_outcome (patient_ref=? AND outcome=?)" in plan
    assert "ehr_id" not in plan
    assert "SCAN" not in plan


def test_one_look_judges_a_bounded_number_of_waiting_predictions(
    see: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: list[datetime] = []

    def follow_up(*_: Any, predicted_at: datetime, **__: Any) -> FollowUp:
        judged.append(predicted_at)
        return FollowUp("pending")

    monkeypatch.setattr(predictions, "follow_up", follow_up)
    chart = [creatinine(100, 0.9), creatinine(46, 0.92)]
    for later in range(30):
        judged.clear()
        chart.append(creatinine(3 - later / 10, 0.9))
        see(snapshot(*chart), later / 10)
    assert judged == [NOW + timedelta(hours=later / 10) for later in range(28, 4, -1)]


def test_without_a_later_creatinine_the_outcome_is_unknown_after_three_days(see: Seen, database: Engine) -> None:
    see(STEADY)
    see(STEADY, 71)
    assert [row.outcome for row in rows(database)] == ["pending"]
    see(STEADY, 72)
    assert [row.outcome for row in rows(database)] == ["unknown"]


def test_a_chart_whose_creatinine_was_not_read_whole_settles_nothing(see: Seen, database: Engine) -> None:
    see(STEADY)
    rise = snapshot(creatinine(46, 0.92), creatinine(3, 0.9), creatinine(-20, 1.4))
    see(replace(rise, incomplete=(Incomplete("creatinine", "page", "A page failed."),)), 21)
    assert [row.outcome for row in rows(database)] == ["pending"]


def test_what_cannot_be_kept_is_not_shown(see: Seen, database: Engine) -> None:
    with database.begin() as connection:
        connection.exec_driver_sql("DROP INDEX ix_prediction_predicted_at")
        connection.exec_driver_sql("ALTER TABLE prediction DROP COLUMN category")
    with pytest.raises(AuditFailed):
        see(STEADY)


def test_every_head_of_the_bundled_model_has_its_tenths() -> None:
    for head in ("onset", "progression"):
        tenths = training_tenths(head)  # type: ignore[arg-type]
        assert len(tenths) > 50
        assert all(len(part.shares) == len(part.edges) + 1 for part in tenths)
    assert summary_of(STEADY, (), now=NOW) is None
