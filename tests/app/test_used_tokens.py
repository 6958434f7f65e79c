"""One token, one answer: over threads, workers and restarts, however the call ends (CH-52; hardening row 11)."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from app.auditing.trail import AuditTrail
from app.cds.replay import UsedJwts
from app.factory import create_app
from app.services import AppServices, open_services
from app.storage.database import open_engine, upgrade
from app.storage.tables import CdsCardRow, CdsFeedbackRow, CdsJtiRow
from app.storage.turns import serialized
from cds_hooks.errors import CallerRefused
from cds_hooks.replay import CallToken
from tests.builders.cds import (
    EHR,
    NOW,
    PUBLIC_URL,
    RISING,
    ec_key,
    hook_body,
    public_jwks,
    token,
)
from tests.builders.databases import ENGINES, fresh_database_url
from tests.builders.registrations import ehr_table, local_ehrs, settings_for

FEEDBACK = {
    "card": "4e0a3a1e-3d3a-4a51-9d8a-0d6d5f1e2a11",
    "outcome": "accepted",
    "outcomeTimestamp": NOW.isoformat(),
}

StartWorker = Callable[[], AppServices]


@pytest.fixture(params=ENGINES)
def start_worker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StartWorker]:
    """Each call: the application of one more worker on the same database."""
    cds = {"jwks": public_jwks(ec_key()), "fhir_servers": [EHR], "iss": EHR}
    started: list[AppServices] = []
    with fresh_database_url(request.param, tmp_path) as url:
        engine = open_engine(url)
        upgrade(engine)
        engine.dispose()

        def start() -> AppServices:
            ehrs = local_ehrs(ehr_table("http://127.0.0.1:9", id="ehr-1", iss=EHR, cds=cds))
            settings = settings_for(tmp_path, public_url=PUBLIC_URL, database_url=url)
            started.append(open_services(settings, ehrs=ehrs, clock=lambda: NOW))
            return started[-1]

        yield start
        for services in started:
            services.engine.dispose()


def call(services: AppServices, body: Any, bearer: str, path: str = "aki-patient-view") -> Any:
    client = create_app(services=services).test_client()
    return client.post(f"/cds-services/{path}", json=body, headers={"Authorization": f"Bearer {bearer}"})


def for_feedback() -> str:
    return token(aud=f"{PUBLIC_URL}/cds-services/aki-patient-view/feedback")


def rows(services: AppServices, table: Any) -> int:
    with services.engine.connect() as connection:
        return int(connection.scalar(select(func.count()).select_from(table)))


def pass_the_look_up_together(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """None of so many calls goes on before every one of them has found its token unused."""
    meet, look_up = threading.Barrier(count), UsedJwts.has
    met = threading.local()

    def look_up_and_meet(self: UsedJwts, used: CallToken) -> bool:
        found = look_up(self, used)
        if not getattr(met, "once", False):
            met.once = True
            meet.wait(20)
        return found

    monkeypatch.setattr(UsedJwts, "has", look_up_and_meet)


def test_of_calls_that_passed_the_look_up_together_one_is_answered_and_recorded(
    start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers, bearer = [start_worker(), start_worker()], token()
    pass_the_look_up_together(monkeypatch, 4)
    with ThreadPoolExecutor(4) as pool:
        body = hook_body(prefetch=RISING)
        answers = list(pool.map(lambda n: call(workers[n % 2], body, bearer), range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401]
    assert sum("cards" in answer.get_json() for answer in answers) == 1
    assert [found["action"] for found in workers[0].audit.events()] == ["card-returned"]
    assert (rows(workers[0], CdsCardRow), rows(workers[0], CdsJtiRow)) == (1, 1)


def test_of_feedback_that_passed_the_look_up_together_one_is_stored(
    start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers, bearer = [start_worker(), start_worker()], for_feedback()
    pass_the_look_up_together(monkeypatch, 2)
    bodies = [{"feedback": [{**FEEDBACK, "outcome": outcome}]} for outcome in ("accepted", "overridden")]
    with ThreadPoolExecutor(2) as pool:
        answers = list(
            pool.map(lambda n: call(workers[n], bodies[n], bearer, "aki-patient-view/feedback"), range(2))
        )
    assert sorted(answer.status_code for answer in answers) == [200, 401]
    assert rows(workers[0], CdsFeedbackRow) == 1
    assert [found["action"] for found in workers[0].audit.events()] == ["cds-feedback"]


def test_a_replay_is_refused_before_anything_is_read_or_assessed_and_after_a_restart_too(
    start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    bearer = token()
    assert call(start_worker(), hook_body(prefetch=RISING), bearer).status_code == 200
    monkeypatch.setattr("cds_hooks.routes.read_hook_body", lambda _: pytest.fail("the body was read"))
    assert call(start_worker(), hook_body(prefetch=RISING), bearer).status_code == 401


ENDINGS: dict[str, tuple[Any, int]] = {
    "cards": (hook_body(prefetch=RISING), 200),
    "a body that is no hook": ([], 400),
    "a FHIR server that is not registered": (hook_body(fhirServer="https://evil.example.org/fhir"), 403),
    "no data": (hook_body(), 412),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_however_a_call_ends_its_token_has_served(start_worker: StartWorker, ending: str) -> None:
    services, bearer, (body, status) = start_worker(), token(), ENDINGS[ending]
    assert call(services, body, bearer).status_code == status
    assert call(services, hook_body(prefetch=RISING), bearer).status_code == 401


def test_a_fault_of_ours_uses_up_the_token(start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    services, bearer = start_worker(), token()
    with monkeypatch.context() as broken:
        broken.setattr("cds_hooks.routes.read_hook_request", lambda *_, **__: {}["bug"])
        assert call(services, hook_body(prefetch=RISING), bearer).status_code == 500
    assert call(services, hook_body(prefetch=RISING), bearer).status_code == 401


def test_a_call_whose_record_failed_uses_up_the_token(start_worker: StartWorker) -> None:
    services, bearer = start_worker(), token()
    with services.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE cds_card RENAME TO elsewhere")
    assert call(services, hook_body(prefetch=RISING), bearer).status_code == 500
    with services.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO cds_card")
    assert call(services, hook_body(prefetch=RISING), bearer).status_code == 401


@pytest.mark.parametrize("body", [{"feedback": [FEEDBACK]}, {"feedback": "words"}])
def test_feedback_uses_up_its_token_readable_or_not(start_worker: StartWorker, body: Any) -> None:
    services, bearer, path = start_worker(), for_feedback(), "aki-patient-view/feedback"
    assert call(services, body, bearer, path).status_code in {200, 400}
    assert call(services, {"feedback": []}, bearer, path).status_code == 401


def test_a_call_that_could_not_be_recorded_is_not_answered_and_leaves_no_line(start_worker: StartWorker) -> None:
    services = start_worker()
    with services.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE cds_card")
    assert "cards" not in call(services, hook_body(prefetch=RISING), token()).get_json()
    assert list(AuditTrail(services.engine, lambda: NOW).events()) == []


def serve(used: UsedJwts, engine: Engine, one: CallToken) -> None:
    with serialized(engine) as connection:
        used.use_up(connection, one)


def kept(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(select(func.count()).select_from(CdsJtiRow)) or 0)


def test_a_token_serves_once_whoever_asks(database: Engine, clock) -> None:
    used, one = UsedJwts(database, clock), CallToken("https://ehr", "jti-1", clock() + timedelta(minutes=5))
    assert not used.has(one)
    assert used.remember(one)
    assert used.has(one)
    assert not used.remember(one)
    with pytest.raises(CallerRefused):
        serve(used, database, one)
    assert used.remember(CallToken("https://other", "jti-1", one.expires_at))


def test_a_token_is_kept_an_hour_after_it_expired_and_then_let_go_of(database: Engine, clock) -> None:
    used, one = UsedJwts(database, clock), CallToken("https://ehr", "jti-1", clock() + timedelta(minutes=5))
    serve(used, database, one)
    clock.advance(minutes=6)
    serve(used, database, CallToken("https://ehr", "jti-2", clock() + timedelta(days=1)))
    clock.advance(minutes=-6)
    assert used.has(one), "a clock was ahead meanwhile"
    clock.advance(minutes=67)
    serve(used, database, CallToken("https://ehr", "jti-3", clock() + timedelta(days=1)))
    assert not used.has(one)
    assert kept(database) == 2


def test_expired_tokens_are_let_go_of_a_few_at_a_time(
    database: Engine, clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.cds.replay._MOST_PURGED", 2)
    used = UsedJwts(database, clock)
    for number in range(5):
        serve(used, database, CallToken("https://ehr", f"jti-{number}", clock()))
    clock.advance(hours=2)
    left = []
    for number in range(4):
        serve(used, database, CallToken("https://ehr", f"later-{number}", clock() + timedelta(days=1)))
        left.append(kept(database) - number - 1)
    assert left == [3, 1, 0, 0]
