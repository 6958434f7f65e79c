"""Sessions on the server: bound to one browser, one patient, one grant; gone when they should be."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, update

from app.launched.pending import StoredPendingLaunches
from app.launched.sessions import LaunchSessions, SessionExpired, SessionMissing, cookie_name
from app.patient_page.drafts import DraftMissing, WriteDrafts
from app.storage.encryption import SealedBox, Undecipherable, sealed_box
from app.storage.signing_keys import StoredKeys
from app.storage.tables import LaunchSessionRow
from launch.context import LaunchContext, Tokens
from launch.errors import BrowserNotRecognised, LaunchNotRecognised
from launch.keys import ClientKeys, new_key
from launch.pending import PendingLaunch
from tests.builders.databases import stored_bytes
from tests.builders.registrations import MASTER_KEY, settings_for

PENDING = PendingLaunch(
    "local", "https://ehr/fhir", "https://aki/callback", ("launch",), "verifier-canary", "nonce"
)


@pytest.fixture
def box() -> SealedBox:
    return SealedBox([MASTER_KEY])


@pytest.fixture
def sessions(database: Engine, box: SealedBox, clock) -> LaunchSessions:
    return LaunchSessions(database, box, clock, idle=timedelta(minutes=15), absolute=timedelta(hours=8))


@pytest.fixture
def pending(database: Engine, box: SealedBox, clock) -> StoredPendingLaunches:
    return StoredPendingLaunches(database, box, clock, kept_for=timedelta(minutes=10))


def _context(clock, patient: str = "p1", life: timedelta = timedelta(hours=1), **changes: object) -> LaunchContext:
    tokens = Tokens("token-canary", clock() + life, frozenset({"launch"}))
    return replace(LaunchContext("local", "https://ehr/fhir", patient, tokens), **changes)  # type: ignore[arg-type]


def test_a_session_opens_for_the_browser_that_holds_its_cookie_and_for_no_other(sessions, clock) -> None:
    session, ticket = sessions.start(_context(clock))
    assert sessions.open(session.id, {cookie_name(session.id): ticket.secret}) == session
    for cookies in ({}, {cookie_name(session.id): "wrong"}, {cookie_name("other"): ticket.secret}):
        with pytest.raises(SessionMissing):
            sessions.open(session.id, cookies)
    with pytest.raises(SessionMissing):
        sessions.open("unknown", {cookie_name("unknown"): ticket.secret})


def test_a_page_may_be_shown_for_the_idle_time_but_never_beyond_the_end_of_its_session(sessions, clock) -> None:
    session, _ = sessions.start(_context(clock, life=timedelta(minutes=40)))
    assert sessions.shown_for(session) == timedelta(minutes=15)
    clock.advance(minutes=30)
    assert sessions.shown_for(session) == timedelta(minutes=10)
    clock.advance(minutes=11)
    assert sessions.shown_for(session) == timedelta(0)


@pytest.mark.parametrize("name", ["\0", "a\0b", "x" * 5000, "\ud800", ""])
def test_an_address_of_anything_else_is_missing_and_no_fault_of_any_database(
    sessions, database: Engine, box: SealedBox, clock, name: str
) -> None:
    with pytest.raises(SessionMissing):
        sessions.open(name, {cookie_name(name): "secret"})
    with pytest.raises(DraftMissing):
        WriteDrafts(database, box, clock).open(name, "0" * 24)


def test_two_launches_in_one_browser_never_mix(sessions, clock) -> None:
    first, first_ticket = sessions.start(_context(clock, "p1"))
    second, second_ticket = sessions.start(_context(clock, "p2"))
    cookies = {cookie_name(first.id): first_ticket.secret, cookie_name(second.id): second_ticket.secret}
    assert sessions.open(first.id, cookies).patient_id == "p1"
    assert sessions.open(second.id, cookies).patient_id == "p2"
    swapped = {cookie_name(first.id): second_ticket.secret}
    with pytest.raises(SessionMissing):
        sessions.open(first.id, swapped)


def test_an_idle_session_ends_and_one_in_use_does_not(sessions, clock) -> None:
    session, ticket = sessions.start(_context(clock, life=timedelta(hours=5)))
    cookies = {cookie_name(session.id): ticket.secret}
    for _ in range(4):
        clock.advance(minutes=14)
        assert sessions.open(session.id, cookies)
    clock.advance(minutes=16)
    with pytest.raises(SessionExpired):
        sessions.open(session.id, cookies)
    with pytest.raises(SessionMissing):
        sessions.open(session.id, cookies)


def test_a_session_ends_with_its_token_and_at_the_latest_after_eight_hours(sessions, clock) -> None:
    short, _ = sessions.start(_context(clock, life=timedelta(minutes=5)))
    long, _ = sessions.start(_context(clock, life=timedelta(hours=20)))
    assert short.expires_at == clock() + timedelta(minutes=5)
    assert long.expires_at == clock() + timedelta(hours=8)


def test_what_expired_is_purged_and_what_lives_stays(sessions, clock, database: Engine) -> None:
    sessions.start(_context(clock, life=timedelta(minutes=1)))
    live, ticket = sessions.start(_context(clock))
    clock.advance(minutes=2)
    sessions.purge()
    with database.connect() as connection:
        rows = connection.exec_driver_sql("SELECT id FROM launch_session").all()
    assert rows == [(live.id,)]
    sessions.end(live.id)
    with pytest.raises(SessionMissing):
        sessions.open(live.id, {cookie_name(live.id): ticket.secret})


def test_neither_token_nor_verifier_nor_cookie_is_readable_in_the_database(
    sessions, pending, clock, database: Engine
) -> None:
    session, ticket = sessions.start(_context(clock, "patient-canary", app_context="context-canary"))
    other = pending.remember("state-canary", PENDING)
    stored = stored_bytes(database)
    assert session.id.encode() in stored
    for secret in ("canary", ticket.secret, other.secret):
        assert secret.encode() not in stored
    assert "canary" not in repr(session)


def test_a_sealed_value_moved_to_another_row_does_not_open(sessions, clock, database: Engine) -> None:
    first, first_ticket = sessions.start(_context(clock, "p1"))
    second, _ = sessions.start(_context(clock, "p2"))
    with database.begin() as connection:
        other = select(LaunchSessionRow.sealed).where(LaunchSessionRow.id == second.id).scalar_subquery()
        connection.execute(update(LaunchSessionRow).where(LaunchSessionRow.id == first.id).values(sealed=other))
    with pytest.raises(SessionMissing):
        sessions.open(first.id, {cookie_name(first.id): first_ticket.secret})


def test_a_rotated_master_key_still_opens_and_a_lost_one_does_not() -> None:
    old, new = "o" * 32, "n" * 32
    sealed = SealedBox([old]).seal(b"x", context="c")
    assert SealedBox([new, old]).open(sealed, context="c") == b"x"
    for box, context in ((SealedBox([new]), "c"), (SealedBox([old]), "d")):
        with pytest.raises(Undecipherable):
            box.open(sealed, context=context)
    with pytest.raises(Undecipherable):
        SealedBox([old]).open(b"", context="c")


def test_the_development_key_is_made_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    settings = settings_for(tmp_path / "state", master_key=None)
    sealed = sealed_box(settings).seal(b"x", context="c")
    assert sealed_box(settings).open(sealed, context="c") == b"x"
    files = list((tmp_path / "state").iterdir())
    assert [file.name for file in files] == ["master.key"]
    assert files[0].stat().st_mode & 0o077 == 0


def test_a_pending_launch_is_handed_out_once(pending) -> None:
    ticket = pending.remember("s1", PENDING)
    cookies = {cookie_name(ticket.launch_id): ticket.secret}
    assert pending.take("s1", cookies) == (PENDING, ticket.launch_id)
    with pytest.raises(LaunchNotRecognised):
        pending.take("s1", cookies)


def test_another_browser_gets_nothing_and_uses_nothing_up(pending) -> None:
    ticket = pending.remember("s1", PENDING)
    for cookies in ({}, {cookie_name(ticket.launch_id): "stolen?"}):
        with pytest.raises(BrowserNotRecognised):
            pending.take("s1", cookies)
    assert pending.take("s1", {cookie_name(ticket.launch_id): ticket.secret})


def test_a_pending_launch_is_over_after_ten_minutes(pending, clock) -> None:
    ticket = pending.remember("s1", PENDING)
    clock.advance(minutes=10)
    with pytest.raises(LaunchNotRecognised):
        pending.take("s1", {cookie_name(ticket.launch_id): ticket.secret})


def _race(count: int, action: Callable[[], object]) -> list[object]:
    """Run an action in many threads at once; what each returned or raised."""
    results: list[object] = []
    barrier = threading.Barrier(count)

    def run() -> None:
        barrier.wait()
        try:
            results.append(action())
        except Exception as error:
            results.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_of_many_callbacks_at_once_exactly_one_gets_the_launch(pending) -> None:
    ticket = pending.remember("s1", PENDING)
    cookies = {cookie_name(ticket.launch_id): ticket.secret}
    results = _race(12, lambda: pending.take("s1", cookies))
    assert sum(isinstance(result, tuple) for result in results) == 1
    assert all(isinstance(r, tuple | LaunchNotRecognised | BrowserNotRecognised) for r in results)


def test_starting_workers_agree_on_one_signing_key_that_is_stored_sealed(database: Engine, box, clock) -> None:
    keys = [new_key("ES384") for _ in range(4)]
    store = StoredKeys(database, box, clock)
    queue = list(keys)
    assert _race(4, lambda: store.add(queue.pop())).count(True) == 1
    published = ClientKeys.open(store, {"ES384"}, clock=clock).public_jwks()["keys"]
    assert len(published) == 1
    stored = stored_bytes(database)
    assert all(str(key.jwk["d"]).encode() not in stored for key in keys)
    with pytest.raises(Undecipherable):
        StoredKeys(database, SealedBox(["another master key of enough length"]), clock).load()
