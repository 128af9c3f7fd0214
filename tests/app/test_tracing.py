"""A session's phases as spans at a real collector's door; without the extra, or without a collector, nothing at all."""

import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from structlog.testing import capture_logs
from support.inprocess import ending, read, rfb_handshake, site
from support.scripted_server import Connection, ScriptedServer

from gateway import __version__
from gateway.app.tracing import tracing
from gateway.telemetry.replica import replica
from gateway.telemetry.traces import NoTraces

BELL = b"\x02"


class Collector:
    """Takes OTLP over HTTP; `spans` by name, in the order of their ends."""

    def __init__(self) -> None:
        self.resource: dict[str, str] = {}
        self.spans: list[Span] = []
        self.bodies = b""

    def named(self, name: str) -> list[Span]:
        return [span for span in self.spans if span.name == name]

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.bodies += body
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.resource |= {one.key: one.value.string_value for one in resource.resource.attributes}
            for scope in resource.scope_spans:
                self.spans += scope.spans
        return web.Response(body=b"", content_type="application/x-protobuf")

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        app = web.Application()
        app.router.add_post("/v1/traces", self._take)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        listener = web.TCPSite(runner, "127.0.0.1", 0)
        await listener.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        await runner.cleanup()


@pytest.fixture
async def collector(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Collector]:
    collector = Collector()
    async with collector.listening() as url:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        yield collector


def attributes(span: Span) -> dict[str, str]:
    return {one.key: one.value.string_value for one in span.attributes}


async def test_a_session_is_a_trace_of_its_phases(collector: Collector):
    async def dies_once(connection: Connection) -> None:
        await connection.handshake()
        await connection.send(BELL)
        while server.connections > 1 and await connection.reader.read(65536):
            pass

    server = ScriptedServer(dies_once)
    async with server.running(), site({"vm": server.url}, reconnect={"window": 20}) as running:
        ws = await running.dial()
        await rfb_handshake(ws)
        assert await read(ws, 2) == BELL * 2
        await ws.close()
    (session,) = collector.named("session")
    (splice,) = collector.named("splice")
    assert {span.trace_id for span in collector.spans} == {session.trace_id}
    for phase in ("locate", "dial", "handshake"):
        first, second = collector.named(phase)
        assert (first.parent_span_id, second.parent_span_id) == (session.span_id, splice.span_id)
        assert attributes(first) == {"vnc_gateway.kind": "static", "vnc_gateway.provider": "lab"}
        assert session.start_time_unix_nano <= first.start_time_unix_nano <= first.end_time_unix_nano
    assert splice.parent_span_id == session.span_id
    said = attributes(session)
    assert (said["vnc_gateway.console"], said["vnc_gateway.ending"]) == ("lab/vm", "closed")
    assert len(said["vnc_gateway.session"]) == 16
    assert collector.resource["service.name"] == "vnc-gateway"
    assert collector.resource["service.version"] == __version__
    assert collector.resource["service.instance.id"] == replica()


async def test_what_fails_says_how_and_not_where(collector: Collector):
    console = {"url": "ws://127.0.0.1:1/secret-path?token=hidden"}
    async with site({"vm": console}) as running:
        ws = await running.dial()
        await ws.send_bytes(b"RFB 003.008\n\x01\x01")
        assert (await ending(ws))[1] == "upstream_lost"
    (dial,) = collector.named("dial")
    assert dial.status.code == dial.status.STATUS_CODE_ERROR
    assert attributes(dial)["vnc_gateway.ending"] == "upstream_lost"
    assert attributes(dial)["error.type"] == "UpstreamUnreachable"
    for hidden in (b"127.0.0.1:1", b"secret-path", b"hidden", b"local"):
        assert hidden not in collector.bodies


async def test_a_collector_that_is_away_holds_nobody_up(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("gateway.telemetry.otel.FLUSH", 0.1)
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
    monkeypatch.setenv(*environ.popitem())
    async with tracing(os.environ) as traces:
        with traces.span("session", session="s1"):
            pass


@pytest.mark.parametrize(
    "environ", [{}, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_TRACES_EXPORTER": "none"}]
)
async def test_nothing_is_recorded_unless_asked_for(environ: dict[str, str]):
    async with tracing(environ) as traces:
        assert isinstance(traces, NoTraces)


async def test_without_the_extra_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    monkeypatch.delitem(sys.modules, "gateway.telemetry.otel", raising=False)
    with capture_logs() as lines:
        async with tracing({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}) as traces:
            assert isinstance(traces, NoTraces)
    assert [line["event"] for line in lines] == ["traces.not_installed"]


def test_nothing_of_it_is_imported_by_a_gateway_that_records_nothing():
    look = "import sys, gateway.app.serving; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    imported = ran.stdout.split()
    assert "gateway.app.tracing" in imported
    for recorder in ("gateway.telemetry.otel", "opentelemetry.sdk.trace", "opentelemetry.exporter"):
        assert recorder not in imported  # redis-py looks for the rest by itself, where it is installed
