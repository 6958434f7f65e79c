"""Traces for those who collect them (OpenTelemetry, the `otel` extra), from which no patient can be told.

Instrumentation writes whole addresses into its spans, and an address here names a patient or a launch. So what
leaves is a copy of each span with the attributes on a list, and without events and messages.
"""

from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from flask import Flask

from app.configured.problems import ConfigurationError
from app.configured.settings import PREFIX
from app.version import product_version

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter

KEPT_ATTRIBUTES: Final = frozenset(
    {
        "http.request.method",
        "http.response.status_code",
        "http.route",
        "http.method",
        "http.status_code",
        "server.address",
        "server.port",
        "error.type",
    }
)
_SERVICE: Final = "aki-sentinel"
_PATH: Final = "/v1/traces"


def start_tracing(app: Flask, endpoint: str) -> None:
    """Trace this application's answers and its calls to EHRs, to an OTLP/HTTP collector.

    Raises ConfigurationError when the `otel` extra is not installed.
    """
    if find_spec("opentelemetry.sdk") is None or find_spec("opentelemetry.exporter") is None:
        raise ConfigurationError([f"{PREFIX}OTLP_ENDPOINT: needs the extra `otel` (install aki-sentinel[otel])"])
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    trace_to(app, OTLPSpanExporter(endpoint=endpoint.rstrip("/") + _PATH))


def trace_to(app: Flask, exporter: "SpanExporter", *, at_once: bool = False) -> None:
    """As `start_tracing`, to any exporter; `at_once` sends each span by itself."""
    from opentelemetry.instrumentation.flask import FlaskInstrumentor
    from opentelemetry.instrumentation.requests import RequestsInstrumentor
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor

    resource = Resource({"service.name": _SERVICE, "service.version": product_version()})
    provider = TracerProvider(resource=resource)
    careful = _careful(exporter)
    provider.add_span_processor(SimpleSpanProcessor(careful) if at_once else BatchSpanProcessor(careful))
    flask: Any = FlaskInstrumentor()
    flask.instrument_app(app, tracer_provider=provider, excluded_urls="health,ready,metrics")
    RequestsInstrumentor().instrument(tracer_provider=provider)


def _careful(exporter: "SpanExporter") -> "SpanExporter":
    """The exporter, seeing only copies of spans that name nobody."""
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

    class Careful(SpanExporter):
        def export(self, spans: Sequence["ReadableSpan"]) -> SpanExportResult:
            return exporter.export([without_patient(span) for span in spans])

        def shutdown(self) -> None:
            exporter.shutdown()

    return Careful()


def without_patient(span: "ReadableSpan") -> "ReadableSpan":
    """A copy with the attributes on the list; no events (an exception's text), no links, no message."""
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import Status

    attributes: dict[str, Any] = {k: v for k, v in (span.attributes or {}).items() if k in KEPT_ATTRIBUTES}
    return ReadableSpan(
        name=_name(span),
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=attributes,
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _name(span: "ReadableSpan") -> str:
    """Method and route; an address that met no route would otherwise be the name."""
    attributes = span.attributes or {}
    method = attributes.get("http.request.method", attributes.get("http.method", "call"))
    return " ".join(str(part) for part in (method, attributes.get("http.route")) if part)
