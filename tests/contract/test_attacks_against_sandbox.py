"""Attacks that need a real authorization server to fail against (hardening 4)."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.builders.smart_world import Browser, World, running_world, two_patients


def _authorized(world: World, browser: Browser, patient_id: str) -> dict[str, str]:
    """A launch up to the answer of the authorization server: its code and state, not yet used."""
    token = world.launch_token(patient_id)
    begun = browser.get(f"{world.app_url}/launch?iss={world.ehr_url}/fhir&launch={token}")
    back = browser.get(begun.headers["Location"]).headers["Location"]
    return {name: values[0] for name, values in parse_qs(urlsplit(back).query).items()}


def test_a_stolen_code_is_worth_nothing_in_another_launch(tmp_path: Path) -> None:
    with running_world(tmp_path) as world:
        victim, thief = Browser(), Browser()
        first, second = two_patients(world)
        stolen = _authorized(world, victim, first)["code"]
        own = _authorized(world, thief, second)["state"]
        refused = thief.get(f"{world.app_url}/callback?state={own}&code={stolen}")
        assert refused.status_code == 502
        assert "token-refused" in refused.text
        with world.services.engine.connect() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM launch_session").scalar() == 0
