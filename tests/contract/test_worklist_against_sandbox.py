"""A launch without a patient against the embedded EHR over real HTTP: search, open two, never mix, end both."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from sandbox.factory import BUNDLED_PATIENTS
from sandbox.launches import LaunchContext
from sandbox.store import PatientStore, PatientSummary
from tests.builders.smart_world import Browser, World, running_world

OFFERED = {"choose_patient": ["ehr", "worklist"], "refresh": "online_access", "write_back": True}
PHYSICIAN, NURSE = "okafor-ada", "tanaka-yui"  # the nurse is shown inpatients only


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running_world(tmp_path_factory.mktemp("worklist"), entry=OFFERED) as running:
        yield running


@pytest.fixture
def browser() -> Browser:
    return Browser()


def rows() -> tuple[PatientSummary, ...]:
    return PatientStore.load(BUNDLED_PATIENTS, datetime.now(UTC)).patients()


def someone(category: str) -> PatientSummary:
    return next(row for row in rows() if row.category == category)


def from_the_ehr(world: World, browser: Browser, practitioner: str = PHYSICIAN) -> str:
    """From the EHR's list, without a patient; the address of the worklist."""
    token = world.ehr.extensions["ehr"].launches.put(LaunchContext(practitioner_id=practitioner))
    begun = browser.get(f"{world.app_url}/launch/worklist?iss={world.ehr_url}/fhir&launch={token}")
    assert begun.status_code == 303, begun.text
    return _arrived(world, browser, browser.get(begun.headers["Location"]))


def from_the_start_page(world: World, browser: Browser, practitioner: str = PHYSICIAN) -> str:
    """Standalone: the EHR asks who is there, and for no patient."""
    begun = browser.get(f"{world.app_url}/launch/worklist?ehr=sandbox")
    asked = parse_qs(urlsplit(begun.headers["Location"]).query)
    assert "launch" not in asked
    assert "user/Patient.rs" in asked["scope"][0].split()
    assert not any(scope.startswith(("launch", "patient/")) for scope in asked["scope"][0].split())
    to_sign_in = browser.get(begun.headers["Location"])
    form = to_sign_in.headers["Location"]
    key = parse_qs(urlsplit(form).query)["request"][0]
    signed_in = requests.post(
        f"{world.ehr_url}/auth/sign-in",
        data={"request": key, "practitioner": practitioner, "action": "allow"},
        headers={"Origin": world.ehr_url},
        allow_redirects=False,
        timeout=30,
    )
    return _arrived(world, browser, signed_in)


def _arrived(world: World, browser: Browser, authorized: requests.Response) -> str:
    assert authorized.status_code == 303, authorized.text
    done = browser.get(authorized.headers["Location"])
    assert done.status_code == 303, done.text
    return world.app_url + done.headers["Location"]


def token_of(page: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found is not None
    return found[1]


def search(browser: Browser, worklist: str, **typed: str) -> str:
    """Search; the page with the list."""
    sent = browser.post(f"{worklist}search", csrf_token=token_of(browser.get(worklist).text), **typed)
    assert sent.status_code == 303, sent.text
    assert not any(value in sent.headers["Location"] for value in typed.values())
    return browser.get(worklist).text


def row_ids(page: str) -> list[str]:
    return re.findall(r'name="row" value="([^"]+)"', page)


def open_row(world: World, browser: Browser, worklist: str, row: str) -> str:
    opened = browser.post(f"{worklist}open", csrf_token=token_of(browser.get(worklist).text), row=row)
    assert opened.status_code == 303, opened.text
    return world.app_url + opened.headers["Location"]


def open_patient(world: World, browser: Browser, worklist: str, who: PatientSummary) -> str:
    (row,) = row_ids(search(browser, worklist, identifier=who.record_number))
    return open_row(world, browser, worklist, row)


@pytest.mark.parametrize("launch", [from_the_ehr, from_the_start_page])
def test_two_patients_opened_from_one_launch_never_mix_and_end_together(world, browser, launch) -> None:
    worklist = launch(world, browser)
    ill, well = someone("stage_3"), someone("no_aki")
    first = open_patient(world, browser, worklist, ill)
    second = open_patient(world, browser, worklist, well)
    assert len({first, second, worklist}) == 3
    for address, own, other in ((first, ill, well), (second, well, ill), (first, ill, well)):
        page = browser.get(address).text
        assert own.name in page
        assert other.name not in page
        assert worklist.removeprefix(world.app_url) in page
    listed = browser.get(worklist).text.partition("Opened in this session")[2]
    assert listed.index(ill.name) < listed.index(well.name)  # seen last, shown first
    assert "AKI stage 3" in listed
    browser.post(f"{second}end", csrf_token=token_of(browser.get(second).text))
    for address in (first, second, worklist):
        assert browser.get(address).status_code == 403


def test_who_may_be_found_is_the_ehrs_decision_for_each_user(world) -> None:
    outpatient = someone("outpatient")
    found = {}
    for practitioner in (PHYSICIAN, NURSE):
        browser = Browser()
        worklist = from_the_ehr(world, browser, practitioner)
        page = search(browser, worklist, identifier=outpatient.record_number)
        found[practitioner] = len(row_ids(page))
        assert ("no patient who matches" in page) is (practitioner == NURSE)
    assert found == {PHYSICIAN: 1, NURSE: 0}


def test_a_family_name_alone_finds_nobody_and_with_the_birth_date_finds_its_patient(world, browser) -> None:
    worklist = from_the_ehr(world, browser)
    ill = someone("stage_3")
    page = search(browser, worklist, identifier=ill.record_number)
    born = world.ehr.extensions["ehr_store"].resources(ill.id, "Patient")[0]["birthDate"]
    family = ill.name.rpartition(" ")[2]
    assert "Type a record number" in search(browser, worklist, family=family)
    page = search(browser, worklist, family=family.lower(), birth_date=born)
    assert ill.name in page.partition("Found")[2]
    assert len(row_ids(page)) == 1


def test_an_opened_patient_is_written_to_as_after_any_launch(world, browser) -> None:
    worklist = from_the_ehr(world, browser)
    ill, well = someone("stage_2"), someone("no_aki")
    open_patient(world, browser, worklist, well)
    address = open_patient(world, browser, worklist, ill)
    preview = browser.get(f"{address}write/assessment").text
    draft = re.search(r'name="draft" value="([^"]+)"', preview)
    assert draft is not None, preview
    written = browser.post(f"{address}write/assessment", csrf_token=token_of(preview), draft=draft[1])
    result = browser.get(world.app_url + written.headers["Location"]).text
    assert "Written to the chart" in result
    store = world.ehr.extensions["ehr_store"]
    assert [each["subject"]["reference"] for each in store.resources(ill.id, "RiskAssessment")] == [
        f"Patient/{ill.id}"
    ]
    assert store.resources(well.id, "RiskAssessment") == []


def test_a_token_ended_by_the_ehr_is_renewed_once_for_all_that_are_open(world, browser) -> None:
    worklist = from_the_ehr(world, browser)
    addresses = [open_patient(world, browser, worklist, someone(each)) for each in ("stage_3", "no_aki")]
    launch_id = worklist.rstrip("/").rpartition("/")[2]
    session = world.services.sessions.open(launch_id, browser.cookies)
    tokens = world.ehr.extensions["ehr"].tokens
    tokens.revoke(tokens.find(session.access_token, "access_token"))
    for address in addresses:
        assert browser.get(address).status_code == 200
    renewed = world.services.sessions.open(launch_id, browser.cookies)
    assert renewed.access_token != session.access_token
    assert renewed.refresh_token != session.refresh_token
