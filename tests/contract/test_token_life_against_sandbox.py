"""Refresh, revocation and backend services against the embedded EHR's authorization server."""

from pathlib import Path

import requests

from launch.backend import BackendServices
from launch.discovery import Discovery
from tests.builders.smart_world import Browser, World, launched_page, running_world, two_patients

BACKEND = {"client_id": "aki-sentinel-backend", "scopes": ["system/Patient.rs", "system/Observation.rs"]}


def _spend_access_token(world: World, access_token: str) -> None:
    """What the EHR does when it ends an access token early, or its clock runs ahead of ours."""
    tokens = world.ehr.extensions["ehr"].tokens
    tokens.revoke(tokens.find(access_token, "access_token"))


def test_a_page_outlives_its_access_token_where_the_site_asks_for_online_access(tmp_path: Path) -> None:
    with running_world(tmp_path, {"refresh": "online_access"}, access_token_seconds=20) as world:
        browser = Browser()
        patient_id, _ = two_patients(world)
        page = launched_page(world, browser, patient_id)
        launch_id = page.rstrip("/").rsplit("/", 1)[1]
        first = world.services.sessions.open(launch_id, browser.cookies)
        assert first.refresh_token
        assert browser.get(page).status_code == 200  # 20 s left is too little to start with: renewed
        second = world.services.sessions.open(launch_id, browser.cookies)
        assert second.access_token != first.access_token
        assert second.refresh_token != first.refresh_token
        assert second.patient_id == patient_id


def test_without_the_setting_no_refresh_token_is_asked_for(tmp_path: Path) -> None:
    with running_world(tmp_path) as world:
        browser = Browser()
        page = launched_page(world, browser, two_patients(world)[0])
        session = world.services.sessions.open(page.rstrip("/").rsplit("/", 1)[1], browser.cookies)
        assert session.refresh_token is None
        assert not {"online_access", "offline_access"} & session.scopes


def test_a_token_the_ehr_has_ended_leads_to_a_clear_page_that_shows_nothing(tmp_path: Path) -> None:
    with running_world(tmp_path) as world:
        browser = Browser()
        page = launched_page(world, browser, two_patients(world)[0])
        session = world.services.sessions.open(page.rstrip("/").rsplit("/", 1)[1], browser.cookies)
        _spend_access_token(world, session.access_token)
        shown = browser.get(page)
        assert shown.status_code == 502
        assert "chart-refused" in shown.text
        assert "Open the app again from the patient&#39;s chart." in shown.text


def test_ending_a_session_revokes_its_tokens_at_the_ehr(tmp_path: Path) -> None:
    with running_world(tmp_path, {"refresh": "offline_access"}) as world:
        browser = Browser()
        page = launched_page(world, browser, two_patients(world)[0])
        session = world.services.sessions.open(page.rstrip("/").rsplit("/", 1)[1], browser.cookies)
        bearer = {"Authorization": f"Bearer {session.access_token}"}
        chart = f"{world.ehr_url}/fhir/Patient/{session.patient_id}"
        assert requests.get(chart, headers=bearer, timeout=60).status_code == 200
        assert browser.post(f"{page}end", csrf_token=session.csrf_token).status_code == 200
        assert requests.get(chart, headers=bearer, timeout=60).status_code == 401
        assert list(world.services.audit.events())[-1]["outcome"] == "revoked"
        assert browser.get(page).status_code == 403


def test_the_backend_client_reads_with_system_scopes(tmp_path: Path) -> None:
    with running_world(tmp_path, {"backend": BACKEND}) as world:
        services = world.services
        discovery = Discovery(services.outbound.for_launch, services.clock)
        backend = BackendServices(
            services.client_keys, discovery, session_for=services.outbound.for_launch, clock=services.clock
        )
        registration = services.ehrs.by_id("sandbox").launch
        tokens = backend.tokens(registration)
        assert tokens.scopes == {"system/Patient.rs", "system/Observation.rs"}
        assert tokens.refresh_token is None
        answer = requests.get(
            f"{world.ehr_url}/fhir/Patient/{two_patients(world)[0]}",
            headers={"Authorization": f"Bearer {tokens.access_token}"},
            timeout=60,
        )
        assert answer.status_code == 200
        backend.forget(registration)
        assert backend.tokens(registration).access_token != tokens.access_token
