"""The product launched from the embedded EHR over real HTTP, with every way of client authentication."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.auditing.anchors import verify
from tests.builders.smart_world import (
    BASIC_SECRET,
    Browser,
    World,
    launched_page,
    running_world,
    two_patients,
)


@pytest.fixture
def auth(request: pytest.FixtureRequest) -> dict[str, Any]:
    return dict(getattr(request, "param", {}))


@pytest.fixture
def world(auth: dict[str, Any], tmp_path: Path) -> Iterator[World]:
    with running_world(tmp_path, auth) as both:
        yield both


@pytest.mark.parametrize(
    "auth",
    [
        {"signing_alg": "ES384"},
        {"signing_alg": "RS384"},
        {"client_id": "aki-sentinel-basic", "auth_method": "client_secret_basic", "client_secret": BASIC_SECRET},
        {"client_id": "aki-sentinel-public", "auth_method": "public"},
        {"signing_alg": "ES384", "scope_syntax": "v1"},
    ],
    indirect=True,
    ids=["es384", "rs384", "basic", "public", "v1-scopes"],
)
def test_a_launch_arrives_at_its_patient_with_a_verified_clinician(world: World) -> None:
    browser = Browser()
    patient_id, _ = two_patients(world)
    page = launched_page(world, browser, patient_id)
    session = world.services.sessions.open(page.rstrip("/").rsplit("/", 1)[1], browser.cookies)
    assert session.patient_id == patient_id
    assert session.fhir_user == "Practitioner/okafor-ada"
    assert session.fhir_base_url == f"{world.ehr_url}/fhir"
    assert session.scopes
    assert verify(world.services.engine) is None


def test_two_patients_side_by_side_show_their_own_charts(world: World) -> None:
    browser = Browser()
    first, second = two_patients(world)
    pages = {patient_id: launched_page(world, browser, patient_id) for patient_id in (first, second)}
    for patient_id, page in pages.items():
        shown = browser.get(page)
        assert shown.status_code == 200, shown.text
        assert f"frame-ancestors {world.ehr_url}" in shown.headers["Content-Security-Policy"]
        viewed = list(world.services.audit.events())[-1]
        assert (viewed["action"], viewed["patient_id"]) == ("chart-viewed", patient_id)
    assert Browser().get(pages[first]).status_code == 403


def test_a_callback_used_twice_is_a_clear_page(world: World) -> None:
    browser = Browser()
    patient_id, _ = two_patients(world)
    token = world.launch_token(patient_id)
    begun = browser.get(f"{world.app_url}/launch?iss={world.ehr_url}/fhir&launch={token}")
    callback = browser.get(begun.headers["Location"]).headers["Location"]
    assert browser.get(callback).status_code == 303
    again = browser.get(callback)
    assert again.status_code == 400
    assert "launch-not-recognised" in again.text


def test_a_launch_token_the_ehr_does_not_know_ends_in_plain_words(world: World) -> None:
    browser = Browser()
    begun = browser.get(f"{world.app_url}/launch?iss={world.ehr_url}/fhir&launch=unknown")
    refused = browser.get(begun.headers["Location"])
    assert refused.status_code == 303
    page = browser.get(refused.headers["Location"])
    assert page.status_code == 403
    assert "authorization-refused" in page.text
