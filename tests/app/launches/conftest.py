"""Two registered hospitals, and a browser at the app."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from app.factory import create_app
from app.services import AppServices, open_services
from tests.builders.fake_ehr import FakeEhr, running_fake_ehr
from tests.builders.launching import TOKEN
from tests.builders.registrations import ehr_table, local_ehrs, settings_for


@pytest.fixture
def other_ehr() -> Iterator[FakeEhr]:
    with running_fake_ehr() as fake:
        yield fake


@pytest.fixture
def services(ehr: FakeEhr, other_ehr: FakeEhr, tmp_path: Path, clock) -> AppServices:
    ehrs = local_ehrs(
        ehr_table(ehr.base_url, scopes=["openid", "fhirUser", "patient/*.rs"]),
        ehr_table(other_ehr.base_url, id="other"),
    )
    ehr.token_response = dict(TOKEN)
    return open_services(settings_for(tmp_path), ehrs=ehrs, clock=clock)


@pytest.fixture
def client(services: AppServices) -> FlaskClient:
    return create_app(services=services).test_client()
