"""`aki ehr check` against the embedded EHR in every vendor's profile: no false alarm, and nothing real unsaid."""

from pathlib import Path

import pytest

from app.checking.cli_tools import tools_for
from app.checking.run import check_ehr
from sandbox.profiles import PROFILE_IDS
from tests.builders.two_servers import two_servers


@pytest.mark.parametrize("profile", PROFILE_IDS)
def test_an_ehr_that_launches_has_no_problem_in_its_report(profile: str, tmp_path: Path) -> None:
    with two_servers(profile, tmp_path) as servers:
        (ehr,) = servers.app.ehrs
        report = check_ehr(ehr, tools_for(ehr, servers.app.settings))
    problems = [finding for finding in report.findings if finding.status == "problem"]
    assert problems == []
    assert {"connection", "discovery", "endpoints", "chart"} <= {finding.topic for finding in report.findings}
    says_smart_1 = any("older way, by CapabilityStatement" in finding.text for finding in report.findings)
    assert says_smart_1 == (profile == "smart-1")
