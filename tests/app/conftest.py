"""Fixtures of the application: a clock that stands still, a fake EHR, and a guard against any connection."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from app.database import upgrade
from tests.builders.clock import Clock
from tests.builders.databases import ENGINES, fresh_engine
from tests.builders.fake_ehr import FakeEhr, running_fake_ehr


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=ENGINES)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """The schema of this release on each engine it runs on."""
    with fresh_engine(request.param, tmp_path) as engine:
        upgrade(engine)
        yield engine


@pytest.fixture
def ehr() -> Iterator[FakeEhr]:
    with running_fake_ehr() as fake:
        yield fake


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Fails on any attempt to connect or to resolve a name; the count of attempts is what it returns."""
    attempts: list[object] = []

    def refuse(*args: object, **_: object) -> None:
        attempts.append(args)
        raise AssertionError("something tried to reach the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    return lambda: len(attempts)
