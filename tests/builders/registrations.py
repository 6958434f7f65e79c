"""EHR registrations and settings as tests need them."""

from pathlib import Path
from typing import Any

from app.configured.ehrs import Ehrs, ehrs_from
from app.configured.settings import Settings
from launch.registry import EhrRegistration

MASTER_KEY = "a master key for tests that is long enough"


def registration(**changes: Any) -> EhrRegistration:
    """A production-like registration; give what differs."""
    usual: dict[str, Any] = {
        "id": "general",
        "name": "General Hospital",
        "iss": "https://ehr.example.org/fhir/r4",
        "client_id": "aki-sentinel",
    }
    return EhrRegistration(**{**usual, **changes})


def local_registration(base_url: str, **changes: Any) -> EhrRegistration:
    """A registration of an EHR running in this test, over plain http."""
    return registration(**ehr_table(base_url, **changes))


def ehr_table(base_url: str, **changes: Any) -> dict[str, Any]:
    """The same as a table of `ehrs.toml`."""
    usual = {
        "id": "local",
        "name": "Local EHR",
        "iss": f"{base_url}/fhir",
        "client_id": "aki-sentinel",
        "frame_ancestors": [base_url],
        "networks": ["127.0.0.0/8"],
        "allow_http": True,
    }
    return {**usual, **changes}


def local_ehrs(*tables: dict[str, Any]) -> Ehrs:
    """A registry of EHRs running in this test."""
    return ehrs_from({"ehr": list(tables)}, development=True)


def settings_for(state_dir: Path, **changes: Any) -> Settings:
    """Development settings with their state in a folder of the test."""
    usual: dict[str, Any] = {
        "development": True,
        "master_key": MASTER_KEY,
        "state_dir": state_dir,
        "public_url": "http://127.0.0.1:8080",
    }
    return Settings(**{**usual, **changes})
