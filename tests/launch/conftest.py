"""The launch room's clock, which stands still."""

import pytest

from tests.builders.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()
