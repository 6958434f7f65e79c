"""The assembled application: health, headers, error pages, logs, and nothing said that should not be."""

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from prometheus_client import REGISTRY

from app.factory import create_app
from app.services import AppServices, open_services
from app.telemetry import logs
from app.web.errors import PUBLIC_ERRORS, public_error
from launch.errors import LaunchError
from model.artifact import ModelRefused
from patient_context.errors import PatientContextError
from tests.builders.registrations import ehr_table, local_ehrs, settings_for


@pytest.fixture
def services(tmp_path: Path, clock) -> AppServices:
    ehrs = local_ehrs(ehr_table("http://127.0.0.1:9"))
    return open_services(settings_for(tmp_path), ehrs=ehrs, clock=clock)


@pytest.fixture
def application(services: AppServices) -> Flask:
    return create_app(services=services)


def _kinds(base: type[Exception]) -> set[type[Exception]]:
    return {base}.union(*(_kinds(kind) for kind in base.__subclasses__()))


def test_every_error_of_launch_and_chart_reading_has_words_and_a_status() -> None:
    for kind in _kinds(LaunchError) | _kinds(PatientContextError):
        found = public_error(kind.__new__(kind))
        assert found.code != "internal-error", kind
        assert found.status >= 400
        assert found.cause
        assert found.next_step
    codes = [row.code for row in PUBLIC_ERRORS.values()]
    assert len(codes) == len(set(codes))


def test_health_and_readiness_say_what_is_wrong(application: Flask, services: AppServices) -> None:
    client = application.test_client()
    assert client.get("/health").json["status"] == "ok"
    with services.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE alembic_version")
    ready = client.get("/ready")
    assert ready.status_code == 503
    assert "database" in {problem["part"] for problem in ready.json["problems"]}


def test_a_refused_model_degrades_readiness_but_keeps_the_traffic_that_staging_serves(
    services: AppServices,
) -> None:
    without_model = create_app(services=replace(services, model=ModelRefused("tampered", "digest differs")))
    ready = without_model.test_client().get("/ready")
    assert (ready.status_code, ready.json["status"]) == (200, "degraded")
    assert [problem["part"] for problem in ready.json["problems"]] == ["model"]


def test_metrics_count_by_endpoint_name_and_never_by_path(application: Flask) -> None:
    client = application.test_client()
    client.get("/p/canary0000/")
    text = client.get("/metrics").text
    assert 'aki_requests_total{endpoint="pages.patient",status="403"}' in text
    assert "canary" not in text
    assert REGISTRY.get_sample_value("aki_requests_total", {"endpoint": "pages.patient", "status": "403"})


@pytest.mark.parametrize("path", ["/", "/launch", "/callback", "/p/x/", "/health", "/nothing", "/cds-services/x"])
def test_every_answer_carries_the_protective_headers(application: Flask, path: str) -> None:
    headers = application.test_client().get(path).headers
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'")
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert "X-Frame-Options" not in headers
    assert "Strict-Transport-Security" not in headers


def test_https_is_made_to_stick(tmp_path: Path, clock) -> None:
    settings = settings_for(tmp_path, public_url="https://aki.example.org")
    held = open_services(settings, ehrs=local_ehrs(ehr_table("http://127.0.0.1:9")), clock=clock)
    headers = create_app(services=held).test_client().get("/health").headers
    assert headers["Strict-Transport-Security"].startswith("max-age=")


def test_public_keys_and_static_files_may_be_kept_by_caches(application: Flask) -> None:
    client = application.test_client()
    assert client.get("/.well-known/jwks.json").headers["Cache-Control"] == "public, max-age=900"
    with client.get("/static/page.css") as static:
        assert static.headers["Cache-Control"] != "no-store"


@pytest.mark.parametrize(
    ("given", "kept"), [("abcdef-12345678", True), ("short", False), ("x" * 65, False), ("a b c d e f g", False)]
)
def test_a_sane_request_id_is_taken_over_and_any_other_replaced(
    application: Flask, given: str, kept: bool
) -> None:
    answered = application.test_client().get("/health", headers={"X-Request-Id": given}).headers["X-Request-Id"]
    assert (answered == given) is kept
    assert len(answered) >= 8


def test_a_fault_of_ours_says_nothing_of_its_cause(application: Flask, capfd: pytest.CaptureFixture[str]) -> None:
    @application.get("/fault")
    def fault() -> str:
        raise RuntimeError("canary patient value")

    logs.configure_logs("DEBUG")  # again, onto the captured stream
    response = application.test_client().get("/fault")
    written = capfd.readouterr().err
    assert response.status_code == 500
    assert "canary" not in response.text + written
    line = json.loads(next(each for each in written.splitlines() if "request failed" in each))
    assert line["error_type"] == "RuntimeError"
    assert line["place"][-1].endswith(" fault")
    assert line["request_id"] == response.headers["X-Request-Id"]


def test_a_program_is_answered_with_an_operation_outcome(application: Flask) -> None:
    response = application.test_client().get("/launch", headers={"Accept": "application/json"})
    assert response.json["resourceType"] == "OperationOutcome"
    assert response.json["issue"][0]["details"]["coding"][0]["code"] == "launch-parameters-missing"


def test_an_error_page_does_not_need_the_templates(application: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> str:
        raise RuntimeError("template")

    monkeypatch.setattr("app.web.error_pages.render_template", broken)
    response = application.test_client().get("/launch")
    assert response.status_code == 400
    assert "launch-parameters-missing" in response.text


def test_forwarded_addresses_count_only_behind_a_trusted_proxy(tmp_path: Path, clock) -> None:
    seen: dict[int, str | None] = {}
    for hops in (0, 1):
        settings = settings_for(tmp_path / str(hops), trusted_proxy_count=hops)
        held = open_services(settings, ehrs=local_ehrs(ehr_table("http://127.0.0.1:9")), clock=clock)
        made = create_app(services=held)

        @made.get("/who")
        def who() -> str:
            from flask import request

            return str(request.remote_addr)

        seen[hops] = made.test_client().get("/who", headers={"X-Forwarded-For": "198.51.100.7"}).text
    assert seen == {0: "127.0.0.1", 1: "198.51.100.7"}


def test_a_log_line_keeps_listed_fields_only_and_withholds_what_libraries_say(capfd) -> None:
    import structlog

    logs.configure_logs("INFO")
    structlog.get_logger("app.x").info("happened", status=200, patient="canary", url="canary", token="canary")
    logging.getLogger("urllib3.connectionpool").error("Retrying /fhir/Observation?patient=canary")
    logging.getLogger("some.library").warning("GET %s", "https://ehr/Patient/canary")
    written = capfd.readouterr().err
    assert "canary" not in written
    lines = [json.loads(line) for line in written.splitlines()]
    assert [line["event"] for line in lines] == [
        "happened",
        "library message withheld",
        "library message withheld",
    ]
    assert lines[0]["status"] == 200
