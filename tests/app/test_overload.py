"""More than the workers can do: told quickly and in the caller's own form, and over as soon as the line is."""

import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient
from gunicorn.workers import gthread

from app.factory import create_app
from app.services import open_services
from app.web import overload
from app.web.overload import WaitingLine, waited_seconds
from tests.builders.registrations import ehr_table, local_ehrs, settings_for


@pytest.fixture
def client(tmp_path: Path, clock) -> FlaskClient:
    settings = settings_for(tmp_path, longest_wait_seconds=2)
    ehrs = local_ehrs(ehr_table("http://127.0.0.1:9"))
    return create_app(services=open_services(settings, ehrs=ehrs, clock=clock)).test_client()


@pytest.fixture
def long_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overload, "waited_seconds", lambda: 2.1)


def test_who_waited_too_long_gets_a_page_that_says_so(client: FlaskClient, long_line: None) -> None:
    answer = client.get("/launch?iss=x&launch=y")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    assert "Too busy just now" in answer.text


def test_a_hook_that_waited_too_long_gets_an_operation_outcome_and_never_empty_cards(
    client: FlaskClient, long_line: None
) -> None:
    answer = client.post("/cds-services/aki-patient-view", json={})
    assert answer.status_code == 503
    assert answer.json["issue"][0]["code"] == "throttled"
    assert "cards" not in answer.json


@pytest.mark.parametrize("path", ["/health", "/ready", "/metrics"])
def test_those_who_watch_are_answered_however_long_the_line(
    client: FlaskClient, long_line: None, path: str
) -> None:
    assert client.get(path).status_code == 200


def test_a_short_wait_changes_nothing(client: FlaskClient) -> None:
    assert waited_seconds() == 0
    assert client.get("/").status_code == 200


def test_work_behind_other_work_knows_how_long_it_stood_in_line(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    go_on = threading.Event()
    with WaitingLine(max_workers=1) as line:
        first = line.submit(lambda: go_on.wait(5) and waited_seconds())
        second = line.submit(waited_seconds)
        now[0] = 103.0
        go_on.set()
        assert second.result(5) == 3.0
        assert first.result(5) in (0.0, 3.0)  # it may be begun before or after the clock was moved


class _Connection:
    """What the worker asks of a connection; `says` is what comes on it."""

    initialized = False
    data_ready = False

    def __init__(self, says: bytes) -> None:
        self._sender, self.sock = socket.socketpair()
        self._sender.sendall(says)
        self._says = bool(says)

    def wait_for_data(self, seconds: float) -> bool:
        assert seconds < 1
        return self._says

    def init(self) -> None:
        self.parser = SimpleNamespace(unreader=SimpleNamespace(sock=self.sock))

    def close(self) -> None:
        self._sender.close()
        self.sock.close()


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], Any]:
    """What the worker answers for a connection on which something comes: gunicorn reads twice, then keeps it."""

    def gunicorns_own(_: object, connection: _Connection) -> bytes:
        return b"".join(connection.parser.unreader.sock.recv(3) for _ in range(2))

    monkeypatch.setattr(gthread.ThreadWorker, "handle", gunicorns_own)

    def serve(says: bytes) -> Any:
        connection = _Connection(says)
        try:
            return object.__new__(overload.Worker).handle(connection)
        finally:
            connection.close()

    return serve


def test_a_connection_on_which_nothing_comes_keeps_no_thread(served: Callable[[bytes], Any]) -> None:
    assert served(b"") is gthread._DEFER


def test_a_request_that_arrives_in_time_is_served_and_its_connection_kept(served: Callable[[bytes], Any]) -> None:
    assert served(b"GET / ") is True


def test_who_sends_too_slowly_is_treated_as_gone_and_the_rest_is_read_by_nobody(
    served: Callable[[bytes], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overload, "_READING_SECONDS", 0.0)
    assert served(b"GET") is False
    assert served(b"GET / ") is True  # all of it had come
