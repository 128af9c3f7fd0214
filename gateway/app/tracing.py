"""Traces, where the environment asks for them."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import structlog

from gateway.telemetry.traces import NoTraces, Traces

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
"""OpenTelemetry's own variables for where a collector is."""


@asynccontextmanager
async def tracing(environ: Mapping[str, str]) -> AsyncIterator[Traces]:
    """To the collector that `environ` names; without one, or without the extra, nothing is recorded or imported."""
    if not any(environ.get(name) for name in ENDPOINTS) or environ.get("OTEL_TRACES_EXPORTER") == "none":
        yield NoTraces()
        return
    try:
        from gateway.telemetry.otel import OtelTraces
    except ImportError:
        structlog.get_logger().warning("traces.not_installed", note="pip install 'vnc-gateway[otel]'")
        yield NoTraces()
        return
    traces = OtelTraces(environ)
    try:
        yield traces
    finally:
        await asyncio.to_thread(traces.close)
