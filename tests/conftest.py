"""Fixtures of several rooms: a fake EHR, and a guard against any connection."""

import socket
from collections.abc import Callable, Iterator

import pytest

from tests.builders.fake_ehr import FakeEhr, running_fake_ehr


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
