"""Tokens that end in mid-work: one refresh over threads and workers, then a clear end (SL-66, 67, 70)."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.wrappers import Request, Response

from app.factory import create_app
from app.launched.renewals import Renewals
from app.launched.sessions import LaunchSession, SessionExpired, SessionMissing, cookie_name
from app.launched.token_life import TokenLife
from app.services import AppServices, open_services
from app.storage.database import open_engine, upgrade
from app.storage.encryption import sealed_box
from launch.context import LaunchContext, Tokens
from launch.errors import EhrUnavailable, PatientChanged
from launch.pending import BrowserTicket
from patient_context.errors import UpstreamRefused
from tests.builders.databases import ENGINES, fresh_database_url
from tests.builders.fake_ehr import FakeEhr, json_response
from tests.builders.registrations import ehr_table, local_ehrs, settings_for

SCOPES = frozenset({"launch", "patient/*.rs"})
RENEWED = {"access_token": "at-2", "token_type": "bearer", "expires_in": 600, "refresh_token": "rt-2"}
Opened = tuple[LaunchSession, BrowserTicket]


@pytest.fixture
def services(ehr: FakeEhr, tmp_path: Path, clock) -> AppServices:
    ehr.token_response = dict(RENEWED)
    return _worker(ehr, tmp_path, clock)


def _worker(ehr: FakeEhr, state: Path, clock: Any, **settings: Any) -> AppServices:
    """One more process of the same installation."""
    ehrs = local_ehrs(ehr_table(ehr.base_url))
    return open_services(settings_for(state, **settings), ehrs=ehrs, clock=clock)


def _start(services: AppServices, ehr: FakeEhr, *, refresh_token: str | None = "rt-1") -> Opened:  # noqa: S107
    tokens = Tokens("at-1", services.clock() + timedelta(minutes=5), SCOPES, refresh_token)
    return services.sessions.start(
        LaunchContext(ehr_id="local", fhir_base_url=ehr.fhir_base, patient="p1", tokens=tokens)
    )


def _reopen(services: AppServices, ticket: BrowserTicket) -> LaunchSession:
    return services.sessions.open(ticket.launch_id, {cookie_name(ticket.launch_id): ticket.secret})


def _refreshes(ehr: FakeEhr) -> list[str]:
    return [asked.form["refresh_token"] for asked in ehr.asked if asked.form.get("grant_type") == "refresh_token"]


def _renewals(services: AppServices) -> Renewals:
    """What another worker of this installation would renew with."""
    return Renewals(services.engine, sealed_box(services.settings), services.clock)


def _accepting(*good: str) -> Callable[[LaunchSession], str]:
    """A FHIR server that accepts some access tokens and answers 401 to all others."""

    def action(session: LaunchSession) -> str:
        if session.access_token not in good:
            raise UpstreamRefused(401, "The EHR no longer accepts the session's token.")
        return session.access_token

    return action


def test_a_token_about_to_end_is_renewed_before_work_and_both_new_tokens_are_kept(services, ehr, clock) -> None:
    session, ticket = _start(services, ehr)
    assert services.token_life.use(session, _accepting("at-1")) == "at-1"
    clock.advance(minutes=4, seconds=40)
    assert services.token_life.use(session, _accepting("at-2")) == "at-2"
    kept = _reopen(services, ticket)
    assert (kept.access_token, kept.refresh_token) == ("at-2", "rt-2")
    assert (kept.patient_id, kept.csrf_token, kept.expires_at) == ("p1", session.csrf_token, session.expires_at)


def test_a_401_in_the_middle_of_work_costs_one_refresh_and_one_retry(services, ehr) -> None:
    session, _ = _start(services, ehr)
    assert services.token_life.use(session, _accepting("at-2")) == "at-2"
    assert _refreshes(ehr) == ["rt-1"]


def test_a_second_401_ends_the_work_without_a_second_refresh(services, ehr) -> None:
    session, _ = _start(services, ehr)
    with pytest.raises(UpstreamRefused):
        services.token_life.use(session, _accepting())
    assert _refreshes(ehr) == ["rt-1"]


@pytest.mark.parametrize(("status", "refresh_token"), [(403, "rt-1"), (401, None)])
def test_a_403_or_a_launch_without_refresh_token_is_never_refreshed(services, ehr, status, refresh_token) -> None:
    session, _ = _start(services, ehr, refresh_token=refresh_token)

    def refuse(_: LaunchSession) -> None:
        raise UpstreamRefused(status, "refused")

    with pytest.raises(UpstreamRefused):
        services.token_life.use(session, refuse)
    assert _refreshes(ehr) == []


@pytest.mark.parametrize("kind", ENGINES)
def test_twenty_threads_of_two_workers_with_an_ended_token_make_one_refresh(
    ehr, clock, tmp_path: Path, kind: str
) -> None:
    ehr.token_response = dict(RENEWED)
    with fresh_database_url(kind, tmp_path) as url:
        engine = open_engine(url)
        upgrade(engine)
        engine.dispose()
        workers = [_worker(ehr, tmp_path, clock, database_url=url) for _ in range(2)]
        session, ticket = _start(workers[0], ehr)
        together = threading.Barrier(20)

        def work(number: int) -> str:
            together.wait()
            return workers[number % 2].token_life.use(session, _accepting("at-2"))

        with ThreadPoolExecutor(20) as pool:
            assert set(pool.map(work, range(20))) == {"at-2"}
        assert _refreshes(ehr) == ["rt-1"]
        assert _reopen(workers[1], ticket).refresh_token == "rt-2"
        for worker in workers:
            worker.engine.dispose()


def test_an_unrotated_refresh_token_serves_again(services, ehr) -> None:
    del ehr.token_response["refresh_token"]
    session, ticket = _start(services, ehr)
    services.token_life.renew(session)
    ehr.token_response["access_token"] = "at-3"
    services.token_life.renew(_reopen(services, ticket))
    assert _refreshes(ehr) == ["rt-1", "rt-1"]
    assert _reopen(services, ticket).access_token == "at-3"


def test_a_refused_refresh_destroys_the_session_and_says_to_open_again(services, ehr) -> None:
    session, ticket = _start(services, ehr)
    ehr.answers["/auth/token"] = lambda _: json_response({"error": "invalid_grant"}, 400)
    with pytest.raises(SessionExpired):
        services.token_life.use(session, _accepting("at-2"))
    with pytest.raises(SessionMissing):
        _reopen(services, ticket)


def test_an_ehr_that_is_down_costs_nothing_that_a_later_refresh_needs(services, ehr) -> None:
    session, ticket = _start(services, ehr)
    ehr.answers["/auth/token"] = lambda _: Response(status=503)
    with pytest.raises(EhrUnavailable):
        services.token_life.renew(session)
    del ehr.answers["/auth/token"]
    assert services.token_life.renew(_reopen(services, ticket)).access_token == "at-2"


def test_a_refresh_that_names_another_patient_ends_everything(services, ehr) -> None:
    session, ticket = _start(services, ehr)
    ehr.token_response["patient"] = "p2"
    with pytest.raises(PatientChanged):
        services.token_life.renew(session)
    with pytest.raises(SessionMissing):
        _reopen(services, ticket)


def test_the_claim_of_a_worker_that_died_runs_out(services, ehr, clock) -> None:
    session, _ = _start(services, ehr)
    lease = timedelta(seconds=30)
    renewals = _renewals(services)
    assert renewals.claim(session, lease=lease).outcome == "won"
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        clock.advance(seconds=10)

    life = TokenLife(
        services.sessions, renewals, services.launch_client, clock, lease=timedelta(minutes=1), wait=wait
    )
    assert life.renew(session).access_token == "at-2"
    assert len(waited) == 3


def test_waiting_for_another_worker_is_bounded(services, ehr) -> None:
    session, _ = _start(services, ehr)
    _renewals(services).claim(session, lease=timedelta(hours=1))
    life = TokenLife(
        services.sessions,
        _renewals(services),
        services.launch_client,
        services.clock,
        lease=timedelta(seconds=1),
        wait=lambda _: None,
    )
    with pytest.raises(EhrUnavailable):
        life.renew(session)
    assert _refreshes(ehr) == []


@pytest.fixture
def browser(services: AppServices, ehr: FakeEhr) -> tuple[FlaskClient, LaunchSession]:
    ehr.answers["/fhir/.well-known/smart-configuration"] = lambda _: json_response(
        {**ehr.configuration(), "revocation_endpoint": f"{ehr.base_url}/auth/revoke"}
    )
    ehr.answers["/auth/revoke"] = lambda _: Response(status=200)
    session, ticket = _start(services, ehr)
    client = create_app(services=services).test_client()
    client.set_cookie(cookie_name(session.id), ticket.secret, domain="aki", secure=True)
    return client, session


def _end(client: FlaskClient, session: LaunchSession, **form: str) -> Any:
    return client.post(f"/p/{session.id}/end", data=form, base_url="https://aki")


def test_ending_destroys_the_session_revokes_both_tokens_and_takes_the_cookie_back(services, ehr, browser) -> None:
    client, session = browser
    response = _end(client, session, csrf_token=session.csrf_token)
    assert response.status_code == 200
    assert "The session has ended" in response.text
    assert "Max-Age=0" in response.headers["Set-Cookie"]
    assert '<link rel="stylesheet" href="/ended.css">' in response.text
    assert client.get("/ended.css").headers["Clear-Site-Data"] == '"cache"'
    revoked = [asked.form for asked in ehr.asked if asked.path == "/auth/revoke"]
    assert [(form["token"], form["token_type_hint"]) for form in revoked] == [
        ("rt-1", "refresh_token"),
        ("at-1", "access_token"),
    ]
    assert all("client_assertion" in form for form in revoked)
    last = list(services.audit.events())[-1]
    assert (last["action"], last["outcome"], last["patient_id"]) == ("launch-ended", "revoked", "p1")
    assert _end(client, session, csrf_token=session.csrf_token).status_code == 403


@pytest.mark.parametrize("form", [{}, {"csrf_token": "guessed"}, {"csrf_token": "ü"}])
def test_a_forged_end_ends_nothing(services, ehr, browser, form: dict[str, str]) -> None:
    client, session = browser
    response = _end(client, session, **form)
    assert response.status_code == 403
    assert "request-forged" in response.text
    assert "/auth/revoke" not in ehr.paths()
    assert _end(client, session, csrf_token=session.csrf_token).status_code == 200


def test_a_get_ends_nothing(browser) -> None:
    client, session = browser
    assert client.get(f"/p/{session.id}/end", base_url="https://aki").status_code == 405


def test_an_ehr_that_does_not_answer_cannot_keep_a_session_from_ending(services, ehr, browser) -> None:
    client, session = browser

    def fail(_: Request) -> Response:
        return Response(status=500)

    ehr.answers["/auth/revoke"] = fail
    assert _end(client, session, csrf_token=session.csrf_token).status_code == 200
    assert list(services.audit.events())[-1]["outcome"] == "not-revoked"
    with services.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM launch_session").scalar() == 0
