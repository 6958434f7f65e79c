"""The same journeys against every vendor profile of the embedded EHR: the same patient, the same answer.

What each profile does differently, and how far that can be trusted: `sandbox/profiles.py`.
"""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest

from sandbox.ids import id_shape
from sandbox.profiles import PROFILE_IDS, STANDARD, find_profile
from sandbox.store import BUNDLED_PATIENTS, PatientStore
from sandbox.vendor import VendorProfile
from tests.builders.two_servers import Browser, TwoServers, two_servers

SITUATIONS = ("stage_2", "stage_3", "aki_within_48_h", "too_little_data")


def _patients() -> dict[str, str]:
    """One stored patient id for each situation."""
    rows = PatientStore.load(BUNDLED_PATIENTS, datetime.now(UTC)).patients()
    return {name: next(row.id for row in rows if row.category == name) for name in SITUATIONS}


PATIENTS = _patients()


Cards = tuple[tuple[str, str], ...]
"""Indicator and summary of each."""


@dataclass(frozen=True)
class Looked:
    """What the app says of one patient: on its page, and in its cards."""

    stage: str
    risk: str
    cards: Cards


@dataclass(frozen=True)
class Site:
    """One profile with its servers."""

    profile: VendorProfile
    servers: TwoServers

    def patient(self, situation: str) -> str:
        return id_shape(self.profile.ids).outward(PATIENTS[situation])

    def look(self, situation: str) -> Looked:
        patient_id = self.patient(situation)
        page = self.servers.launch_in_tab(Browser(), patient_id)
        assert page.status_code == 200, page.text
        return Looked(*_page_says(page.text), self.cards(patient_id))

    def cards(self, patient_id: str) -> Cards:
        """What opening the chart brings."""
        return _cards(Browser().get(f"{self.servers.ehr_url}/patients/{patient_id}/cds").text)

    def order_cards(self, situation: str, shape: str) -> Cards:
        """What signing an order for ibuprofen brings."""
        chosen = {"service": "aki-order-sign", "drug": "5640", "shape": shape, "dialect": self.profile.cds_dialect}
        query = urlencode({"patient": self.patient(situation), **chosen})
        return _cards(Browser().get(f"{self.servers.ehr_url}/bench?{query}").text)


def _cards(page: str) -> Cards:
    problem = re.search(r'<p class="problem"[^>]*>(.*?)</p>', page, re.S)
    assert problem is None, problem
    found = re.findall(r'<p class="cds-indicator">(.*?)</p>\s*<h3>(.*?)</h3>', page, re.S)
    return tuple((indicator, html.unescape(summary)) for indicator, summary in found)


def _page_says(text: str) -> tuple[str, str]:
    now = re.search(r'<section[^>]*class="[^"]*\bnow\b[^"]*".*?</section>', text, re.S)
    forecast = re.search(r'<section[^>]*class="[^"]*\bforecast\b[^"]*".*?</section>', text, re.S)
    assert now, _words(text)
    assert forecast, _words(text)
    return _first_of(now[0], "headline"), _first_of(forecast[0], "number", "headline")


def _first_of(section: str, *classes: str) -> str:
    found = (re.search(rf'class="{name}[^>]*>(.*?)</', section, re.S) for name in classes)
    return next(_words(match[1]) for match in found if match)


def _words(text: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


@pytest.fixture(scope="module")
def standard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The EHR that does everything as specified."""
    with two_servers(STANDARD.id, tmp_path_factory.mktemp("standard")) as servers:
        yield Site(STANDARD, servers)


@pytest.fixture(scope="module")
def expected(standard: Site) -> dict[str, Looked]:
    """What the app says there."""
    return {situation: standard.look(situation) for situation in SITUATIONS}


@pytest.fixture(scope="module", params=[each for each in PROFILE_IDS if each != STANDARD.id])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with two_servers(request.param, tmp_path_factory.mktemp(request.param)) as servers:
        yield Site(find_profile(request.param), servers)


def test_the_standard_answers_are_worth_comparing(expected: dict[str, Looked]) -> None:
    assert expected["stage_2"].stage == "AKI stage 2"
    assert expected["too_little_data"].risk == "No number"
    assert expected["aki_within_48_h"].risk.endswith("%")
    assert [len(expected[name].cards) for name in ("stage_3", "aki_within_48_h")] == [1, 0]


@pytest.mark.parametrize("situation", SITUATIONS)
def test_page_and_card_say_the_same_as_on_a_standard_ehr(
    site: Site, situation: str, expected: dict[str, Looked]
) -> None:
    assert site.look(situation) == expected[situation]


@pytest.fixture(scope="module")
def expected_orders(standard: Site) -> Cards:
    return standard.order_cards("stage_2", "concept")


def test_the_standard_order_cards_are_worth_comparing(expected_orders: Cards) -> None:
    assert len(expected_orders) == 1


@pytest.mark.parametrize("shape", ["concept", "contained", "entry"])
def test_signing_an_order_brings_the_same_cards_wherever_its_drug_is_written(
    site: Site, shape: str, expected_orders: Cards
) -> None:
    if site.profile.dialect.fires("order-sign") != "order-sign":
        pytest.skip("this vendor does not fire order-sign")
    assert site.order_cards("stage_2", shape) == expected_orders
