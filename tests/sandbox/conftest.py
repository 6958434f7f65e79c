"""The embedded EHR with a CDS service that listens."""

from collections.abc import Iterator

import pytest

from tests.builders.cds_listener import Listener, listening
from tests.builders.smart_app import SmartApp, new_smart_app


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def ehr(listener: Listener) -> Iterator[SmartApp]:
    with listening(listener) as address:
        yield new_smart_app(app_url=address)
