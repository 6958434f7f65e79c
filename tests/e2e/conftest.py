"""One demo and one browser for all browser tests; what the browser complains of is collected."""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from app.demo.processes import DemoSetting
from tests.e2e.stage import Complaints, chromium_path, running_chromium, running_demo

# A shared machine may be slow; what is waited for is never a duration.
expect.set_options(timeout=20_000)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoSetting]:
    with running_demo(tmp_path_factory.mktemp("demo")) as setting:
        yield setting


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = chromium_path()
    if path is None:
        reason = "chromium is not installed (apt-get install chromium)"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)  # noqa: TID251
    with running_chromium(path) as found:
        yield found


@pytest.fixture
def complaints() -> Complaints:
    return Complaints()


@pytest.fixture
def page(browser: Browser, complaints: Complaints) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.on("page", complaints.listen)
    yield context.new_page()
    context.close()
