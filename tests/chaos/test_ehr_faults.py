"""The EHR is slow, down or lying: the page says so, shows nobody else, and gives no false number."""

from collections.abc import Iterator

import pytest

from tests.builders.smart_world import Browser, World, launched_page, running_world

PATIENT = "10005817"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running_world(tmp_path_factory.mktemp("world")) as running:
        yield running


@pytest.fixture
def page(world: World) -> Iterator[tuple[Browser, str]]:
    """A patient's page, opened while all was well."""
    world.ehr.extensions["ehr"].faults.reset()
    browser = Browser()
    address = launched_page(world, browser, PATIENT)
    well = browser.get(address)
    assert well.status_code == 200
    assert not [sign for sign in ("could not be read", "foo", "another patient") if sign in well.text]
    yield browser, address
    world.ehr.extensions["ehr"].faults.reset()


@pytest.mark.parametrize(
    ("fault", "value", "status", "said"),
    [
        ("unavailable", "any", 504, "chart-unavailable"),
        ("broken", "any", 504, "chart-unavailable"),
        ("forbidden", "any", 502, "chart-refused"),
        ("unavailable", "Patient", 504, "chart-unavailable"),
        ("forbidden", "Patient", 502, "chart-refused"),
        ("unavailable", "Observation", 200, "could not be read"),
        ("broken", "Observation", 200, "could not be read"),
        ("forbidden", "Observation", 200, "could not be read"),
        ("login_page", "Observation", 200, "could not be read"),
        ("cut_off", "Observation", 200, "could not be read"),
        ("foreign_next", "on", 200, "could not be read"),
        ("page_2_fails", "on", 200, "could not be read"),
        ("bad_unit", "on", 200, "foo"),
        ("foreign_patient", "on", 200, "another patient"),
        ("unsorted", "on", 200, None),
        ("repeats", "on", 200, None),
        ("outcome_entry", "on", 200, None),
    ],
)
def test_a_fault_of_the_ehr_is_told_and_never_becomes_a_quiet_answer(
    world: World, page: tuple[Browser, str], fault: str, value: str, status: int, said: str | None
) -> None:
    browser, address = page
    world.ehr.extensions["ehr"].faults.turn_on(fault, value)
    answer = browser.get(address)
    print(f"{fault}={value}: {answer.status_code}")
    assert answer.status_code == status
    if said is not None:
        assert said in answer.text
    world.ehr.extensions["ehr"].faults.reset()
    assert browser.get(address).status_code == 200  # nothing of it is kept
