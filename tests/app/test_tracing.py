"""Traces: useful to whoever runs the service, and useless for finding out who the patient was."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from app.configured.problems import ConfigurationError
from app.factory import create_app
from app.services import AppServices, open_services
from app.telemetry import tracing
from app.telemetry.tracing import KEPT_ATTRIBUTES, start_tracing, trace_to, without_patient
from tests.builders.clock import Clock
from tests.builders.fake_ehr import FakeEhr
from tests.builders.registrations import ehr_table, local_ehrs, settings_for

MARK = "canary-71c"


@pytest.fixture
def services(ehr: FakeEhr, tmp_path: Path, clock: Clock) -> AppServices:
    return open_services(settings_for(tmp_path), ehrs=local_ehrs(ehr_table(ehr.base_url)), clock=clock)


@pytest.fixture
def spans(services: AppServices, ehr: FakeEhr) -> Iterator[tuple[ReadableSpan, ...]]:
    """What a collector receives of a launch, a call to the EHR with a patient in it, and an unknown address."""
    app, collected = create_app(services=services), InMemorySpanExporter()
    trace_to(app, collected, at_once=True)
    try:
        client = app.test_client()
        client.get("/launch", query_string={"iss": ehr.fhir_base, "launch": MARK})
        client.get(f"/p/{MARK}/")
        client.get(f"/{MARK}")
        services.http_session_for("local").get(f"{ehr.fhir_base}/Patient/{MARK}?name={MARK}#x")
        yield collected.get_finished_spans()
    finally:
        RequestsInstrumentor().uninstrument()
        FlaskInstrumentor().uninstrument_app(app)


def test_answers_and_calls_to_the_ehr_are_told_apart_by_method_and_route(spans: tuple[ReadableSpan, ...]) -> None:
    assert {span.name for span in spans} >= {"GET /launch", "GET /p/<launch_id>/", "GET"}


def test_no_span_carries_an_address_a_patient_or_an_exceptions_text(spans: tuple[ReadableSpan, ...]) -> None:
    assert len(spans) >= 4
    for span in spans:
        assert MARK not in span.to_json()
        assert set(span.attributes or {}) <= KEPT_ATTRIBUTES
        assert not span.events
        assert span.status.description is None


def test_an_exceptions_text_stays_here() -> None:
    with TracerProvider().get_tracer("test").start_as_current_span(f"/{MARK}") as span:
        span.record_exception(ValueError(MARK))
        span.set_status(StatusCode.ERROR, MARK)
    assert isinstance(span, ReadableSpan)
    assert MARK in span.to_json()
    assert MARK not in without_patient(span).to_json()


def test_a_collector_without_the_extra_is_a_configuration_problem_that_names_the_cure(
    services: AppServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracing, "find_spec", lambda _: None)
    with pytest.raises(ConfigurationError) as refused:
        start_tracing(create_app(services=services), "http://collector.example:4318")
    assert "otel" in refused.value.problems[0]


@pytest.mark.parametrize("address", ["collector:4318", "ftp://collector", "https://c/?key=1"])
def test_an_address_that_is_no_collector_is_refused_at_the_start(tmp_path: Path, address: str) -> None:
    with pytest.raises(ValueError, match="must be the address of a collector"):
        settings_for(tmp_path, otlp_endpoint=address)
