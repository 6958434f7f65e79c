"""Every address that takes a POST refuses one that did not come from its own page (SL-58)."""

from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from app.factory import create_app
from app.launched.sessions import cookie_name
from app.services import AppServices, open_services
from launch.context import LaunchContext, Tokens
from tests.builders.fake_ehr import FakeEhr
from tests.builders.registrations import ehr_table, local_ehrs, settings_for

#: Called by EHRs with a signed token of their own and never with a cookie: there is nothing to forge.
WITHOUT_COOKIES = {"cds_hooks.serve", "cds_hooks.feedback", "cds_hooks.discover"}


@pytest.fixture
def services(ehr: FakeEhr, tmp_path: Path, clock) -> AppServices:
    ehrs = local_ehrs(ehr_table(ehr.base_url, write_back=True))
    return open_services(settings_for(tmp_path), ehrs=ehrs, clock=clock)


@pytest.fixture
def app(services: AppServices) -> Flask:
    return create_app(services=services)


def _posting(app: Flask) -> list[Rule]:
    changing = {"POST", "PUT", "PATCH", "DELETE"}
    return [rule for rule in app.url_map.iter_rules() if changing & (rule.methods or set())]


def _address(app: Flask, rule: Rule, launch_id: str) -> str:
    known = {"launch_id": launch_id, "kind": "assessment"}
    values = {name: known.get(name, "x") for name in rule.arguments}
    with app.test_request_context():
        built = app.url_map.bind("aki").build(rule.endpoint, values, method="POST")
    return str(built)


def _signed_in(app: Flask, services: AppServices, ehr: FakeEhr) -> tuple[FlaskClient, str]:
    tokens = Tokens("at", services.clock() + timedelta(hours=1), frozenset({"patient/*.rs"}))
    session, ticket = services.sessions.start(LaunchContext("local", ehr.fhir_base, "p1", tokens))
    client = app.test_client()
    client.set_cookie(cookie_name(session.id), ticket.secret, domain="aki", secure=True)
    return client, session.id


def test_every_post_with_the_launchs_cookie_alone_is_refused_and_changes_nothing(app, services, ehr) -> None:
    client, launch_id = _signed_in(app, services, ehr)
    guarded = [rule for rule in _posting(app) if rule.endpoint not in WITHOUT_COOKIES]
    assert {rule.endpoint for rule in guarded} >= {"session.end", "pages.write"}
    for rule in guarded:
        address = _address(app, rule, launch_id)
        for form in ({}, {"csrf_token": ""}, {"csrf_token": "guessed"}):
            response = client.post(address, data=form, base_url="https://aki")
            assert response.status_code == 403, rule.endpoint
            assert "request-forged" in response.text, rule.endpoint
    assert services.sessions.open(launch_id, {c.key: c.value for c in client._cookies.values()})
    assert ehr.asked == []
    assert list(services.audit.events()) == []


def test_a_post_of_an_ehr_is_refused_without_its_signed_token_whatever_cookies_come_with_it(
    app, services, ehr
) -> None:
    client, launch_id = _signed_in(app, services, ehr)
    taken = [rule for rule in _posting(app) if rule.endpoint in WITHOUT_COOKIES]
    assert {rule.endpoint for rule in taken} == WITHOUT_COOKIES
    for rule in taken:
        response = client.post(_address(app, rule, launch_id), json={}, base_url="https://aki")
        assert response.status_code in (401, 404, 405), rule.endpoint
    assert ehr.asked == []


def test_a_form_sent_after_the_session_ended_is_told_so_inside_the_ehrs_frame(app, services, ehr) -> None:
    client, launch_id = _signed_in(app, services, ehr)
    services.sessions.end(launch_id)
    for address in (f"/p/{launch_id}/end", f"/p/{launch_id}/write/assessment"):
        response = client.post(address, base_url="https://aki")
        assert response.status_code == 403
        assert "session-missing" in response.text
        assert response.headers["Content-Security-Policy"].endswith(f"frame-ancestors {ehr.base_url}")
