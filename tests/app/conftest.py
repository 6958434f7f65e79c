"""Fixtures of the application: a clock that stands still, and the schema on each engine."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from app.storage.database import upgrade
from tests.builders.clock import Clock
from tests.builders.databases import ENGINES, fresh_engine


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=ENGINES)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """The schema of this release on each engine it runs on."""
    with fresh_engine(request.param, tmp_path) as engine:
        upgrade(engine)
        yield engine


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--renew-pictures", action="store_true", help="draw the kept pictures of the course anew")


@pytest.fixture
def renew_pictures(request: pytest.FixtureRequest) -> bool:
    """Whether pictures are to be drawn anew instead of compared (`make pictures`)."""
    return bool(request.config.getoption("--renew-pictures", default=False))
