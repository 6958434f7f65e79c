"""The app with one EHR that may launch it without a patient, and such a launch."""

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from app.factory import create_app
from app.launched.sessions import LaunchSession
from app.services import AppServices, open_services
from tests.builders.fake_ehr import FakeEhr, json_response
from tests.builders.registrations import ehr_table, local_ehrs, settings_for
from tests.builders.worklists import SEARCH, bundle, fill_charts, patient, started_without_patient


@pytest.fixture
def services(ehr: FakeEhr, tmp_path: Path, clock) -> AppServices:
    ehrs = local_ehrs(ehr_table(ehr.base_url, choose_patient=["ehr", "worklist"], write_back=True))
    return open_services(settings_for(tmp_path), ehrs=ehrs, clock=clock)


@pytest.fixture
def client(services: AppServices) -> FlaskClient:
    return create_app(services=services).test_client()


@pytest.fixture
def session(services: AppServices, client: FlaskClient, ehr: FakeEhr) -> LaunchSession:
    """A launch without a patient, in this browser, at an EHR that holds whatever a test says."""
    ehr.answers[SEARCH] = lambda _: json_response(bundle(patient()))
    fill_charts(ehr, patient(1), patient(2))
    return started_without_patient(services, client, ehr)
