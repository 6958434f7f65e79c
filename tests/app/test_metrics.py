"""What is counted, what is passed on to the EHR, and that no label can hold anything of a patient."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import requests
import structlog
from flask import Flask
from prometheus_client import REGISTRY, Counter, Histogram
from sqlalchemy import insert
from werkzeug.wrappers import Response

from app.auditing.trail import AuditFailed
from app.egress.connections import LOOPBACK
from app.egress.guarded import Limits, OutboundRefused
from app.egress.observed import ObservedSession
from app.factory import create_app
from app.services import AppServices, open_services
from app.storage.tables import JudgedPredictionRow
from app.telemetry import counters, metrics
from model.artifact import ModelRefused
from tests.builders.registrations import ehr_table, local_ehrs, settings_for

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def services(tmp_path: Path, clock) -> AppServices:
    ehrs = local_ehrs(ehr_table("http://127.0.0.1:9"))
    return open_services(settings_for(tmp_path), ehrs=ehrs, clock=clock)


@pytest.fixture
def application(services: AppServices) -> Flask:
    return create_app(services=services)


def _value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def _session(ehr, **changes: object) -> ObservedSession:
    limits = Limits(connect_seconds=1, read_seconds=0.3, total_seconds=1, retries=0)
    return ObservedSession([ehr.base_url], limits=limits, networks=LOOPBACK, ehr_id="watched", purpose="fhir")


@pytest.mark.parametrize(("status", "outcome"), [(200, "2xx"), (404, "4xx"), (500, "5xx")])
def test_a_call_to_the_ehr_is_counted_by_class_of_status(ehr, status: int, outcome: str) -> None:
    ehr.answers["/fhir/metadata"] = lambda _: Response(status=status)
    before = _value("aki_ehr_calls_total", ehr="watched", purpose="fhir", outcome=outcome)
    timed = _value("aki_ehr_call_seconds_count", ehr="watched", purpose="fhir")
    _session(ehr).get(f"{ehr.fhir_base}/metadata")
    assert _value("aki_ehr_calls_total", ehr="watched", purpose="fhir", outcome=outcome) == before + 1
    assert _value("aki_ehr_call_seconds_count", ehr="watched", purpose="fhir") == timed + 1


def test_a_call_that_fails_is_counted_by_what_kept_it_from_an_answer(ehr) -> None:
    def count(outcome: str) -> float:
        return _value("aki_ehr_calls_total", ehr="watched", purpose="fhir", outcome=outcome)

    refused, unreachable = count("address-not-registered"), count("unreachable")
    with pytest.raises(OutboundRefused):
        _session(ehr).get("http://127.0.0.1:9/elsewhere")
    gone = ObservedSession(
        ["http://127.0.0.1:9"], limits=Limits(retries=0), networks=LOOPBACK, ehr_id="watched", purpose="fhir"
    )
    with pytest.raises(requests.ConnectionError):
        gone.get("http://127.0.0.1:9/fhir")
    assert (count("address-not-registered"), count("unreachable")) == (refused + 1, unreachable + 1)


def test_the_requests_id_goes_along_to_the_ehr(ehr) -> None:
    with structlog.contextvars.bound_contextvars(request_id="request-42"):
        _session(ehr).get(f"{ehr.fhir_base}/metadata")
    structlog.contextvars.clear_contextvars()
    _session(ehr).get(f"{ehr.fhir_base}/metadata")
    sent = [each.headers.get("X-Request-Id") for each in ehr.asked]
    assert sent == ["request-42", None]


def test_the_requests_id_goes_along_from_the_readers_threads(ehr) -> None:
    from patient_context.reader import _in_parallel

    class Server:
        def seconds_left(self) -> float:
            return 5.0

    def ask() -> int:
        return _session(ehr).get(f"{ehr.fhir_base}/metadata").status_code

    with structlog.contextvars.bound_contextvars(request_id="request-43"):
        _in_parallel(Server(), [ask, ask])  # type: ignore[arg-type]
    assert [each.headers.get("X-Request-Id") for each in ehr.asked] == ["request-43"] * 2


def test_a_refused_launch_and_a_refused_hook_call_are_counted(application: Flask) -> None:
    launches = _value("aki_launches_total", ehr="unknown", outcome="http-403")
    hooks = _value("aki_hook_calls_total", service="aki-patient-view", outcome="401")
    unknown = _value("aki_hook_calls_total", service="unknown", outcome="404")
    client = application.test_client()
    client.get("/launch", query_string={"iss": "https://canary.example", "launch": "canary"})
    client.post("/cds-services/aki-patient-view", json={})
    client.post("/cds-services/canary-service", json={})
    assert _value("aki_launches_total", ehr="unknown", outcome="http-403") == launches + 1
    assert _value("aki_hook_calls_total", service="aki-patient-view", outcome="401") == hooks + 1
    assert _value("aki_hook_calls_total", service="unknown", outcome="404") == unknown + 1
    assert "canary" not in client.get("/metrics").text


def test_the_state_of_the_installation_is_in_the_metrics(services: AppServices) -> None:
    refused = replace(services, model=ModelRefused("tampered", "digest differs"))
    text = create_app(services=refused).test_client().get("/metrics").text
    assert "aki_model_available 0.0" in text
    assert "aki_database_up 1.0" in text
    assert "aki_jobs_last_finished_timestamp_seconds 0.0" in text
    with services.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE job_lease")
    assert "aki_database_up 0.0" in create_app(services=services).test_client().get("/metrics").text


def test_what_was_found_of_the_predictions_is_in_the_metrics_where_it_can_be_said(services: AppServices) -> None:
    row = {"ehr_id": "local", "head": "onset", "month": "2026-02", "judged_at": services.clock(), "alarms": 2}
    row |= {"predictions": 120, "known": 60, "observed_over_expected": 2.1, "alert_rate": 0.1}
    with services.engine.begin() as connection:
        connection.execute(insert(JudgedPredictionRow), row)
    text = create_app(services=services).test_client().get("/metrics").text
    assert 'aki_predictions_observed_over_expected{ehr="local",head="onset"} 2.1' in text
    assert 'aki_predictions_alarms{ehr="local",head="onset"} 2.0' in text
    assert "aki_predictions_auroc{" not in text


def test_an_audit_that_fails_is_counted(services: AppServices) -> None:
    from app.auditing.trail import AuditEvent

    before = _value("aki_audit_failures_total")
    with services.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE audit_event")
    with pytest.raises(AuditFailed):
        services.audit.record(AuditEvent("chart-viewed", "x"))
    assert _value("aki_audit_failures_total") == before + 1


def _metrics_known() -> set[str]:
    made = [
        each
        for module in (metrics, counters)
        for each in vars(module).values()
        if isinstance(each, Counter | Histogram)
    ]
    names = {each._name + ("_total" if each._type == "counter" else "") for each in made}
    names |= {f"{each._name}_bucket" for each in made if each._type == "histogram"}
    state = re.findall(r'"(aki_[a-z_]+)"', (ROOT / "app/telemetry/metrics.py").read_text())
    return names | set(state)


@pytest.mark.parametrize("path", ["deploy/prometheus/alerts.yaml", "deploy/grafana/aki-sentinel.json"])
def test_dashboard_and_alerts_name_only_metrics_that_exist(path: str) -> None:
    text = (ROOT / path).read_text()
    named = {name for name in re.findall(r"\baki_[a-z_]+\b", text) if name not in ("aki_sentinel",)}
    assert named
    assert named <= _metrics_known(), named - _metrics_known()
    if path.endswith(".json"):
        assert len({panel["id"] for panel in json.loads(text)["panels"]}) == len(json.loads(text)["panels"])


def test_every_alert_is_explained_to_the_operator() -> None:
    alerts = re.findall(r"- alert: (\w+)", (ROOT / "deploy/prometheus/alerts.yaml").read_text())
    explained = re.findall(r"^\| `(Aki\w+)`", (ROOT / "docs/operations.md").read_text(), flags=re.MULTILINE)
    assert sorted(alerts) == sorted(explained)


def test_every_label_is_a_name_of_ours() -> None:
    known = {"endpoint", "status", "ehr", "outcome", "service", "purpose", "topic"}
    made = [
        each
        for module in (metrics, counters)
        for each in vars(module).values()
        if isinstance(each, Counter | Histogram)
    ]
    assert {label for each in made for label in each._labelnames} <= known
