"""Scopes that only fill lanes of the course are not asked for where the EHR's own list lacks them (SL-16)."""

from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from launch.client import ClientSettings, LaunchClient
from launch.registry import EhrRegistry
from launch.scopes import lists
from tests.builders.fake_ehr import FakeEhr, json_response
from tests.builders.registrations import local_registration

NEEDED, DISPENSABLE = "patient/Observation.rs", "patient/ImagingStudy.rs"


@pytest.mark.parametrize(
    ("supported", "asked"),
    [
        (["openid", NEEDED, DISPENSABLE], True),
        (["openid", "patient/*.rs"], True),
        (["openid", "patient/*.cruds"], True),
        (["openid", "patient/ImagingStudy.*"], True),
        (["openid", "patient/ImagingStudy.rs?status=available"], True),
        (["openid", NEEDED], False),
        (["openid", "user/ImagingStudy.rs", NEEDED], False),
        (["openid", "fhirUser", "launch", "launch/patient"], True),
        ([], True),
        (None, True),
        ("patient/Observation.rs", True),
    ],
    ids=str,
)
def test_a_dispensable_scope_is_left_out_only_where_a_list_of_resources_lacks_it(
    ehr: FakeEhr, clock, supported: object, asked: bool
) -> None:
    published = ehr.configuration() | {"scopes_supported": supported}
    ehr.answers["/fhir/.well-known/smart-configuration"] = lambda _: json_response(published)
    session = requests.Session()
    client = LaunchClient(
        EhrRegistry([local_registration(ehr.base_url)]),
        None,  # type: ignore[arg-type]  # no token is asked for here
        session_for=lambda _: session,
        clock=clock,
        settings=ClientSettings(
            "https://aki/callback", lambda *_: (NEEDED, DISPENSABLE), dispensable_scopes=lambda *_: (DISPENSABLE,)
        ),
    )
    begun = client.begin(ehr.fhir_base, "opaque")
    scopes = parse_qs(urlsplit(begun.url).query)["scope"][0].split()
    assert (DISPENSABLE in scopes) is asked
    assert NEEDED in scopes


@pytest.mark.parametrize(
    ("supported", "scope", "listed"),
    [
        ("patient/Observation.read", "patient/Observation.read", True),
        ("patient/*.read", "patient/Observation.read", True),
        ("patient/Observation.*", "patient/Observation.read", True),
        ("patient/Observation.cruds", "patient/Observation.rs", True),
        ("patient/Observation.r", "patient/Observation.rs", False),
        ("patient/Observation.write", "patient/Observation.read", False),
        ("system/Observation.rs", "patient/Observation.rs", False),
        ("launch", "launch/patient", False),
    ],
)
def test_a_list_holds_a_scope_that_a_wider_one_of_it_includes(supported: str, scope: str, listed: bool) -> None:
    assert lists(frozenset({supported}), scope) is listed
