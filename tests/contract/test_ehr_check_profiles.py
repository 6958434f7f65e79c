"""`aki ehr check` against the embedded EHR in every vendor's profile: no false alarm, and nothing real unsaid.

With the token of a launch it reads a test patient too. What it says of each is a row of docs/vendors.md.
"""

from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest

from app.checking.cli_tools import tools_for
from app.checking.findings import Finding
from app.checking.run import check_ehr
from sandbox.ids import id_shape
from sandbox.profiles import PROFILE_IDS, find_profile
from tests.builders.smart_world import a_patient
from tests.builders.two_servers import Browser, TwoServers, two_servers

VENDORS: Final = Path(__file__).parents[2] / "docs" / "vendors.md"
WITH_PLAIN_HTTP: Final = "connection"  # the one note that every demonstration on this machine gets
TOPICS: Final = {"connection", "discovery", "endpoints", "identity", "fhir", "chart", "values", "paging", "codes"}


def _checked(servers: TwoServers, profile: str) -> tuple[Finding, ...]:
    """The findings, with the token of a launch and its patient."""
    browser = Browser()
    page = servers.launch_in_tab(browser, id_shape(find_profile(profile).ids).outward(a_patient("stage_2")))
    cookies = browser.cookies[urlsplit(servers.app_url).netloc]
    session = servers.app.sessions.open(page.url.rstrip("/").rsplit("/", 1)[1], cookies)
    (ehr,) = servers.app.ehrs
    tools = tools_for(ehr, servers.app.settings)
    return check_ehr(ehr, tools, token=session.access_token, patient=session.patient_id).findings


def _row(profile: str, findings: tuple[Finding, ...]) -> str:
    """The line of the table: what was read, and what the site is told."""
    text = {finding.topic: finding.text for finding in findings}
    notes = [each.text for each in findings if each.status == "note" and each.topic != WITH_PLAIN_HTTP]
    syntax = "v2" if "v2" in text.get("scopes", "") else "v1"
    return f"| `{profile}` | {syntax} | {text['paging']} | {' '.join(notes) or 'none'} |"


@pytest.mark.parametrize("profile", PROFILE_IDS)
def test_an_ehr_that_launches_has_no_problem_in_its_report_which_the_vendors_page_shows(
    profile: str, tmp_path: Path
) -> None:
    with two_servers(profile, tmp_path) as servers:
        findings = _checked(servers, profile)
    assert [finding for finding in findings if finding.status in ("problem", "skipped")] == []
    assert {finding.topic for finding in findings} >= TOPICS
    says_smart_1 = any("older way, by CapabilityStatement" in finding.text for finding in findings)
    assert says_smart_1 == (profile == "smart-1")
    assert _row(profile, findings) in VENDORS.read_text(encoding="utf-8").splitlines()
