"""Fixtures of the application: a clock that stands still, and the schema on each engine."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from app.storage.database import open_engine, upgrade
from tests.builders.clock import Clock
from tests.builders.commands import Aki, aki_in
from tests.builders.databases import ENGINES, fresh_database_url, fresh_engine


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=ENGINES)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """The schema of this release on each engine it runs on."""
    with fresh_engine(request.param, tmp_path) as engine:
        upgrade(engine)
        yield engine


@pytest.fixture(params=ENGINES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with fresh_database_url(request.param, tmp_path) as url:
        yield url


@pytest.fixture
def aki(database_url: str, tmp_path: Path) -> Aki:
    """Run a command in an installation of its own."""
    return aki_in(tmp_path, database_url)


@pytest.fixture
def prepared(aki: Aki, database_url: str) -> Iterator[Engine]:
    """The installation's database after `aki db upgrade`."""
    result = aki("db", "upgrade")
    assert result.exit_code == 0, result.output
    engine = open_engine(database_url)
    yield engine
    engine.dispose()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--renew-pictures", action="store_true", help="draw the kept pictures of the course anew")


@pytest.fixture
def renew_pictures(request: pytest.FixtureRequest) -> bool:
    """Whether pictures are to be drawn anew instead of compared (`make pictures`)."""
    return bool(request.config.getoption("--renew-pictures", default=False))
