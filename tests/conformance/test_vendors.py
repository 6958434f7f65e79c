"""docs/vendors.md says what was verified: every profile and dialect it names exists, and no vendor is left out."""

import re

import pytest

from sandbox.profiles import PROFILE_IDS
from tests.conformance.tables import ROOT

TEXT = (ROOT / "docs/vendors.md").read_text(encoding="utf-8")
DIALECTS = (ROOT / "tests/launch/test_dialects.py").read_text(encoding="utf-8")
VENDORS = (
    "Epic",
    "Oracle Health",
    "athenahealth",
    "Veradigm",
    "MEDITECH",
    "Smile CDR",
    "InterSystems",
    "Medplum",
    "AWS HealthLake",
    "Google Cloud Healthcare",
    "Azure",
    "Redox",
    "SMART Health IT launcher",
)


@pytest.mark.parametrize("vendor", VENDORS)
def test_every_vendor_has_a_section_that_says_what_was_tested_and_what_was_not(vendor: str) -> None:
    section = re.split(r"^## ", TEXT, flags=re.MULTILINE)
    (found,) = [each for each in section if each.startswith(vendor)]
    assert "**Tested**" in found
    assert "**Documentation only**" in found or "**Not yet done**" in found or "nothing of its own" in found


def test_every_profile_and_dialect_it_names_exists() -> None:
    kinds = re.findall(r"(profiles?|dialects?)((?: (?:and )?`[a-z0-9\-]+`,?)+)", TEXT)
    assert len(kinds) > 10
    for kind, names in kinds:
        for name in re.findall(r"`([^`]+)`", names):
            known = name in PROFILE_IDS if kind.startswith("profile") else f'"{name}": Dialect(' in DIALECTS
            assert known, f"{kind} {name}"
