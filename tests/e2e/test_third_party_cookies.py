"""The app in the frame of another site's page, as an EHR shows it, in browsers that block cookies (SL-57, SL-59).

The framing page is on `localhost`, the app on 127.0.0.1: two sites, so the app's cookies are third-party ones.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from markupsafe import escape
from playwright.sync_api import Browser, Page, expect
from werkzeug.wrappers import Request, Response

from tests.builders.fake_ehr import running
from tests.builders.smart_world import World, running_world, two_patients
from tests.e2e.stage import CHROMIUM_ARGUMENTS, chromium_path

pytestmark = pytest.mark.browser


def _framing_page(environ: Any, start_response: Any) -> Any:
    """A page of another site with one frame."""
    address = escape(Request(environ).args.get("app", ""))
    body = f'<!doctype html><title>EHR</title><iframe id="app" src="{address}"></iframe>'
    return Response(body, mimetype="text/html")(environ, start_response)


@contextmanager
def _framed(state: Path) -> Iterator[tuple[World, str]]:
    """Both servers, and the address of a framing page of another site."""
    with running(_framing_page) as address:
        host = address.replace("127.0.0.1", "localhost")
        with running_world(state, {"frame_ancestors": [host]}) as world:
            yield world, host


def _launch_in_frame(page: Page, world: World, host: str) -> list[str]:
    """Open the framing page on a launch; every address the frame then loads."""
    loaded: list[str] = []
    page.on("framenavigated", lambda frame: loaded.append(frame.url) if frame.parent_frame else None)
    token = world.launch_token(two_patients(world)[0])
    page.goto(f"{host}/?app={world.app_url}/launch%3Fiss%3D{world.ehr_url}/fhir%26launch%3D{token}")
    return loaded


def test_with_third_party_cookies_blocked_the_app_works_in_its_frame_and_survives_a_reload(
    browser: Browser, tmp_path: Path
) -> None:
    arguments = [*CHROMIUM_ARGUMENTS, "--test-third-party-cookie-phaseout"]
    strict = browser.browser_type.launch(executable_path=chromium_path(), args=arguments)
    try:
        with _framed(tmp_path) as (world, host):
            page = strict.new_page()
            _launch_in_frame(page, world, host)
            headline = page.frame_locator("#app").locator("h1")
            headline.wait_for()
            name = headline.inner_text()
            assert name
            assert "/p/" in page.frames[1].url
            page.frames[1].goto(page.frames[1].url)
            expect(headline).to_have_text(name)
    finally:
        strict.close()


def test_with_all_cookies_blocked_the_launch_ends_at_a_clear_page_without_a_loop(
    browser: Browser, tmp_path: Path
) -> None:
    profile = tmp_path / "profile" / "Default"
    profile.mkdir(parents=True)
    blocked = {"profile": {"default_content_setting_values": {"cookies": 2}}}
    (profile / "Preferences").write_text(json.dumps(blocked), encoding="utf-8")
    context = browser.browser_type.launch_persistent_context(
        profile.parent, executable_path=chromium_path(), args=list(CHROMIUM_ARGUMENTS), headless=True
    )
    try:
        with _framed(tmp_path / "state") as (world, host):
            page = context.new_page()
            loaded = _launch_in_frame(page, world, host)
            framed = page.frame_locator("#app")
            expect(framed.locator("h1")).to_contain_text("did not bring its launch cookie")
            expect(framed.locator("main")).to_contain_text("open it in a new window")
            assert len(loaded) == 1
            assert "/callback" in loaded[0]
    finally:
        context.close()
