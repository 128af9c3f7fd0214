"""Spans by OpenTelemetry, to a collector that its own variables name; imported only where they do."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import StatusCode

from gateway import __version__
from gateway.endings import Ending
from gateway.errors import GatewayError
from gateway.telemetry.replica import replica
from gateway.telemetry.traces import Phase, Span

PREFIX = "vnc_gateway."

FLUSH = 3.0
"""Seconds in which the last spans may go out at the end; a collector that is away holds nobody up."""


class OtelTraces:
    """Records spans in the background: when more come than go out, some are dropped."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._provider = TracerProvider(resource=_resource(environ), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("gateway", __version__)

    @contextmanager
    def span(self, phase: Phase, **attributes: str) -> Iterator[Span]:
        """See Traces."""
        named = {PREFIX + name: value for name, value in attributes.items()}
        with self._tracer.start_as_current_span(
            phase,
            attributes=named,
            record_exception=False,  # its text may hold an address, and with that a token
            set_status_on_exception=False,
        ) as span:
            try:
                yield _Span(span)
            except BaseException as error:
                span.set_status(StatusCode.ERROR)
                span.set_attribute("error.type", type(error).__name__)
                if isinstance(error, GatewayError):
                    span.set_attribute(PREFIX + "ending", error.ending.name)
                raise

    def close(self) -> None:
        """Send what is left, in bounded time."""
        closing = threading.Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        closing.join(FLUSH)


class _Span:
    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def ended(self, ending: Ending) -> None:
        """See Span."""
        self._span.set_attribute(PREFIX + "ending", ending.name)


def _resource(environ: Mapping[str, str]) -> Resource:
    known = {"service.version": __version__, "service.instance.id": replica()}
    if not environ.get("OTEL_SERVICE_NAME") and "service.name=" not in environ.get("OTEL_RESOURCE_ATTRIBUTES", ""):
        known["service.name"] = "vnc-gateway"
    return Resource.create(known)
